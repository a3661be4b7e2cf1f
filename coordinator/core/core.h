// The coordinator's core: which worker computes which cell, and what is durable.
//
// A pure state machine. No thread, socket, SQL, clock or random number inside: Apply(event, now)
// changes the state and says what to store, what to send and when to wake. The shell commits
// `records`, then sends `messages`. After a restart the core is rebuilt from the store by
// ExperimentAdded; leases are not stored: workers name what they hold in Hello.
//
// Promises (the simulator in tests/simulation checks them):
//  1. A cell is acknowledged only when its outcome is in a committed batch.
//  2. Every cell of a running experiment is durable, leased, quarantined, or can be granted.
//  3. Of two outcomes of a cell the first durable one stays; the other is compared, never stored.
//  4. An expired lease gives back only its missing cells.
//  5. A cell whose tries failed `max_attempts` times is quarantined; the rest goes on.
//
// How work is chosen, for a worker with credit, among running experiments by priority (higher first,
// then older): a question it holds already; else an untouched question (baseline first); else cells
// of the question with most left to grant. A worker keeps to its loaded run while that has work for
// it. A worker whose numerics class is not the experiment's gets nothing of it (unless
// mixed_numerics). A cell that failed on a worker goes to another while there is one.
//
// Suspects. When a worker dies, the cells it had started are suspects with one failure more. An
// innocent must not be quarantined for its neighbour's sake, so suspects of n failures run with few
// others of their kind on a worker at once (max_suspects / max_suspects^(n-1), at least 1), and
// alone, with nothing beside them, at the last try.
//
// Of a worker that died before it said what it had started, all that it held are suspects; but a cell at
// its last try is quarantined by such a death only after max_attempts of them.
//
// That is so for grants and for what a returning worker holds. Of a worker whose leases expired
// unheard the same is presumed, for what it is known to have started, and taken back when it is
// heard again.
//
// Commands. Pause: nothing new is granted, what runs finishes. Cancel: what runs is revoked, what is
// on its way is taken. Retry: quarantined cells are put back and their failures forgotten. A run that
// a worker refused is not given to that process again. A reported failure is answered by Revoke.
//
// Cost: state is one bit per missing (question, arm, sample) and one entry per leased or failed cell;
// Apply is O(cells it names), a grant O(arms of a question).
#ifndef SPRINT_COORDINATOR_CORE_CORE_H_
#define SPRINT_COORDINATOR_CORE_CORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/events.h"

namespace sprint {

struct CoreOptions {
  int64_t epoch = 0;
  std::string grant_key;                     // MAC key of grant tokens
  absl::Duration lease = absl::Seconds(30);  // not renewed for so long: expired
  absl::Duration heartbeat = absl::Seconds(5);
  int max_attempts = 3;  // failed tries until quarantine
  int max_suspects = 8;
  int max_cells_per_grant = 256;
};

// A status for people; counts as the core knows them now.
struct ExperimentStatus {
  ExperimentId id;
  std::string name;
  ExperimentState state = ExperimentState::kRunning;
  int32_t priority = 0;
  int64_t cells = 0;
  int64_t done = 0;
  int64_t leased = 0;
  int64_t quarantined = 0;
  int64_t correct = 0;
  int64_t tokens = 0;
  int64_t alarms = 0;
  int64_t waiting_numerics = 0;  // workers that get nothing because of their numerics class
  std::vector<ArmCounters> arms;
  std::vector<std::string> arm_names;  // parallel to `arms`
  std::vector<std::string> notes;      // refused runs, quarantined cells with their error, alarms
};

struct WorkerStatus {
  WorkerId id;
  Hello hello;  // name, device, software
  std::string numerics;
  bool connected = false;
  bool draining = false;
  int64_t leased = 0;
  int64_t credit = 0;
  int64_t done = 0;  // outcomes of this epoch
  double tokens_per_second = 0;
  absl::Time last_heard;
  std::string last_error;
};

// Not thread-safe: the event loop's.
class Core {
 public:
  explicit Core(CoreOptions options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Effects Apply(const Event& event, absl::Time now);

  std::vector<ExperimentStatus> Experiments() const;
  std::optional<ExperimentStatus> Experiment(ExperimentId id) const;
  std::vector<WorkerStatus> Workers() const;
  // Nothing is granted, and nothing grantable is left in any running experiment.
  bool Idle() const;
  // About how many bytes the state takes; O(questions).
  int64_t StateBytes() const;

  // Asserts every invariant of the state, in full; tests call it after every step. Returns the first
  // that is broken, empty when all hold.
  std::string CheckInvariants() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_CORE_CORE_H_
