// `sprint explain` and `sprint regrade`, over a database whose answers an older judge has judged.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "eval/judge.h"
#include "storage/sqlite_store.h"
#include "tests/cli/program.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

// Question i of the grid has the gold answer i. Question 1 under L3H0: boxed right, but an older judge
// said wrong. Question 1 under the baseline: wrong, and said so. Question 0: no gold was judged yet.
class ExplainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = folder_.File("sprint.db");
    ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(options));
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store->CreateExperiment(GridPlan(2, 2), TestTime()));
    ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(const std::vector<GoldEntry> golds, store->Golds(created.id));
    WriteBatch batch;
    const auto add = [&](size_t question, size_t arm, const std::string& text, FinishReason finish,
                         bool judged) {
      OutcomeRecord outcome = TestOutcome(CellAt(record, question, arm));
      outcome.text = text;
      outcome.finish = finish;
      if (judged) {
        outcome.verdicts = {TestVerdict(outcome.cell, golds[question].gold, false)};
        outcome.verdicts[0].judge_version = kJudgeVersion - 1;
        outcome.verdicts[0].extracted = "7";
      }
      outcome.experiments = {record.id};
      batch.outcomes.push_back(std::move(outcome));
    };
    add(0, 0, "It is \\boxed{0}.", FinishReason::kStop, false);
    add(1, 0, "I say \\boxed{7}", FinishReason::kLength, true);
    add(1, 1, "So it is \\boxed{1}.", FinishReason::kStopString, true);
    ASSERT_OK(store->Commit(batch));
  }
  ProgramResult Run(std::vector<std::string> arguments) const { return RunSprint(arguments, folder_.path()); }
  Json RunJson(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  const TempDir folder_;
};

TEST_F(ExplainTest, SaysHowAnAnswerEndedAndWhatTodaysJudgeWouldSay) {
  const ProgramResult stopped = Run({"explain", "grid", "L3H0", "q1"});
  EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
  EXPECT_THAT(stopped.out, HasSubstr("ended by a stop string"));
  EXPECT_THAT(stopped.out, HasSubstr(absl::StrCat("version ", kJudgeVersion, " says right")));
  const ProgramResult cut = Run({"explain", "grid", "baseline", "q1"});
  EXPECT_THAT(cut.out, HasSubstr("cut off (length)"));
  EXPECT_THAT(cut.out, HasSubstr("⟦7⟧"));
  const Json json = RunJson({"explain", "grid", "3:0", "q1"});
  EXPECT_EQ(json["verdict"], false);
  EXPECT_EQ(json["judge_version"], kJudgeVersion - 1);
  EXPECT_EQ(json["finish"], "stop_string");
}

TEST_F(ExplainTest, RegradeKeepsOlderVerdictsAndReportsWhatChanged) {
  const Json dry = RunJson({"regrade", "--dry-run"})["experiments"][0];
  EXPECT_EQ(dry["judged"], 3);
  EXPECT_EQ(dry["to_right"], 1);
  EXPECT_EQ(dry["to_wrong"], 0);
  EXPECT_EQ(dry["first"], 1);
  EXPECT_EQ(dry["changes"][0]["arm"], "L3H0");
  EXPECT_EQ(dry["changes"][0]["after"], "1");

  EXPECT_EQ(RunJson({"regrade", "grid"})["experiments"][0], dry);  // a dry run stored nothing
  const Json again = RunJson({"regrade", "grid"})["experiments"][0];
  EXPECT_EQ(again["judged"], 0);
  EXPECT_EQ(again["current"], 3);
  EXPECT_EQ(RunJson({"explain", "grid", "L3H0", "q1"})["verdict"], true);
  const ProgramResult rows = Run({"query", "SELECT count(*) FROM verdict", "--csv"});
  EXPECT_THAT(rows.out, HasSubstr("5"));  // two older, three of today's judge
  EXPECT_THAT(Run({"stats", "grid", "--json"}).err, Not(HasSubstr("older judge")));
}

}  // namespace
}  // namespace sprint::testing
