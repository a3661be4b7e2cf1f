#include "worker/agent.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/agent_state.h"

namespace sprint {

Agent::State::State(AgentOptions agent_options)
    : options(std::move(agent_options)), jitter(options.seed, /*stream=*/0x6a697474) {}

Agent::Agent(AgentOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Agent::~Agent() = default;

AgentEffects Agent::Apply(const AgentEvent& event, absl::Time now) {
  State& state = *state_;
  state.now = now;
  state.effects = AgentEffects();
  if (state.link != State::Link::kDone) {
    std::visit([&](const auto& e) { state.On(e); }, event);
    state.Settle();
  }
  return std::move(state.effects);
}

int64_t Agent::unacknowledged() const { return static_cast<int64_t>(state_->outcomes.size()); }
int64_t Agent::outstanding() const { return static_cast<int64_t>(state_->tasks.size()); }

std::string Agent::CheckInvariants() const {
  const State& state = *state_;
  size_t missing = 0;
  for (const auto& [lease, grant] : state.grants) {
    if (grant.missing.empty() && grant.unsettled.empty())
      return absl::StrCat("lease ", lease.value(), " is kept in vain");
    missing += grant.missing.size();
    for (const CellKey& cell : grant.missing) {
      const auto task = state.tasks.find(cell);
      if (task == state.tasks.end() || task->second.lease != lease)
        return absl::StrCat(ToString(cell), " has no task");
    }
    for (const CellKey& cell : grant.unsettled) {
      if (!state.outcome_of.contains(cell) && !state.reported.contains(cell)) {
        return absl::StrCat(ToString(cell), " is unsettled, but nothing was said of it");
      }
      if (grant.missing.contains(cell)) return absl::StrCat(ToString(cell), " is both missing and said");
    }
  }
  if (missing != state.tasks.size()) return "a task of no grant";
  if (state.outcomes.size() != state.outcome_of.size()) return "an outcome of no cell";
  for (const auto& [number, outcome] : state.outcomes) {
    const auto grant = state.grants.find(outcome.lease);
    if (grant == state.grants.end() || !grant->second.unsettled.contains(outcome.cell)) {
      return absl::StrCat(ToString(outcome.cell), ": its outcome has no grant to prove it");
    }
  }
  int32_t commanded = 0;
  int32_t in_engine = 0;
  for (const auto& [cell, task] : state.tasks) {
    if (task.stage == AgentTask::Stage::kQueued) {
      const auto queue = state.queue.find(cell.run);
      const bool queued = queue != state.queue.end() &&
                          std::find(queue->second.begin(), queue->second.end(), cell) != queue->second.end();
      if (!queued) return absl::StrCat(ToString(cell), " would never start");
      continue;
    }
    ++in_engine;
    commanded += task.stage == AgentTask::Stage::kCommanded ? 1 : 0;
    if (cell.run != state.loaded) return absl::StrCat(ToString(cell), " runs in another run's model");
  }
  if (commanded != state.commanded || in_engine != state.in_engine)
    return "what is in the engine is counted wrongly";
  return "";
}

void Agent::State::Settle() {
  Pump();
  if (draining && in_engine == 0 && !loading.valid() && tasks.empty() && outcomes.empty() &&
      reported.empty()) {
    Say(Goodbye{});
    effects.close = link == Link::kOpen || link == Link::kGreeting;
    Exit(absl::OkStatus());
  }
  if (link == Link::kOpen) OfferCredit(/*always=*/false);
  if (link != Link::kDone) effects.wakeup = Wakeup();
}

}  // namespace sprint
