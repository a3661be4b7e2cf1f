// What happens to the core, and what it wants done: the two sides of Core::Apply.
#ifndef SPRINT_COORDINATOR_CORE_EVENTS_H_
#define SPRINT_COORDINATOR_CORE_EVENTS_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "conversation/messages.h"
#include "storage/records.h"

namespace sprint {

// ---- Events. The shell (coordinator/rpc) has done what needs a disk or a thread before: ids are
// interned, texts are judged, experiments are loaded.

// An experiment as the store has it: at a restart, and after each submission. Of a known one the
// name, priority, state, paths and counters are renewed.
// REQUIRES: the records of every earlier Apply are committed, so that the record is complete.
struct ExperimentAdded {
  ExperimentRecord record;
};
enum class Command { kPause, kResume, kCancel, kRetry, kDelete };
// REQUIRES: the experiment is known to the core (the shell loads a finished or cancelled one first).
struct ExperimentCommand {
  ExperimentId experiment;
  Command command = Command::kPause;
};

// A worker said Hello; its stream now carries messages. Replaces an earlier stream of the worker.
struct WorkerConnected {
  WorkerId worker;
  NumericsId numerics;  // of hello.numerics; invalid when that is empty
  Hello hello;
};
// Its stream ended, and no later Hello has replaced it. Its leases run on until they expire: it may
// come back.
struct WorkerDisconnected {
  WorkerId worker;
};
// Its process is known to have ended (a supervisor saw it): leases end at once, and what it had
// started counts as failed once.
struct WorkerDied {
  WorkerId worker;
};
struct CreditOffered {
  WorkerId worker;
  Credit credit;
};
struct HeartbeatReceived {
  WorkerId worker;
  Heartbeat heartbeat;
};
struct JudgedOutcome {
  Outcome outcome;
  NumericsId numerics;
  std::vector<VerdictRecord> verdicts;
  // As OutcomeRecord's, when a pool has encoded them already; may be empty.
  std::string encoded_tokens;
  std::string encoded_text;
};
struct OutcomesArrived {
  WorkerId worker;
  std::vector<JudgedOutcome> outcomes;
  std::vector<HeldGrant> grants;  // tokens that prove the cells were granted to this worker
};
struct CellFailureReported {
  WorkerId worker;
  CellFailed failure;
};
struct RunReadyReported {
  WorkerId worker;
  RunId run;
  NumericsId numerics;
};
struct RunRefusedReported {
  WorkerId worker;
  RunRefused refusal;
};
struct WorkerLeft {  // Goodbye: nothing is counted against anything
  WorkerId worker;
};
// Stop granting; workers finish what runs and leave.
struct DrainAll {};
// The shell compared a late outcome with the durable one (Effects::comparisons): it differs.
struct LateOutcomeDiffers {
  AlarmRecord alarm;
};
// Verdicts for outcomes that are durable already.
struct VerdictsReady {
  std::vector<VerdictRecord> verdicts;
};
// Time passed; sent at Effects::wakeup.
struct Tick {};

using Event =
    std::variant<ExperimentAdded, ExperimentCommand, WorkerConnected, WorkerDisconnected, WorkerDied,
                 CreditOffered, HeartbeatReceived, OutcomesArrived, CellFailureReported, RunReadyReported,
                 RunRefusedReported, WorkerLeft, DrainAll, LateOutcomeDiffers, VerdictsReady, Tick>;

// ---- Effects.

struct Outgoing {
  WorkerId to;
  CoordinatorMessage message;
};

// A late outcome of a durable cell: the shell looks the durable answer up and, when the tokens differ
// within one numerics class, applies LateOutcomeDiffers. REQUIRES: after the commit.
struct Comparison {
  WorkerId worker;
  NumericsId numerics;
  Outcome late;
};

// Commit before send: `records` are made durable in one transaction, only then `messages` leave, in
// their order.
struct Effects {
  WriteBatch records;
  std::vector<Outgoing> messages;
  std::vector<Comparison> comparisons;
  std::vector<ExperimentId> changed;           // whose status a watcher would see anew
  absl::Time wakeup = absl::InfiniteFuture();  // when Tick is due at the latest; the last Apply's counts

  // Appends `later`, which came of a later event, so that many events share one commit.
  void Append(Effects later);
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_CORE_EVENTS_H_
