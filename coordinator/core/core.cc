#include "coordinator/core/core.h"

#include <algorithm>
#include <utility>

#include "coordinator/core/state.h"
#include "coordinator/core/token.h"

namespace sprint {
namespace {

template <typename T>
void AppendAll(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void Effects::Append(Effects later) {
  // In a batch the cleared failures come first; here the clearing came later, so it is what holds.
  if (!later.records.failures_cleared.empty() && !records.failures.empty()) {
    std::vector<CellKey> cleared = later.records.failures_cleared;
    std::sort(cleared.begin(), cleared.end());
    std::erase_if(records.failures, [&](const FailureRecord& failure) {
      return std::binary_search(cleared.begin(), cleared.end(), failure.cell);
    });
  }
  AppendAll(records.outcomes, later.records.outcomes);
  AppendAll(records.verdicts, later.records.verdicts);
  AppendAll(records.failures_cleared, later.records.failures_cleared);
  AppendAll(records.failures, later.records.failures);
  AppendAll(records.states, later.records.states);
  AppendAll(records.alarms, later.records.alarms);
  AppendAll(messages, later.messages);
  AppendAll(comparisons, later.comparisons);
  for (const ExperimentId id : later.changed) {
    if (std::find(changed.begin(), changed.end(), id) == changed.end()) changed.push_back(id);
  }
  wakeup = later.wakeup;
}

Core::State::State(CoreOptions core_options)
    : options(std::move(core_options)), next_lease(FirstLease(options.epoch)) {}

Core::Core(CoreOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Core::~Core() = default;

Effects Core::Apply(const Event& event, absl::Time now) {
  State& state = *state_;
  state.now = now;
  state.effects = Effects();
  state.work_appeared = false;
  state.hungry = WorkerId();
  std::visit([&](const auto& e) { state.On(e); }, event);
  state.Settle();
  return std::move(state.effects);
}

void Core::State::Settle() {
  Expire();
  // Before any grant: a worker stops what it does in vain before it starts what is asked of it alone.
  for (auto& [id, cells] : revoked) {
    const CoreWorker* worker = Find(id);
    if (worker != nullptr && !cells.empty()) Send(*worker, Revoke{std::move(cells)});
  }
  revoked.clear();
  GrantAll();
  effects.wakeup = expiries.empty() ? absl::InfiniteFuture() : expiries.begin()->first;
}

}  // namespace sprint
