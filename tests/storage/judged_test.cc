// Reader::Judged on grids small enough to count by hand.
#include "storage/judged.h"

#include "storage/reader.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class JudgedTest : public ::testing::Test {
 protected:
  void Create(const ExperimentPlan& plan) {
    SqliteStoreOptions options;
    options.path = path_;
    ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options));
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created, store_->CreateExperiment(plan, TestTime()));
    ASSERT_OK_AND_ASSIGN(record_, store_->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(golds_, store_->Golds(created.id));
    ASSERT_OK_AND_ASSIGN(reader_, Reader::Open(path_));
  }
  void Finish(size_t question, size_t arm, bool right, int32_t sample = 0, bool judged = true) {
    WriteBatch batch;
    batch.outcomes = {TestOutcome(CellAt(record_, question, arm, sample))};
    if (judged) {
      batch.outcomes[0].verdicts = {TestVerdict(batch.outcomes[0].cell, golds_[question].gold, right)};
    }
    ASSERT_OK(store_->Commit(batch));
  }
  // "subject selected quarantined: arm/sample=right …" of each question; "!" behind a settled one.
  std::vector<std::string> Read(ReadAnswers answers = ReadAnswers::kNo) {
    std::vector<std::string> lines;
    const absl::StatusOr<JudgedExperiment> result =
        reader_->Judged(record_.id, answers, [&lines](const JudgedQuestion& question) {
          std::string line =
              absl::StrCat(question.subject, " ", question.selected, " ", question.quarantined, ":");
          for (const JudgedCell& cell : question.cells) {
            absl::StrAppend(&line, " ", cell.arm, "/", cell.sample, "=", cell.right ? 1 : 0, cell.answer);
          }
          lines.push_back(line + (question.settled() ? " !" : ""));
          return true;
        });
    EXPECT_OK(result);
    if (result.ok()) last_ = *result;
    return lines;
  }

  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  std::unique_ptr<Store> store_;
  ExperimentRecord record_;
  std::vector<GoldEntry> golds_;
  std::unique_ptr<Reader> reader_;
  JudgedExperiment last_;
};

TEST_F(JudgedTest, HandsOutCellsQuestionByQuestionAndSaysWhichAreSettled) {
  Create(GridPlan(3, 2));
  Finish(0, 1, true);
  Finish(0, 0, false);
  Finish(1, 0, true);
  EXPECT_THAT(Read(), ElementsAre("even 2 0: 0/0=0 1/0=1 !", "odd 2 0: 0/0=1", "even 2 0:"));
  EXPECT_THAT(last_.arms, ElementsAre("baseline", "L3H0"));
  EXPECT_EQ(last_.baseline, 0u);
  EXPECT_EQ(last_.questions, 3);
  EXPECT_THAT(last_.engine_modes, ElementsAre("exact"));
  EXPECT_THAT(last_.judge_versions, ElementsAre(1));
}

TEST_F(JudgedTest, TakesAnAnswerWithoutAVerdictForOneThatIsStillToCome) {
  Create(GridPlan(1, 2));
  Finish(0, 0, true);
  Finish(0, 1, true, 0, /*judged=*/false);
  EXPECT_THAT(Read(), ElementsAre("even 2 0: 0/0=1"));
}

TEST_F(JudgedTest, SettlesAQuestionWhoseOtherCellIsQuarantined) {
  Create(GridPlan(1, 2));
  Finish(0, 0, true);
  WriteBatch batch;
  batch.failures = {{CellAt(record_, 0, 1), 3, true, "it failed", {}}};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_THAT(Read(), ElementsAre("even 2 1: 0/0=1 !"));
  EXPECT_EQ(last_.quarantined, 1);
}

TEST_F(JudgedTest, KeepsToTheLatestVerdictOfEachGold) {
  Create(GridPlan(1, 1));
  Finish(0, 0, false);
  WriteBatch batch;
  batch.verdicts = {TestVerdict(CellAt(record_, 0, 0), golds_[0].gold, true, 2)};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_THAT(Read(), ElementsAre("even 1 0: 0/0=1 !"));
  EXPECT_THAT(last_.judge_versions, ElementsAre(2));
}

