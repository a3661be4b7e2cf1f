// The class behind OpenSqliteStore; its parts are in sqlite_store.cc (opening, small calls),
// sqlite_commit.cc, sqlite_experiment.cc (create, delete), sqlite_load.cc and sqlite_selectors.cc.
#ifndef SPRINT_STORAGE_SQLITE_STORE_IMPL_H_
#define SPRINT_STORAGE_SQLITE_STORE_IMPL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/counters.h"
#include "storage/log_folder.h"
#include "storage/owner_lock.h"
#include "storage/payload.h"
#include "storage/selection_index.h"
#include "storage/sqlite.h"
#include "storage/sqlite_store.h"

namespace sprint {

class SqliteStore : public Store {
 public:
  static absl::StatusOr<std::unique_ptr<Store>> Open(const SqliteStoreOptions& options);

  int64_t epoch() const override { return epoch_; }
  const std::string& grant_key() const override { return grant_key_; }
  absl::StatusOr<CreatedExperiment> CreateExperiment(const ExperimentPlan& plan, absl::Time now) override;
  absl::StatusOr<ExperimentRecord> LoadExperiment(ExperimentId id) override;
  absl::StatusOr<std::vector<ExperimentId>> UnfinishedExperiments() override;
  absl::Status DeleteExperiment(ExperimentId id) override;
  absl::StatusOr<WorkerId> InternWorker(const WorkerRecord& worker) override;
  absl::StatusOr<NumericsId> InternNumerics(const std::string& description) override;
  absl::Status Commit(const WriteBatch& batch) override;
  absl::StatusOr<DurableAnswer> FindAnswer(const CellKey& cell) override;
  absl::StatusOr<std::vector<GoldEntry>> Golds(ExperimentId id) override;
  absl::StatusOr<std::vector<UnjudgedAnswer>> Unjudged(ExperimentId id, int32_t judge_version,
                                                       int64_t limit) override;
  absl::StatusOr<bool> PutSelector(const SelectorRecord& selector) override;
  absl::StatusOr<int64_t> AddTraining(const TrainingRecord& training) override;
  absl::Status EndTraining(int64_t id, TrainingState state, const std::string& message,
                           absl::Time now) override;
  absl::StatusOr<std::vector<TrainingRecord>> Trainings() override;
  WalStatus wal_status() const override;

 private:
  // Prepared once; each is used through a Query.
  struct Statements {
    Statement epoch;
    Statement insert_answer, insert_outcome, insert_verdict, verdicts_of_cell, move_counters;
    Statement upsert_failure, clear_failure, set_state, insert_alarm;
    Statement find_feature_kind, insert_feature_kind, insert_feature;
    Statement find_worker, insert_worker, find_numerics, insert_numerics, find_answer;
  };
  // The position, among an experiment's (block, question) pairs, that Unjudged goes on from.
  struct JudgeCursor {
    ExperimentId experiment;
    int32_t judge_version = 0;
    size_t position = 0;
  };
  struct BlockQuestion {
    int64_t block;
    int64_t run;
    int64_t first_sample;
    int64_t samples;
    int64_t question;
  };

  SqliteStore() = default;
  absl::Status PrepareStatements();
  absl::Status TakeEpoch();

  // Runs `write` in one transaction, after a check that the epoch is still ours; then folds the log in
  // when it is time to. Nothing of `write` stays unless the result is OK.
  absl::Status Write(const std::function<absl::Status()>& write);
  void KeepLogShort();

  absl::Status AddOutcome(const OutcomeRecord& outcome, CounterDeltas& deltas);
  absl::Status AddFeature(const OutcomeRecord& outcome, const HiddenState& hidden);
  absl::Status InsertVerdict(const CellKey& cell, const VerdictRecord& verdict);
  absl::Status AddVerdict(const VerdictRecord& verdict, CounterDeltas& deltas);
  absl::StatusOr<CellVerdicts> VerdictsOf(const CellKey& cell);
  absl::Status AddFailures(const WriteBatch& batch);
  absl::Status AddAlarm(const AlarmRecord& alarm);
  absl::Status MoveCounters(const CounterDeltas& deltas);

  absl::Status CheckKnown(ExperimentId id);
  absl::StatusOr<CreatedExperiment> Continue(ExperimentId id, const ExperimentPlan& plan);
  absl::StatusOr<CreatedExperiment> Begin(const Hash256& selection, const ExperimentPlan& plan,
                                          absl::Time now);
  absl::StatusOr<std::vector<BlockQuestion>> BlockQuestions(ExperimentId id);
  absl::Status AppendUnjudged(const BlockQuestion& at, const GoldEntry& gold, int32_t judge_version,
                              int64_t limit, std::vector<UnjudgedAnswer>& found);

  // In this order: the lock outlives the connection, the connection its statements.
  std::string path_;
  std::unique_ptr<OwnerLock> lock_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<LogFolder> folder_;  // null: the log is folded in the commit that makes it long
  Statements statements_;
  SelectionIndex index_;

  int64_t epoch_ = 0;
  std::string grant_key_;
  PayloadEncoder encoder_;
  JudgeCursor judge_cursor_;
  int64_t frames_ = 0;         // in the log, as the last commit left it
  int64_t frames_folded_ = 0;  // of them when folding was last tried
  bool held_back_ = false;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_SQLITE_STORE_IMPL_H_
