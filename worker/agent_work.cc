// The agent's work: grants in, cells to the engine, outcomes out.
#include <algorithm>
#include <utility>

#include "model/arm.h"
#include "worker/agent_state.h"

namespace sprint {

int32_t Agent::State::Slots() const { return std::max(0, reported_capacity - commanded) + in_engine; }

void Agent::State::Hear(const RunDescription& message) {
  runs[message.run] = message;
  const auto refusal = refused.find(message.run);
  if (refusal != refused.end()) Say(refusal->second);
}

void Agent::State::Hear(const Grant& message) {
  last_lease = std::max(last_lease, message.lease);
  const std::vector<CellKey> cells = message.Cells();
  credit_believed = std::max(0, credit_believed - static_cast<int32_t>(cells.size()));
  // Dropped: the coordinator knows, or learns by Goodbye.
  if (refused.contains(message.run) || draining || cells.empty() || grants.contains(message.lease)) return;
  AgentGrant& grant = grants[message.lease];
  grant.grant = message;
  grant.cells = cells;
  std::vector<int64_t> again;
  for (const CellKey& cell : cells) {
    if (const auto said = reported.find(cell); said != reported.end()) {
      const LeaseId earlier = said->second.lease;
      reported.erase(said);
      Settled(earlier, cell);
    }
    if (const auto done = outcome_of.find(cell); done != outcome_of.end()) {
      // Computed under an earlier lease that the coordinator has given up: say it under this one.
      Outcome& outcome = outcomes.at(done->second);
      const LeaseId earlier = std::exchange(outcome.lease, message.lease);
      grant.unsettled.insert(cell);
      Settled(earlier, cell);
      again.push_back(done->second);
      continue;
    }
    grant.missing.insert(cell);
    if (const auto task = tasks.find(cell); task != tasks.end()) {
      const LeaseId earlier = std::exchange(task->second.lease, message.lease);
      Settled(earlier, cell);
      continue;
    }
    tasks[cell] = {message.lease, AgentTask::Stage::kQueued};
    std::deque<CellKey>& waiting = queue[cell.run];
    if (waiting.empty() && std::find(run_order.begin(), run_order.end(), cell.run) == run_order.end()) {
      run_order.push_back(cell.run);
    }
    waiting.push_back(cell);
  }
  SayOutcomes(again);
}

void Agent::State::Hear(const Ack& message) {
  std::vector<CellKey> cancelled;
  for (const CellKey& cell : message.cells) Forget(cell, cancelled);
  if (!cancelled.empty()) effects.commands.push_back(CancelCells{std::move(cancelled)});
}

void Agent::State::Hear(const Revoke& message) {
  std::vector<CellKey> cancelled;
  for (const CellKey& cell : message.cells) Forget(cell, cancelled);
  if (!cancelled.empty()) effects.commands.push_back(CancelCells{std::move(cancelled)});
}

void Agent::State::Settled(LeaseId lease, const CellKey& cell) {
  const auto found = grants.find(lease);
  if (found == grants.end()) return;
  found->second.missing.erase(cell);
  found->second.unsettled.erase(cell);
  if (found->second.missing.empty() && found->second.unsettled.empty()) grants.erase(found);
}

void Agent::State::DropOutcome(const CellKey& cell) {
  const auto found = outcome_of.find(cell);
  if (found == outcome_of.end()) return;
  const LeaseId lease = outcomes.at(found->second).lease;
  outcomes.erase(found->second);
  outcome_of.erase(found);
  Settled(lease, cell);
}

void Agent::State::EndTask(const CellKey& cell) {
  const auto task = tasks.find(cell);
  if (task->second.stage != AgentTask::Stage::kQueued) --in_engine;
  if (task->second.stage == AgentTask::Stage::kCommanded) --commanded;
  tasks.erase(task);
}

void Agent::State::Forget(const CellKey& cell, std::vector<CellKey>& cancelled) {
  DropOutcome(cell);
  if (const auto said = reported.find(cell); said != reported.end()) {
    const LeaseId lease = said->second.lease;
    reported.erase(said);
    Settled(lease, cell);
  }
  const auto task = tasks.find(cell);
  if (task == tasks.end()) return;
  const AgentTask ended = task->second;
  EndTask(cell);
  Settled(ended.lease, cell);
  if (ended.stage == AgentTask::Stage::kQueued) return;
  cancelled.push_back(cell);
  // The engine will say so with its next word; there may be none when nothing else runs.
  if (ended.stage == AgentTask::Stage::kStarted) ++reported_capacity;
}

void Agent::State::On(const EngineReady& event) {
  loaded = event.run;
  loading = RunId();
  numerics = event.numerics;
  reported_capacity = event.capacity;
  Say(RunReady{event.run, event.numerics});
}

void Agent::State::On(const EngineRefused& event) {
  // The engine holds no model now.
  if (loading == event.run) loading = RunId();
  loaded = RunId();
  numerics.clear();
  const RunRefused refusal{event.run, event.reason, event.message};
  refused[event.run] = refusal;
  std::vector<CellKey> cells;
  for (const auto& [cell, task] : tasks) {
    if (cell.run == event.run) cells.push_back(cell);
  }
  std::vector<CellKey> cancelled;
  for (const CellKey& cell : cells) Forget(cell, cancelled);
  if (!cancelled.empty()) effects.commands.push_back(CancelCells{std::move(cancelled)});
  Say(refusal);
}

void Agent::State::On(const EngineStarted& event) {
  for (const CellKey& cell : event.cells) {
    const auto task = tasks.find(cell);
    if (task == tasks.end() || task->second.stage != AgentTask::Stage::kCommanded) continue;
    task->second.stage = AgentTask::Stage::kStarted;
    --commanded;
  }
  reported_capacity = event.capacity;
}

void Agent::State::On(const EngineFinished& event) {
  std::vector<int64_t> numbers;
  for (const Outcome& finished : event.outcomes) {
    const auto task = tasks.find(finished.cell);
    if (task == tasks.end() || task->second.stage == AgentTask::Stage::kQueued) continue;  // cancelled since
    Outcome outcome = finished;
    outcome.lease = task->second.lease;
    EndTask(outcome.cell);
    AgentGrant& grant = grants.at(outcome.lease);
    grant.missing.erase(outcome.cell);
    grant.unsettled.insert(outcome.cell);
    generated += static_cast<int64_t>(outcome.tokens.size());
    const int64_t number = next_outcome++;
    outcome_of[outcome.cell] = number;
    outcomes[number] = std::move(outcome);
    numbers.push_back(number);
  }
  reported_capacity = event.capacity;
  SayOutcomes(numbers);
}

void Agent::State::On(const EngineFailed& event) {
  reported_capacity = event.capacity;
  const auto task = tasks.find(event.cell);
  if (task == tasks.end() || task->second.stage == AgentTask::Stage::kQueued) return;
  const LeaseId lease = task->second.lease;
  EndTask(event.cell);
  AgentGrant& grant = grants.at(lease);
  grant.missing.erase(event.cell);
  grant.unsettled.insert(event.cell);
  const CellFailed failure{event.cell, lease, event.error};
  reported[event.cell] = failure;
  Say(failure);
}

// What has not begun is given back by Goodbye, or when its lease expires.
void Agent::State::StartDraining() {
  draining = true;
  std::vector<CellKey> waiting;
  for (const auto& [cell, task] : tasks) {
    if (task.stage == AgentTask::Stage::kQueued) waiting.push_back(cell);
  }
  std::vector<CellKey> cancelled;
  for (const CellKey& cell : waiting) Forget(cell, cancelled);
  loading = RunId();
}

// Chooses the run to go on with: the loaded one while it has work, then the one that came first.
// True when cells may start.
bool Agent::State::NextRun() {
  for (auto entry = queue.begin(); entry != queue.end();) {
    std::deque<CellKey>& waiting = entry->second;
    std::erase_if(waiting, [&](const CellKey& cell) {
      const auto task = tasks.find(cell);
      return task == tasks.end() || task->second.stage != AgentTask::Stage::kQueued;
    });
    if (waiting.empty()) std::erase(run_order, entry->first);
    entry = waiting.empty() ? queue.erase(entry) : std::next(entry);
  }
  if (loading.valid() || run_order.empty()) return false;
  if (loaded.valid() && queue.contains(loaded)) return true;
  if (in_engine > 0) return false;
  const auto run = runs.find(run_order.front());
  if (run == runs.end()) return false;
  loading = run->first;
  loaded = RunId();
  numerics.clear();
  effects.commands.push_back(LoadRun{run->second});
  return false;
}

void Agent::State::Pump() {
  if (link == Link::kDone || !NextRun()) return;
  std::deque<CellKey>& waiting = queue.at(loaded);
  std::vector<CellKey> started;
  while (reported_capacity > commanded && !waiting.empty()) {
    const CellKey cell = waiting.front();
    waiting.pop_front();
    // A cell that was revoked and granted anew may wait twice.
    if (tasks.at(cell).stage == AgentTask::Stage::kQueued) Start(cell, started);
  }
  // Said before the engine begins: should a cell kill this process, the coordinator knows which.
  // Naming no lease, this renews nothing and measures nothing.
  if (!started.empty()) Say(Heartbeat{{}, std::move(started), 0});
}

void Agent::State::Start(const CellKey& cell, std::vector<CellKey>& started) {
  AgentTask& task = tasks.at(cell);
  task.stage = AgentTask::Stage::kCommanded;
  ++commanded;
  ++in_engine;
  const AgentGrant& grant = grants.at(task.lease);
  for (const GrantedArm& arm : grant.grant.arms) {
    if (arm.arm != cell.arm) continue;
    StartCell command{cell, arm.name, grant.grant.prompt};
    if (arm.name == kBaselineName && cell.sample == 0) command.hidden_after = grant.grant.hidden_layers;
    effects.commands.push_back(std::move(command));
  }
  started.push_back(cell);
}

}  // namespace sprint
