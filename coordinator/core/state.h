// The core's state. Internal to coordinator/core: core.h is the contract.
//
// A cell of an experiment is in one CellStatus at a time, the same in every experiment that holds
// it. Every transition goes through State::Move, which keeps the bits, the counts and the pools of
// all those experiments; the two tables `leased` and `failures` say why a missing cell is not open.
//
//   kOpen ──grant──> kLeased ──outcome──> kDurable
//     ^                 │ expiry, revoke: back to kOpen, or kRetry when it failed before
//     │ retry           │ failure: kRetry, or kQuarantined at the last try
//   kQuarantined      kRetry ──grant (with care for its neighbours)──> kLeased
#ifndef SPRINT_COORDINATOR_CORE_STATE_H_
#define SPRINT_COORDINATOR_CORE_STATE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "coordinator/core/bits.h"
#include "coordinator/core/core.h"

namespace sprint {

enum class CellStatus { kUnknown, kDurable, kOpen, kLeased, kRetry, kQuarantined };

using QuestionKey = std::pair<RunId, QuestionId>;

// What is written as the error of a cell whose worker was not heard of for a lease's time. A worker
// that comes back takes it back, after a restart of the coordinator too.
inline constexpr char kLostError[] = "its worker was lost while it computed the cell";
inline constexpr char kDiedError[] = "its worker died while it computed the cell";

struct CoreExperiment;
struct Row;

// The rows of one run of an experiment, by how they are chosen from.
struct Pool {
  std::vector<Row*> rows;
  std::set<int32_t> untouched;                    // positions: open cells, no worker holds the question
  std::set<std::pair<int32_t, int32_t>> touched;  // (-open cells, position): some worker holds it
  int64_t open = 0;
};

struct Block {
  CoreExperiment* experiment = nullptr;
  Pool* pool = nullptr;
  RunId run;
  std::vector<ArmId> arms;
  std::vector<int32_t> slots;  // of each arm in CoreExperiment::counters
  absl::flat_hash_map<ArmId, int32_t> column;
  int32_t first_sample = 0;
  int32_t samples = 1;
  int32_t width() const { return static_cast<int32_t>(arms.size()) * samples; }
  // The position of a cell in a row's bits, -1 when the block has no such arm or sample; and back.
  int32_t BitOf(ArmId arm, int32_t sample) const;
  CellKey CellOf(const Row& row, int32_t bit) const;
};

// A question of one run, whichever experiments ask it.
struct Question {
  QuestionKey key;
  std::vector<Row*> rows;
  int32_t holders = 0;  // workers that have it in `held`
};

// A question under a block's arms and samples.
struct Row {
  Block* block = nullptr;
  Question* question = nullptr;
  int32_t position = 0;  // in Pool::rows
  Bits missing;          // not durable
  Bits open;             // missing, and neither leased nor ever failed
  enum class Place { kNone, kUntouched, kTouched } place = Place::kNone;
  int32_t placed_open = 0;  // open.count() when it was placed
};

struct CoreExperiment {
  ExperimentId id;
  std::string name;
  ExperimentState state = ExperimentState::kRunning;
  int32_t priority = 0;
  bool mixed = false;
  std::vector<int32_t> hidden_layers;  // asked for beside the unpruned model's answers
  NumericsId numerics;                 // the class it keeps to; invalid: the first that comes
  bool numerics_firm = false;          // an outcome fixed it; else a ready worker, as long as it holds leases
  std::vector<ArmId> arms;
  std::vector<std::string> arm_names;
  absl::flat_hash_map<ArmId, int32_t> slot;  // of an arm in `arms` and `counters`
  std::vector<ArmCounters> counters;
  std::map<RunId, RunDescription> runs;
  absl::flat_hash_map<QuestionId, std::vector<int32_t>> prompts;
  std::map<RunId, Pool> pools;
  std::deque<Block> blocks;  // deques: rows and blocks are pointed to
  std::deque<Row> rows;
  std::set<CellKey> retries;      // kRetry
  std::set<CellKey> quarantined;  // kQuarantined
  int64_t cells = 0;
  int64_t missing = 0;  // not durable, in whatever status
  int64_t leased = 0;
  int64_t alarms = 0;
  bool running() const { return state == ExperimentState::kRunning; }
  // What a worker computes of it is of use.
  bool wanted() const { return running() || state == ExperimentState::kPaused; }
};

struct Lease {
  LeaseId id;
  WorkerId worker;
  QuestionKey question;
  std::set<CellKey> cells;  // those still missing
  absl::Time expires;
};

struct LeasedCell {
  LeaseId lease;
  bool started = false;  // in the worker's engine, as far as is known
};

// A cell that failed and is not durable. Kept when it is leased again.
struct Failure {
  int32_t attempts = 0;
  bool quarantined = false;
  std::string error;
  WorkerId worker;     // that tried last
  LeaseId lease;       // under which it failed last, in this epoch: a repeated report counts once
  int32_t doubts = 0;  // deaths at its last try that were not counted, in this epoch
};

struct CoreWorker {
  WorkerId id;
  Hello hello;
  bool connected = false;
  bool draining = false;
  bool silent = false;  // not heard of for a lease's time: gets nothing until it is
  int32_t credit = 0;   // cells it could still be granted
  std::deque<std::pair<LeaseId, int32_t>> in_flight;  // granted since its last Credit was sent
  std::set<LeaseId> leases;
  int64_t leased = 0;
  std::map<QuestionKey, int32_t> held;  // questions it was granted cells of; how many are leased now
  RunId run;                            // granted last, or loaded
  std::map<RunId, NumericsId> numerics;
  std::map<RunId, std::string> refused;
  std::set<RunId> described;    // on this stream
  std::vector<CellKey> blamed;  // cells its presumed death is counted against
  int64_t done = 0;
  double tokens_per_second = 0;
  absl::Time last_heard;
  std::string last_error;
};

struct Core::State {
  explicit State(CoreOptions options);

