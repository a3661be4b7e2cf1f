// The worker's agent: the worker's side of the conversation as a pure state machine.
//
// No thread, socket, clock or engine inside: Apply(event, now) changes the state and says what to
// send, what to ask of the engine, whether to connect, and when to wake. The shell (worker/main.cc)
// owns the stream and the engine thread. What is kept: grants not yet done, and outcomes until they
// are acknowledged, over any number of reconnects.
#ifndef SPRINT_WORKER_AGENT_H_
#define SPRINT_WORKER_AGENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "conversation/messages.h"

namespace sprint {

struct AgentOptions {
  std::string instance;  // random, one per process
  std::string name;
  std::string software;
  std::string device;
  std::string auth_token;
  uint64_t seed = 0;  // jitters the backoff
  absl::Duration backoff_min = absl::Milliseconds(200);
  absl::Duration backoff_max = absl::Seconds(15);
  absl::Duration patience = absl::Hours(1);  // without a coordinator for so long: give up
  int max_unacknowledged = 4096;             // outcomes and cells kept; no credit is offered beyond
  int first_credit = 16;                     // cells asked for before a model is loaded
};

// ---- Events.
struct AgentStarted {};
struct StreamOpened {};
struct StreamClosed {
  absl::Status status;
};
struct FromCoordinator {
  CoordinatorMessage message;
};
// The engine holds the run's model, or cannot. `capacity`: cells it can start now.
struct EngineReady {
  RunId run;
  std::string numerics;
  int32_t capacity = 0;
};
struct EngineRefused {
  RunId run;
  Reason reason = Reason::kUnspecified;
  std::string message;
};
// The engine has begun these cells; how many more it can take now.
struct EngineStarted {
  std::vector<CellKey> cells;
  int32_t capacity = 0;
};
// `outcome.lease` is filled in by the agent.
struct EngineFinished {
  std::vector<Outcome> outcomes;
  int32_t capacity = 0;
};
struct EngineFailed {
  CellKey cell;
  std::string error;
  int32_t capacity = 0;
};
struct DrainRequested {};  // a signal: finish what runs, then leave
struct AgentTick {};

using AgentEvent =
    std::variant<AgentStarted, StreamOpened, StreamClosed, FromCoordinator, EngineReady, EngineRefused,
                 EngineStarted, EngineFinished, EngineFailed, DrainRequested, AgentTick>;

// ---- Effects.
struct LoadRun {
  RunDescription run;
};
struct StartCell {
  CellKey cell;
  std::string arm;  // canonical name
  std::vector<int32_t> prompt;
  std::vector<int32_t> hidden_after = {};  // layers whose hidden states its outcome brings along
};
struct CancelCells {
  std::vector<CellKey> cells;
};
using EngineCommand = std::variant<LoadRun, StartCell, CancelCells>;

// The shell hands `messages` to the stream before `commands` to the engine: the coordinator hears
// which cells start before one of them can kill the process.
struct AgentEffects {
  std::vector<WorkerMessage> messages;  // on the open stream, in order
  std::vector<EngineCommand> commands;  // to the engine, in order
  bool connect = false;                 // open a stream now
  bool close = false;                   // close the stream after `messages`
  // Set when the worker is done: OK after a drain, an error when it was refused for good or lost
  // patience.
  std::optional<absl::Status> exit;
  absl::Time wakeup = absl::InfiniteFuture();
};

// Not thread-safe.
class Agent {
 public:
  explicit Agent(AgentOptions options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  AgentEffects Apply(const AgentEvent& event, absl::Time now);

  // Outcomes kept because they are not acknowledged, and cells granted but not finished.
  int64_t unacknowledged() const;
  int64_t outstanding() const;
  // As Core::CheckInvariants.
  std::string CheckInvariants() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_AGENT_H_
