// The store, as the coordinator writes it: the one durable truth about outcomes.
//
// One process owns a database (an operating-system lock plus an epoch in the file that every
// transaction checks), so a writer that lost its ownership can never write again. What a call has
// returned OK for is on disk (synchronous=FULL) and survives kill -9 and power loss.
//
// Implementations: OpenSqliteStore (sqlite_store.h), OpenMemoryStore (memory_store.h, for tests and
// the simulator; the same behaviour, checked by one test suite over both).
#ifndef SPRINT_STORAGE_STORE_H_
#define SPRINT_STORAGE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace sprint {

struct CreatedExperiment {
  ExperimentId id;
  bool continued = false;  // the selection was known already
  int64_t cells = 0;
  int64_t existing = 0;  // cells that had an outcome already
};

// A stored answer that a gold has no verdict for yet.
struct UnjudgedAnswer {
  CellKey cell;
  GoldId gold;
  std::string gold_text;
  std::string text;
};

// What a question may be judged against.
struct GoldEntry {
  QuestionId question;
  GoldId gold;
  std::string text;
};

// The write-ahead log: what is committed but not yet moved into the database file.
struct WalStatus {
  int64_t bytes = 0;       // the size of the log's file
  bool held_back = false;  // a reader's old snapshot keeps the log from being moved and reused
};

// Not thread-safe: the coordinator's event loop alone calls it. Every error may be
//   FAILED_PRECONDITION kDatabaseFenced   another owner took the database: stop at once
//   RESOURCE_EXHAUSTED  kDatabaseFull     nothing of the call was written; retry when there is room
//   DATA_LOSS           kDatabaseCorrupt  a damaged page, named
//   INVALID_ARGUMENT, ALREADY_EXISTS      a caller's bug: a record that names what is not there, an
//                                         outcome that is durable already; nothing was written
//   UNAVAILABLE                           any other I/O error
class Store {
 public:
  virtual ~Store() = default;

  // The epoch of this ownership: larger than every earlier one's.
  virtual int64_t epoch() const = 0;
  // The database's secret for grant tokens; made with the database, the same for ever.
  virtual const std::string& grant_key() const = 0;

  // Stores runs, questions, arms, golds and the selection, with counters over the rows that exist
  // already. A known selection is continued: its state becomes running again unless it is finished,
  // its name, spec, priority, mixed_numerics, hidden_layers and problems become the plan's, and the runs'
  // path hints are renewed. INVALID_ARGUMENT as CheckPlan's. Costs a look at the rows that exist, never at
  // cells that do not.
  virtual absl::StatusOr<CreatedExperiment> CreateExperiment(const ExperimentPlan& plan, absl::Time now) = 0;
  // NOT_FOUND (kExperimentUnknown).
  virtual absl::StatusOr<ExperimentRecord> LoadExperiment(ExperimentId id) = 0;
  // Those not finished (running, paused, cancelled), by id: what a restart rebuilds the core from.
  virtual absl::StatusOr<std::vector<ExperimentId>> UnfinishedExperiments() = 0;
  // Removes selection, problems and counters; rows of cells stay. NOT_FOUND (kExperimentUnknown).
  virtual absl::Status DeleteExperiment(ExperimentId id) = 0;

  // The number of a worker by its instance, of a numerics class by its description; made durable
  // when new.
  virtual absl::StatusOr<WorkerId> InternWorker(const WorkerRecord& worker) = 0;
  virtual absl::StatusOr<NumericsId> InternNumerics(const std::string& description) = 0;

  // One transaction. Counters of (experiment, arm) move with outcomes and verdicts. A hidden state whose
  // width is not that of the first of its kind is not stored; one that is there already stays.
  virtual absl::Status Commit(const WriteBatch& batch) = 0;

  // The durable tokens of a cell, to compare a late outcome with. NOT_FOUND when there is none.
  struct DurableAnswer {
    std::vector<int32_t> tokens;
    NumericsId numerics;
  };
  virtual absl::StatusOr<DurableAnswer> FindAnswer(const CellKey& cell) = 0;

  // The golds of an experiment's questions, and up to `limit` answers that `judge_version` has not
  // judged against them. Golds are distinct, by id.
  virtual absl::StatusOr<std::vector<GoldEntry>> Golds(ExperimentId id) = 0;
  virtual absl::StatusOr<std::vector<UnjudgedAnswer>> Unjudged(ExperimentId id, int32_t judge_version,
                                                               int64_t limit) = 0;

  // Keeps a selector; one of the same bytes is there already: nothing changes. True when it is new.
  virtual absl::StatusOr<bool> PutSelector(const SelectorRecord& selector) = 0;
  // Adds a training that is to run; its number, never given twice.
  virtual absl::StatusOr<int64_t> AddTraining(const TrainingRecord& training) = 0;
  // NOT_FOUND when there is none of that number. REQUIRES: state is not kRunning.
  virtual absl::Status EndTraining(int64_t id, TrainingState state, const std::string& message,
                                   absl::Time now) = 0;
  // All trainings, by number.
  virtual absl::StatusOr<std::vector<TrainingRecord>> Trainings() = 0;

  // Zeroes where there is no log. To be reported when `held_back` stays true and `bytes` grows.
  virtual WalStatus wal_status() const { return {}; }
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_STORE_H_