  CoreOptions options;
  int64_t next_lease = 0;
  bool draining = false;
  std::map<ExperimentId, std::unique_ptr<CoreExperiment>> experiments;
  std::vector<CoreExperiment*> order;  // running ones, as work is chosen among them
  absl::flat_hash_map<QuestionKey, std::unique_ptr<Question>> questions;
  std::map<WorkerId, CoreWorker> workers;
  std::map<LeaseId, Lease> leases;
  std::set<std::pair<absl::Time, LeaseId>> expiries;
  absl::flat_hash_map<CellKey, LeasedCell> leased;
  std::map<CellKey, Failure> failures;

  // ---- Of the Apply under way.
  absl::Time now;
  Effects effects;
  std::map<WorkerId, std::vector<CellKey>> revoked;  // sent before any grant of this Apply
  bool work_appeared = false;                        // cells became grantable: every hungry worker is tried
  WorkerId hungry;                                   // this one is tried anyway

  // ---- Events (core.cc, experiments.cc, workers.cc, outcomes.cc).
  void On(const ExperimentAdded& event);
  void On(const ExperimentCommand& event);
  void On(const WorkerConnected& event);
  void On(const WorkerDisconnected& event);
  void On(const WorkerDied& event);
  void On(const CreditOffered& event);
  void On(const HeartbeatReceived& event);
  void On(const OutcomesArrived& event);
  void On(const CellFailureReported& event);
  void On(const RunReadyReported& event);
  void On(const RunRefusedReported& event);
  void On(const WorkerLeft& event);
  void On(const DrainAll& event);
  void On(const LateOutcomeDiffers& event);
  void On(const VerdictsReady& event);
  void On(const Tick& event);
  // What follows every event: expiries, revocations, grants, the next wakeup.
  void Settle();

  // ---- Cells (cells.cc).
  template <typename F>  // f(Row&, int32_t bit), for every experiment that holds the cell
  void ForEachRow(const CellKey& cell, F f) const {
    const auto found = questions.find(QuestionKey(cell.run, cell.question));
    if (found == questions.end()) return;
    for (Row* row : found->second->rows) {
      const int32_t bit = row->block->BitOf(cell.arm, cell.sample);
      if (bit >= 0) f(*row, bit);
    }
  }
  CellStatus StatusOf(const CellKey& cell) const;
  // Of a missing cell: where it belongs by `leased` and `failures`.
  CellStatus MissingStatus(const CellKey& cell) const;
  // Carries out a transition in every experiment. REQUIRES: StatusOf was `from`; the caller has
  // changed, or changes, the tables to match `to`.
  void Move(const CellKey& cell, CellStatus from, CellStatus to);
  void PlaceRow(Row& row);
  bool Wanted(const CellKey& cell, NumericsId numerics) const;
  void Changed(CoreExperiment& experiment);
  void SetState(CoreExperiment& experiment, ExperimentState state);
  void FinishIfDone(CoreExperiment& experiment);
  void ReOrder();

  // ---- Experiments (experiments.cc).
  void Refresh(CoreExperiment& experiment, const ExperimentRecord& record);
  void AddBlocks(CoreExperiment& experiment, const ExperimentRecord& record);
  void AddRow(Block& block, QuestionId question);
  void AddFailures(const ExperimentRecord& record);
  void CountMissing(CoreExperiment& experiment);
  void Retry(CoreExperiment& experiment);
  void Delete(CoreExperiment& experiment);
  void RevokeUnwanted(CoreExperiment& experiment);

