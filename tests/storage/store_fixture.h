// One suite over both stores: a world that a test can crash and reopen.
#ifndef SPRINT_TESTS_STORAGE_STORE_FIXTURE_H_
#define SPRINT_TESTS_STORAGE_STORE_FIXTURE_H_

#include <memory>
#include <string>

#include "storage/maintenance.h"
#include "storage/memory_store.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {

enum class Kind { kMemory, kSqlite };

class StoreTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { Reopen(); }

  std::string path() const { return directory_.File("sprint.db"); }

  // Another owner beside the present one, as after a lost lock: only one of the two may write.
  std::unique_ptr<Store> OpenAnother() {
    if (GetParam() == Kind::kMemory) return OpenMemoryStore(disk_);
    std::remove((path() + ".lock").c_str());
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore({path()});
    EXPECT_OK(store);
    return store.ok() ? *std::move(store) : nullptr;
  }
  void Reopen() {
    store_.reset();
    store_ = OpenAnother();
    ASSERT_NE(store_, nullptr);
  }

  ExperimentRecord Load(ExperimentId id) {
    absl::StatusOr<ExperimentRecord> record = store_->LoadExperiment(id);
    EXPECT_OK(record);
    return record.ok() ? *std::move(record) : ExperimentRecord();
  }
  // Stores the plan and gives it as the store numbered it.
  ExperimentRecord Create(const ExperimentPlan& plan) {
    const absl::StatusOr<CreatedExperiment> created = store_->CreateExperiment(plan, TestTime());
    EXPECT_OK(created);
    return created.ok() ? Load(created->id) : ExperimentRecord();
  }
  GoldId GoldOf(const ExperimentRecord& record, QuestionId question) {
    const absl::StatusOr<std::vector<GoldEntry>> golds = store_->Golds(record.id);
    EXPECT_OK(golds);
    for (const GoldEntry& gold : golds.value()) {
      if (gold.question == question) return gold.gold;
    }
    return GoldId();
  }
  OutcomeRecord Judged(const ExperimentRecord& record, const CellKey& cell, bool correct) {
    OutcomeRecord outcome = TestOutcome(cell);
    outcome.verdicts = {TestVerdict(cell, GoldOf(record, cell.question), correct)};
    outcome.experiments = {record.id};
    return outcome;
  }
  absl::Status CommitOutcomes(std::vector<OutcomeRecord> outcomes) {
    WriteBatch batch;
    batch.outcomes = std::move(outcomes);
    return store_->Commit(batch);
  }
  std::vector<ArmCounters> Recount(ExperimentId id) {
    if (GetParam() == Kind::kMemory) return RecountCounters(*disk_, id);
    const absl::StatusOr<std::vector<ArmCounters>> counters = RecountCounters(path(), id);
    EXPECT_OK(counters);
    return counters.value_or(std::vector<ArmCounters>());
  }

  std::shared_ptr<MemoryDisk> disk_ = MakeMemoryDisk();
  TempDir directory_;
  std::unique_ptr<Store> store_;
};

inline void PrintTo(const ArmCounters& c, std::ostream* out) {
  *out << "arm " << c.arm.value() << " cells " << c.cells << " done " << c.done << " judged " << c.judged
       << " correct " << c.correct << " truncated " << c.truncated << " tokens " << c.tokens;
}

inline std::string KindName(const ::testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::kMemory ? "Memory" : "Sqlite";
}

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_STORAGE_STORE_FIXTURE_H_
