// The documented views, on a grid small enough to count by hand.
#include <map>

#include "storage/reader.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// Two questions under the baseline and two arms. Right: the baseline on q0; L3H0 on q1 (it fixes q1 and
// breaks q0); L3H1 on both (it fixes q1).
class ViewsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = path_;
    ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options));
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store_->CreateExperiment(GridPlan(2, 3), TestTime()));
    ASSERT_OK_AND_ASSIGN(record_, store_->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(golds_, store_->Golds(created.id));
    ASSERT_OK_AND_ASSIGN(const WorkerId worker,
                         store_->InternWorker({"i", "node-1", "cpu", "1", TestTime()}));
    const bool right[2][3] = {{true, false, true}, {false, true, true}};
    WriteBatch batch;
    for (size_t q = 0; q < 2; ++q) {
      for (size_t a = 0; a < 3; ++a) {
        OutcomeRecord outcome = TestOutcome(CellAt(record_, q, a));
        outcome.worker = worker;
        outcome.verdicts = {TestVerdict(outcome.cell, golds_[q].gold, right[q][a])};
        batch.outcomes.push_back(std::move(outcome));
      }
    }
    ASSERT_OK(store_->Commit(batch));
    ASSERT_OK_AND_ASSIGN(reader_, Reader::Open(path_));
  }
  // Rows as "a|b|c".
  std::vector<std::string> Select(const std::string& sql) {
    std::vector<std::string> rows;
    EXPECT_OK(reader_->ForEachRow(sql, {}, [&rows](const auto&, const std::vector<SqlValue>& row) {
      std::string line;
      for (const SqlValue& value : row) {
        if (!line.empty()) line += "|";
        if (const auto* number = std::get_if<int64_t>(&value)) absl::StrAppend(&line, *number);
        if (const auto* real = std::get_if<double>(&value)) absl::StrAppend(&line, *real);
        if (const auto* text = std::get_if<std::string>(&value)) line += *text;
        if (std::holds_alternative<std::monostate>(value)) line += "-";
      }
      rows.push_back(line);
      return true;
    }));
    return rows;
  }

  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  std::unique_ptr<Store> store_;
  ExperimentRecord record_;
  std::vector<GoldEntry> golds_;
  std::unique_ptr<Reader> reader_;
};

TEST_F(ViewsTest, OutcomesReadLikeATable) {
  EXPECT_THAT(
      Select(
          "SELECT experiment, problem, subject, arm, correct, answer, gold, tokens, finish, seconds, worker "
          "FROM v_outcome ORDER BY problem, arm_id"),
      ElementsAre("grid|q0|even|baseline|1|42|0|4|stop|2|node-1", "grid|q0|even|L3H0|0|42|0|4|stop|2|node-1",
                  "grid|q0|even|L3H1|1|42|0|4|stop|2|node-1", "grid|q1|odd|baseline|0|42|1|4|stop|2|node-1",
                  "grid|q1|odd|L3H0|1|42|1|4|stop|2|node-1", "grid|q1|odd|L3H1|1|42|1|4|stop|2|node-1"));
}

TEST_F(ViewsTest, ArmAccuracyComesFromTheCounters) {
  EXPECT_THAT(Select("SELECT arm, cells, done, judged, correct, accuracy, mean_tokens FROM v_arm_accuracy "
                     "ORDER BY arm_id"),
              ElementsAre("baseline|2|2|2|1|0.5|4", "L3H0|2|2|2|1|0.5|4", "L3H1|2|2|2|2|1|4"));
}

TEST_F(ViewsTest, SubjectAccuracySplitsByTheProblemsSubject) {
  EXPECT_THAT(
      Select(
          "SELECT arm, subject, judged, correct, accuracy FROM v_subject_accuracy ORDER BY arm_id, subject"),
      ElementsAre("baseline|even|1|1|1", "baseline|odd|1|0|0", "L3H0|even|1|0|0", "L3H0|odd|1|1|1",
                  "L3H1|even|1|1|1", "L3H1|odd|1|1|1"));
}