TEST_F(JudgedTest, CountsAQuestionOfTwoProblemsOnceAndAnyOfTheirGolds) {
  ExperimentPlan plan = GridPlan(1, 1);
  plan.problems.push_back({"again", 0, "text", "another gold", "late", "2"});
  Create(plan);
  ASSERT_THAT(golds_, SizeIs(2));
  WriteBatch batch;
  batch.outcomes = {TestOutcome(CellAt(record_, 0, 0))};
  batch.outcomes[0].verdicts = {TestVerdict(batch.outcomes[0].cell, golds_[0].gold, true),
                                TestVerdict(batch.outcomes[0].cell, golds_[1].gold, false)};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_THAT(Read(), ElementsAre("even 1 0: 0/0=1 !"));
}

TEST_F(JudgedTest, SkipsQuestionsWithoutAGold) {
  ExperimentPlan plan = GridPlan(2, 1);
  plan.problems[0].gold = "";
  Create(plan);
  EXPECT_THAT(Read(), ElementsAre("odd 1 0:"));
  EXPECT_EQ(last_.questions, 2);
  EXPECT_EQ(last_.without_gold, 1);
}

TEST_F(JudgedTest, KeepsToTheExperimentsOwnCells) {
  // Another experiment has a third arm and a second sample of the same questions.
  Create(GridPlan(1, 3, 2));
  for (size_t arm = 0; arm < 3; ++arm) {
    for (int32_t sample = 0; sample < 2; ++sample) Finish(0, arm, true, sample);
  }
  EXPECT_THAT(Read(ReadAnswers::kOfSamples),
              ElementsAre("even 6 0: 0/0=142 0/1=142 1/0=142 1/1=142 2/0=142 2/1=142 !"));
  EXPECT_EQ(last_.samples, 2);
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment small, store_->CreateExperiment(GridPlan(1, 2), TestTime()));
  record_.id = small.id;
  EXPECT_THAT(Read(), ElementsAre("even 2 0: 0/0=1 1/0=1 !"));
  record_.id = ExperimentId(99);
  EXPECT_THAT(Read(), SizeIs(0)) << "unknown";
}

TEST_F(JudgedTest, KnowsWhereEachQuestionHasArmsOfItsOwn) {
  ExperimentPlan plan = GridPlan(3, 3);
  plan.blocks = {{0, {0, 2}, {0, 1}, 0, 1}, {0, {1}, {2}, 0, 1}};
  Create(plan);
  Finish(0, 1, true);
  // Question 2 has an outcome of an arm that it was not given here.
  WriteBatch batch;
  batch.outcomes = {TestOutcome(CellAt(record_, 0, 0, 0, 1))};
  batch.outcomes[0].cell.question = record_.blocks[0].questions[1];
  ASSERT_OK(store_->Commit(batch));
  EXPECT_THAT(Read(), ElementsAre("even 2 0: 1/0=1", "even 2 0:", "odd 1 0:"));
  EXPECT_TRUE(last_.own_arms);
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment grid, store_->CreateExperiment(GridPlan(3, 3), TestTime()));
  record_.id = grid.id;
  Read();
  EXPECT_FALSE(last_.own_arms);
}

TEST_F(JudgedTest, ReadsOneSnapshotAndHoldsNothingAfterwards) {
  Create(GridPlan(2, 1));
  Finish(0, 0, true);
  int64_t seen = 0;
  ASSERT_OK(reader_->Judged(record_.id, ReadAnswers::kNo, [&](const JudgedQuestion& question) {
    if (seen == 0 && question.cells.size() == 1) Finish(1, 0, true);  // commits between two questions
    seen += static_cast<int64_t>(question.cells.size());
    return true;
  }));
  EXPECT_EQ(seen, 1);
  EXPECT_THAT(Read(), ElementsAre("even 1 0: 0/0=1 !", "odd 1 0: 0/0=1 !"));
}

}  // namespace
}  // namespace sprint::testing
