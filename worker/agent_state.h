// The agent's state. Internal to worker/agent*.cc: agent.h is the contract.
#ifndef SPRINT_WORKER_AGENT_STATE_H_
#define SPRINT_WORKER_AGENT_STATE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "worker/agent.h"

namespace sprint {

// A grant of which something is not settled: a cell to compute, or an outcome or a failure that the
// coordinator has not answered.
struct AgentGrant {
  Grant grant;
  std::vector<CellKey> cells;   // all that it named
  std::set<CellKey> missing;    // to compute
  std::set<CellKey> unsettled;  // said, not answered
};

// A cell to compute.
struct AgentTask {
  LeaseId lease;
  enum class Stage { kQueued, kCommanded, kStarted } stage = Stage::kQueued;
};

struct Agent::State {
  explicit State(AgentOptions options);

  AgentOptions options;
  CounterRng jitter;

  // ---- The stream.
  enum class Link { kNone, kConnecting, kGreeting, kOpen, kWaiting, kDone } link = Link::kNone;
  int attempts = 0;          // connections since the last Welcome
  absl::Time lost_since;     // no coordinator since; while not kOpen
  absl::Time retry_at;       // while kWaiting
  absl::Time greeted_until;  // while kGreeting: when to give the stream up
  absl::Duration heartbeat = absl::Seconds(5);
  absl::Time next_heartbeat;  // while kOpen
  bool draining = false;

  // ---- Work.
  std::map<LeaseId, AgentGrant> grants;
  std::map<CellKey, AgentTask> tasks;
  std::map<RunId, std::deque<CellKey>> queue;  // not yet commanded; entries without a task are stale
  std::deque<RunId> run_order;                 // runs with a queue, as they came
  std::map<int64_t, Outcome> outcomes;         // not acknowledged, as they came
  std::map<CellKey, int64_t> outcome_of;       // of a cell in `outcomes`
  std::map<CellKey, CellFailed> reported;      // failures not answered
  int64_t next_outcome = 1;

  // ---- The engine.
  std::map<RunId, RunDescription> runs;
  std::map<RunId, RunRefused> refused;
  RunId loaded;
  RunId loading;
  std::string numerics;
  int32_t reported_capacity = 0;  // as the engine said last, and as cancelled cells made it since
  int32_t commanded = 0;          // of these the engine has not said that they started
  int32_t in_engine = 0;          // commanded or started
  int64_t generated = 0;          // tokens since the last heartbeat
  absl::Time counted_since;

  // ---- Credit as the coordinator has it.
  int32_t credit_believed = 0;
  LeaseId last_lease;

  // ---- Of the Apply under way.
  absl::Time now;
  AgentEffects effects;

  // Events (agent.cc, agent_link.cc, agent_work.cc).
  void On(const AgentStarted& event);
  void On(const StreamOpened& event);
  void On(const StreamClosed& event);
  void On(const FromCoordinator& event);
  void On(const EngineReady& event);
  void On(const EngineRefused& event);
  void On(const EngineStarted& event);
  void On(const EngineFinished& event);
  void On(const EngineFailed& event);
  void On(const DrainRequested& event);
  void On(const AgentTick& event);
  void Hear(const Welcome& message);
  void Hear(const Refused& message);
  void Hear(const RunDescription& message);
  void Hear(const Grant& message);
  void Hear(const Ack& message);
  void Hear(const Revoke& message);
  void Hear(const Drain& message);
  void Settle();

  // The stream (agent_link.cc).
  void Connect();
  void WaitToReconnect();
  void Exit(absl::Status status);
  Hello MakeHello() const;
  void Say(WorkerMessage message);  // dropped unless welcomed: the next Hello brings it again
  void Replay();
  void SayOutcomes(const std::vector<int64_t>& numbers);
  void Beat();
  void OfferCredit(bool always);
  int32_t CreditNow() const;
  void CheckPatience();
  absl::Time Wakeup() const;

  // Work (agent_work.cc).
  void StartDraining();
  void Pump();
  bool NextRun();
  void Start(const CellKey& cell, std::vector<CellKey>& started);
  // The cell is no task any more; the engine no longer has it.
  void EndTask(const CellKey& cell);
  // Forgets all about a cell, and stops it.
  void Forget(const CellKey& cell, std::vector<CellKey>& cancelled);
  void Settled(LeaseId lease, const CellKey& cell);
  void DropOutcome(const CellKey& cell);
  int32_t Slots() const;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_AGENT_STATE_H_
