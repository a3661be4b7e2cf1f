#include "coordinator/http/metrics.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/testing/http_get.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, ServesWhatWasCommittedAndTheLevelsAsTheyAre) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Metrics> metrics, Metrics::Serve("127.0.0.1:0"));
  WriteBatch batch;
  batch.outcomes.resize(2);
  batch.outcomes[0].tokens = {1, 2, 3};
  batch.outcomes[1].tokens = {4};
  batch.alarms.resize(1);
  metrics->Committed(batch, absl::Milliseconds(3));
  metrics->Committed({}, absl::Milliseconds(300));
  MetricLevels levels;
  levels.workers = 5;
  levels.leased_cells = 40;
  levels.queue_length = 7;
  levels.wal_bytes = 4096;
  metrics->SetLevels(levels);
  ASSERT_OK_AND_ASSIGN(const std::string page, HttpGet(metrics->port(), "/metrics"));
  EXPECT_THAT(page, HasSubstr("200 OK"));
  EXPECT_THAT(page, HasSubstr("\nsprint_outcomes_total 2\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_tokens_total 4\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_determinism_alarms_total 1\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_commit_seconds_count 2\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_commit_seconds_bucket{le=\"0.005\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_workers 5\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_leased_cells 40\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_event_queue_length 7\n"));
  EXPECT_THAT(page, HasSubstr("\nsprint_wal_bytes 4096\n"));
  levels.workers = 0;
  metrics->SetLevels(levels);
  EXPECT_THAT(HttpGet(metrics->port(), "/metrics").value(), HasSubstr("\nsprint_workers 0\n"));
}

TEST(MetricsTest, HasNothingAtOtherPaths) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Metrics> metrics, Metrics::Serve("127.0.0.1:0"));
  EXPECT_THAT(HttpGet(metrics->port(), "/elsewhere").value(), HasSubstr(" 404 "));
}

TEST(MetricsTest, APortInUseIsAnErrorThatSaysWhatToDo) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Metrics> metrics, Metrics::Serve("127.0.0.1:0"));
  const std::string address = absl::StrCat("127.0.0.1:", metrics->port());
  const absl::Status status = Metrics::Serve(address).status();
  EXPECT_EQ(ReasonOf(status), Reason::kAddressInUse);
  EXPECT_THAT(std::string(status.message()), HasSubstr(address));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--metrics"));
}

}  // namespace
}  // namespace sprint::testing
