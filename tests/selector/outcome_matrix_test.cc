#include "selector/outcome_matrix.h"

#include <cmath>

#include "absl/time/time.h"
#include "base/status.h"
#include "storage/sqlite_store.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using testing::TempDir;

// Two questions under the baseline and one pruned head, stored through the real store.
class OutcomeMatrixTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = dir_.File("results.db");
    auto store = OpenSqliteStore(options);
    ASSERT_OK(store);
    store_ = *std::move(store);
    ExperimentPlan plan;
    plan.name = "tiny";
    plan.runs = {RunRecord{}};
    plan.questions = {{{1, 2}, "one"}, {{3, 4}, "two"}};
    plan.problems = {{"p/0", 0, "one", "1", "", ""}, {"p/1", 1, "two", "2", "", ""}};
    plan.arms = {Arm(), *Arm::Parse("L0H1")};
    plan.blocks = {{0, {0, 1}, {0, 1}, 0, 1}};
    auto created = store_->CreateExperiment(plan, absl::UnixEpoch());
    ASSERT_OK(created);
    id_ = created->id;
    auto record = store_->LoadExperiment(id_);
    ASSERT_OK(record);
    record_ = *std::move(record);
    auto golds = store_->Golds(id_);
    ASSERT_OK(golds);
    golds_ = *std::move(golds);
  }

  void Answer(size_t question, size_t arm, bool correct) {
    OutcomeRecord outcome;
    outcome.cell = {record_.runs[0].id, record_.questions[question].id, record_.arms[arm].id, 0};
    outcome.tokens = {7};
    outcome.text = "7";
    outcome.experiments = {id_};
    for (const GoldEntry& gold : golds_) {
      if (gold.question == outcome.cell.question) {
        outcome.verdicts.push_back({outcome.cell, gold.gold, 1, correct, "7", "last_number", ""});
      }
    }
    WriteBatch batch;
    batch.outcomes = {outcome};
    ASSERT_OK(store_->Commit(batch));
  }

  OutcomeMatrix Load() {
    auto reader = Reader::Open(dir_.File("results.db"));
    EXPECT_OK(reader);
    auto matrix = LoadOutcomeMatrix(**reader, id_);
    EXPECT_OK(matrix);
    return matrix.ok() ? *matrix : OutcomeMatrix{};
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
  ExperimentId id_;
  ExperimentRecord record_;
  std::vector<GoldEntry> golds_;
};

TEST_F(OutcomeMatrixTest, HoldsOneRowAProblemAndOneColumnAnArmBaselineFirst) {
  Answer(0, 0, false);
  Answer(0, 1, true);
  Answer(1, 0, true);
  Answer(1, 1, false);
  const OutcomeMatrix matrix = Load();
  EXPECT_THAT(matrix.problems, ::testing::ElementsAre("p/0", "p/1"));
  EXPECT_THAT(matrix.arm_names, ::testing::ElementsAre("baseline", "L0H1"));
  EXPECT_THAT(matrix.right, ::testing::ElementsAre(0, 1, 1, 0));
}

TEST_F(OutcomeMatrixTest, LeavesWhatIsMissingUnknownAndComparesArmsOnCommonProblemsOnly) {
  Answer(0, 0, true);
  Answer(0, 1, false);
  Answer(1, 0, false);  // the pruned arm has not answered the second question
  const OutcomeMatrix matrix = Load();
  EXPECT_TRUE(std::isnan(matrix.At(1, 1)));
  EXPECT_THAT(matrix.AccuracyOnCommonProblems(), ::testing::ElementsAre(1.0, 0.0));
}

TEST_F(OutcomeMatrixTest, SaysWhatIsWrongWhenThereIsNothingToRead) {
  auto reader = Reader::Open(dir_.File("results.db"));
  ASSERT_OK(reader);
  EXPECT_EQ(LoadOutcomeMatrix(**reader, id_).status().code(), absl::StatusCode::kFailedPrecondition);
  const absl::Status unknown = LoadOutcomeMatrix(**reader, ExperimentId(99)).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(unknown), Reason::kExperimentUnknown);
}

}  // namespace
}  // namespace sprint
