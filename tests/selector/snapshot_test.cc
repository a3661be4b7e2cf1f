#include "selector/snapshot.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status.h"
#include "tests/selector/fixture.h"

namespace sprint {
namespace {

using testing::GridPlan;
using testing::MadeUpAnswer;
using testing::SweepDatabase;

constexpr int32_t kQuestions = 40;
constexpr int32_t kArms = 3;

MadeUpAnswer EveryThird(int32_t question, int32_t arm) {
  const bool right = (question + arm) % 3 == 0;
  return {right, right ? "42" : absl::StrCat(arm)};
}

// A grid whose questions have texts of their own.
ExperimentPlan Plan(int32_t questions = kQuestions) {
  ExperimentPlan plan = GridPlan(questions, kArms);
  for (int32_t i = 0; i < questions; ++i)
    plan.problems[static_cast<size_t>(i)].text = absl::StrCat("number ", i, " asks about thing ", i * i);
  return plan;
}

Snapshot Freeze(const SweepDatabase& database, const FreezeOptions& options = {}) {
  auto snapshot = FreezeSnapshot(*database.OpenReader(), options);
  EXPECT_OK(snapshot);
  return snapshot.ok() ? *std::move(snapshot) : Snapshot{};
}

TEST(SnapshotTest, HoldsEveryJudgedOutcomeWithItsAnswersClass) {
  SweepDatabase database;
  database.AddSweep(Plan(), EveryThird);
  const Snapshot snapshot = Freeze(database);
  ASSERT_EQ(snapshot.problems.size(), static_cast<size_t>(kQuestions));
  EXPECT_THAT(snapshot.arms, ::testing::ElementsAre("baseline", "L3H0", "L3H1"));
  EXPECT_EQ(snapshot.name, "grid");
  EXPECT_EQ(snapshot.judge_version, 1);
  for (size_t q = 0; q < snapshot.problems.size(); ++q) {
    EXPECT_EQ(snapshot.problems[q].tokens.size(), 3u);
    for (size_t a = 0; a < kArms; ++a) EXPECT_EQ(snapshot.At(q, a).right, (q + a) % 3 == 0 ? 1 : 0);
  }
  // Question 1: the baseline says "0", arm 1 says "1", arm 2 is right.
  EXPECT_EQ(snapshot.At(1, 2).answer_class, 0);
  EXPECT_NE(snapshot.At(1, 0).answer_class, snapshot.At(1, 1).answer_class);
}

TEST(SnapshotTest, IsTheSameFromTheSameOutcomesAndSurvivesItsFile) {
  SweepDatabase database;
  database.AddSweep(Plan(), EveryThird);
  const Snapshot first = Freeze(database);
  const Snapshot second = Freeze(database);
  EXPECT_EQ(SnapshotToJson(first), SnapshotToJson(second));
  const std::string path = database.dir().File("grid.snapshot.json");
  ASSERT_OK(SaveSnapshot(first, path));
  auto loaded = LoadSnapshot(path);
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->ContentHash(), first.ContentHash());
  EXPECT_EQ(SnapshotToJson(*loaded), SnapshotToJson(first));
}

TEST(SnapshotTest, AnotherOutcomeSplitOrJudgeIsAnotherHashAndAnotherPathIsNot) {
  SweepDatabase database;
  database.AddSweep(Plan(), EveryThird);
  const Snapshot snapshot = Freeze(database);
  Snapshot other = snapshot;
  other.model_path = "/elsewhere";
  other.name = "renamed";
  EXPECT_EQ(other.ContentHash(), snapshot.ContentHash());
  other.outcomes[5].right ^= 1;
  EXPECT_NE(other.ContentHash(), snapshot.ContentHash());
  other = snapshot;
  other.judge_version = 2;
  EXPECT_NE(other.ContentHash(), snapshot.ContentHash());
  FreezeOptions reseeded;
  reseeded.split.seed = 9;
  EXPECT_NE(Freeze(database, reseeded).ContentHash(), snapshot.ContentHash());
}

TEST(SnapshotTest, AChangedOrForeignFileIsRefusedByName) {
  SweepDatabase database;
  database.AddSweep(Plan(), EveryThird);
  const std::string text = SnapshotToJson(Freeze(database));
  const std::string changed = absl::StrReplaceAll(text, {{"\"right\":\"100\"", "\"right\":\"101\""}});
  ASSERT_NE(changed, text);
  for (const std::string& bad :
       {changed, text.substr(0, text.size() / 2), std::string("{}"), std::string("[1,2]"),
        absl::StrReplaceAll(text, {{"\"arms\":[", "\"arms\":[7,"}}),
        absl::StrReplaceAll(text, {{"\"group\":", "\"grp\":"}})}) {
    const absl::Status status = SnapshotFromJson(bad, "some.snapshot.json").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("some.snapshot.json"));
  }
}

TEST(SnapshotTest, AGivenTestExperimentIsTheTestSetAndNoTrainingQuestion) {
  SweepDatabase database;
  database.AddSweep(Plan(), EveryThird);
  ExperimentPlan test = Plan(kQuestions + 10);
  test.name = "held out";
  test.questions.erase(test.questions.begin(), test.questions.begin() + 35);
  test.problems.erase(test.problems.begin(), test.problems.begin() + 35);
  for (size_t i = 0; i < test.problems.size(); ++i) test.problems[i].question = static_cast<int32_t>(i);
  test.blocks[0].questions = testing::UpTo(15);
  database.AddSweep(test, EveryThird);
  FreezeOptions options;
  options.experiments = {"grid"};
  options.test_experiments = {"held out"};
  const Snapshot snapshot = Freeze(database, options);
  ASSERT_EQ(snapshot.problems.size(), static_cast<size_t>(kQuestions + 10));
  for (size_t i = 0; i < snapshot.problems.size(); ++i)
    EXPECT_EQ(snapshot.problems[i].split == Split::kTest, i >= 35) << i;
}

TEST(SnapshotTest, SaysWhatIsMissing) {
  SweepDatabase database;
  database.AddSweep(Plan(), EveryThird);
  FreezeOptions options;
  options.experiments = {"no such"};
  EXPECT_EQ(ReasonOf(FreezeSnapshot(*database.OpenReader(), options).status()), Reason::kExperimentUnknown);
  ExperimentPlan other = Plan();
  other.name = "other run";
  other.runs = {testing::TestRun(2)};
  database.AddSweep(other, EveryThird);
  options.experiments = {"grid", "other run"};
  const absl::Status two_runs = FreezeSnapshot(*database.OpenReader(), options).status();
  EXPECT_EQ(two_runs.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(two_runs.message()), ::testing::HasSubstr("another run"));
}

}  // namespace
}  // namespace sprint