  // ---- Leases (leases.cc).
  Lease& OpenLease(CoreWorker& worker, QuestionKey question, LeaseId id, const std::vector<CellKey>& cells);
  // Takes a cell out of its lease; it goes where MissingStatus says, or to kDurable.
  void CloseCell(const CellKey& cell, CellStatus to);
  // Gives a leased cell back. Nothing is counted against it.
  void Release(const CellKey& cell);
  void ReleaseLease(LeaseId id);
  void ReleaseAll(CoreWorker& worker);
  void Renew(LeaseId id, WorkerId worker);
  void Expire();
  // Gives all of a dead (or presumed dead) worker's cells back, and counts a failure against those it
  // had started; against all of them when it is certain that it died, its model was loaded and none is
  // known to have been. Those it counted against.
  std::vector<CellKey> Bury(CoreWorker& worker, const std::string& error, bool certain);
  // A death that would quarantine a cell which is not known to have started is not counted: its worker may
  // have died before the grant reached it. So for max_attempts deaths: a cell that kills before a word can
  // leave must not go on for ever.
  bool GivenTheDoubt(const CellKey& cell);
  // REQUIRES: the cell is leased; its lease of the cell ends.
  void CountFailure(const CellKey& cell, WorkerId worker, const std::string& error, LeaseId lease);
  // The worker lives after all: takes back what was counted against cells for its loss.
  void Absolve(CoreWorker& worker);
  void Forgive(const CellKey& cell);
  void DropHeld(CoreWorker& worker, QuestionKey question);
  std::vector<CellKey> CellsOf(const CoreWorker& worker) const;

  // ---- Workers (workers.cc).
  CoreWorker* Find(WorkerId id);
  CoreWorker* Heard(WorkerId id);
  // Makes a lease of what a worker says it holds, and revokes what it holds in vain.
  // `alone`: it holds one missing cell in all.
  void Adopt(CoreWorker& worker, const HeldGrant& held, bool alone);
  CoreWorker& Welcomed(const WorkerConnected& event);
  NumericsId NumericsOf(const CoreWorker& worker, RunId run) const;
  void RevokeFrom(CoreWorker& worker, const CellKey& cell);  // and releases it
  void LearnNumerics(CoreWorker& worker, RunId run, NumericsId numerics);
  void Send(const CoreWorker& worker, CoordinatorMessage message);

  // ---- Outcomes (outcomes.cc).
  void Take(const OutcomesArrived& event, const JudgedOutcome& judged, std::vector<CellKey>& acknowledged);
  bool Proven(const OutcomesArrived& event, const Outcome& outcome);
  bool Fits(const CellKey& cell, NumericsId numerics) const;
  // An outcome of an embed run brings the hidden state that it is for.
  bool Whole(const Outcome& outcome) const;
  void Record(const JudgedOutcome& judged, WorkerId worker);
  std::map<size_t, bool> verified_grants;  // of the OutcomesArrived under way

  // ---- Granting (granting.cc).
  void GrantAll();
  bool Hungry(const CoreWorker& worker) const;
  bool Serves(const CoreWorker& worker, const CoreExperiment& experiment, RunId run) const;
  // Grants up to `limit` cells; how many were.
  int64_t GrantSome(CoreWorker& worker, int64_t limit);
  int64_t GrantRetry(CoreWorker& worker, CoreExperiment& experiment, RunId run);
  int64_t GrantOpen(CoreWorker& worker, CoreExperiment& experiment, RunId run, int64_t limit);
  // The cells leased to a worker that failed before: how many, and how often the worst of them.
  struct Suspicion {
    int32_t cells = 0;
    int32_t attempts = 0;
  };
  Suspicion SuspicionOf(const CoreWorker& worker) const;
  bool MayRetry(const CoreWorker& worker, const Suspicion& suspicion, const CoreExperiment& experiment,
                const CellKey& cell) const;
  Row* ChooseRow(CoreWorker& worker, const CoreExperiment& experiment, RunId run, const Pool& pool);
  bool HoldsLastTry(const CoreWorker& worker) const;
  bool RunAllowed(const CoreWorker& worker, RunId run) const;
  void SendGrant(CoreWorker& worker, CoreExperiment& experiment, QuestionKey question,
                 const std::vector<CellKey>& cells);
  int64_t OpenCells() const;
  // What the experiments that hold the cell ask for, ascending.
  std::vector<int32_t> HiddenLayersFor(const CellKey& cell) const;

  // ---- Views (status.cc, invariants.cc).
  ExperimentStatus StatusFor(const CoreExperiment& experiment) const;
  std::vector<std::string> NotesFor(const CoreExperiment& experiment) const;
  std::string CheckExperiment(const CoreExperiment& experiment) const;
  std::string CheckRow(const Row& row) const;
  std::string CheckLeases() const;
  std::string CheckWorkers() const;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_CORE_STATE_H_