TEST_F(ViewsTest, FlipsCompareWithTheBaseline) {
  EXPECT_THAT(
      Select("SELECT arm, compared, fixed, broken, both_right, both_wrong FROM v_flips ORDER BY arm_id"),
      ElementsAre("L3H0|2|1|1|0|0", "L3H1|2|1|0|1|0"));
}

TEST_F(ViewsTest, CoverageCountsTheArmsThatWereRight) {
  EXPECT_THAT(
      Select("SELECT problem, arms, arms_right, any_right, baseline_right FROM v_coverage ORDER BY problem"),
      ElementsAre("q0|3|2|1|1", "q1|3|2|1|0"));
}

TEST_F(ViewsTest, ProgressCountsMissingAndQuarantined) {
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment larger, store_->CreateExperiment(GridPlan(3, 3), TestTime()));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store_->LoadExperiment(larger.id));
  WriteBatch batch;
  batch.failures = {{CellAt(record, 2, 0), 3, true, "boom", {}},
                    {CellAt(record, 2, 1), 1, false, "boom", {}}};
  batch.states = {{record_.id, ExperimentState::kFinished}};
  ASSERT_OK(store_->Commit(batch));
  EXPECT_THAT(
      Select(
          "SELECT state, cells, done, missing, quarantined, correct FROM v_progress ORDER BY experiment_id"),
      ElementsAre("finished|6|6|0|0|4", "running|9|6|3|1|4"));
}

TEST_F(ViewsTest, EveryViewCountsTheLatestVerdict) {
  WriteBatch batch;  // a newer judge finds every answer wrong
  for (size_t q = 0; q < 2; ++q) {
    for (size_t a = 0; a < 3; ++a) {
      batch.verdicts.push_back(TestVerdict(CellAt(record_, q, a), golds_[q].gold, false, 2));
    }
  }
  ASSERT_OK(store_->Commit(batch));
  EXPECT_THAT(Select("SELECT count(*), sum(correct), min(judge_version) FROM v_outcome"),
              ElementsAre("6|0|2"));
  EXPECT_THAT(Select("SELECT sum(correct), sum(judged) FROM v_arm_accuracy"), ElementsAre("0|6"));
  EXPECT_THAT(Select("SELECT sum(correct), sum(judged) FROM v_subject_accuracy"), ElementsAre("0|6"));
  EXPECT_THAT(Select("SELECT sum(both_wrong), sum(compared) FROM v_flips"), ElementsAre("4|4"));
  EXPECT_THAT(Select("SELECT max(any_right), count(*) FROM v_coverage"), ElementsAre("0|2"));
}

TEST_F(ViewsTest, AnOutcomeWithoutAVerdictIsShownAndNotCounted) {
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment larger, store_->CreateExperiment(GridPlan(3, 1), TestTime()));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store_->LoadExperiment(larger.id));
  WriteBatch batch;
  batch.outcomes = {TestOutcome(CellAt(record, 2, 0))};
  ASSERT_OK(store_->Commit(batch));
  const std::string of = absl::StrCat(" WHERE experiment_id = ", larger.id.value());
  EXPECT_THAT(Select("SELECT problem, correct FROM v_outcome" + of + " ORDER BY problem"),
              ElementsAre("q0|1", "q1|0", "q2|-"));
  EXPECT_THAT(Select("SELECT done, judged, correct FROM v_arm_accuracy" + of), ElementsAre("3|2|1"));
  EXPECT_THAT(Select("SELECT problem FROM v_coverage" + of), SizeIs(2));
}

TEST_F(ViewsTest, EveryDocumentedViewIsThereAndNoOther) {
  std::map<std::string, std::string> documented;
  for (const auto& [name, what] : reader_->Views()) documented[name] = what;
  const std::vector<std::string> there = Select("SELECT name FROM sqlite_schema WHERE type = 'view'");
  EXPECT_EQ(there.size(), documented.size());
  for (const auto& [name, what] : documented) {
    EXPECT_THAT(there, Contains(name));
    EXPECT_FALSE(what.empty());
    Select("SELECT * FROM " + name + " LIMIT 1");
  }
}

}  // namespace
}  // namespace sprint::testing
