// Granting: which worker gets which cells (core.h says by what rules).
#include <algorithm>

#include "coordinator/core/state.h"
#include "coordinator/core/token.h"
#include "model/arm.h"

namespace sprint {

bool Core::State::Hungry(const CoreWorker& worker) const {
  return worker.connected && !worker.draining && !worker.silent && worker.credit > 0;
}

bool Core::State::Serves(const CoreWorker& worker, const CoreExperiment& experiment, RunId run) const {
  if (worker.refused.contains(run)) return false;
  if (experiment.mixed || !experiment.numerics.valid()) return true;
  const NumericsId numerics = NumericsOf(worker, run);
  return !numerics.valid() || numerics == experiment.numerics;
}

int64_t Core::State::OpenCells() const {
  int64_t open = 0;
  for (const CoreExperiment* experiment : order) {
    for (const auto& [run, pool] : experiment->pools) open += pool.open;
    open += static_cast<int64_t>(experiment->retries.size());
  }
  return open;
}

void Core::State::GrantAll() {
  if (draining || order.empty()) return;
  if (!work_appeared) {
    CoreWorker* worker = Find(hungry);
    if (worker != nullptr && Hungry(*worker)) GrantSome(*worker, worker->credit);
    return;
  }
  // Everyone that is hungry gets a fair part, then a part of what is left, until nothing moves.
  std::vector<CoreWorker*> takers;
  for (auto& [id, worker] : workers) {
    if (Hungry(worker)) takers.push_back(&worker);
  }
  while (!takers.empty()) {
    const int64_t count = static_cast<int64_t>(takers.size());
    const int64_t part = std::max<int64_t>(1, (OpenCells() + count - 1) / count);
    std::erase_if(takers, [&](CoreWorker* worker) {
      const int64_t limit = std::min<int64_t>(worker->credit, part);
      return GrantSome(*worker, limit) == 0 || !Hungry(*worker);
    });
  }
}

// An engine holds one model: another run only when the worker holds nothing of this one.
bool Core::State::RunAllowed(const CoreWorker& worker, RunId run) const {
  return worker.leased == 0 || worker.run == run;
}

int64_t Core::State::GrantSome(CoreWorker& worker, int64_t limit) {
  if (limit <= 0 || HoldsLastTry(worker)) return 0;
  struct Choice {
    CoreExperiment* experiment;
    RunId run;
  };
  // By priority; among equals the loaded run first, then the older experiment.
  std::vector<Choice> choices;
  for (CoreExperiment* experiment : order) {
    for (const auto& [run, pool] : experiment->pools) {
      const bool work = pool.open > 0 || !experiment->retries.empty();
      if (work && RunAllowed(worker, run) && Serves(worker, *experiment, run))
        choices.push_back({experiment, run});
    }
  }
  std::stable_sort(choices.begin(), choices.end(), [&](const Choice& a, const Choice& b) {
    if (a.experiment->priority != b.experiment->priority)
      return a.experiment->priority > b.experiment->priority;
    return (a.run == worker.run) > (b.run == worker.run);
  });
  int64_t granted = 0;
  for (const Choice& choice : choices) {
    if (!RunAllowed(worker, choice.run)) continue;  // since the choice before was granted
    while (granted < limit && !HoldsLastTry(worker)) {
      int64_t more = GrantRetry(worker, *choice.experiment, choice.run);
      if (more == 0 && !HoldsLastTry(worker)) {
        more = GrantOpen(worker, *choice.experiment, choice.run, limit - granted);
      }
      if (more == 0) break;
      granted += more;
    }
  }
  return granted;
}

// At its last try a cell runs alone, so that no neighbour's death is counted against it. What a returning
// worker has finished, and is about to say again, is leased beside it and does not run.
bool Core::State::HoldsLastTry(const CoreWorker& worker) const {
  if (failures.empty()) return false;
  return SuspicionOf(worker).attempts >= options.max_attempts - 1;
}

Core::State::Suspicion Core::State::SuspicionOf(const CoreWorker& worker) const {
  Suspicion suspicion;
  for (const CellKey& cell : CellsOf(worker)) {
    const auto found = failures.find(cell);
    if (found == failures.end()) continue;
    ++suspicion.cells;
    suspicion.attempts = std::max(suspicion.attempts, found->second.attempts);
  }
  return suspicion;
}

bool Core::State::MayRetry(const CoreWorker& worker, const Suspicion& suspicion,
                           const CoreExperiment& experiment, const CellKey& cell) const {
  const Failure& failure = failures.at(cell);
  if (failure.attempts >= options.max_attempts - 1) {
    if (worker.leased > 0) return false;
  } else {
    // max_suspects / max_suspects^(n-1), for the one that failed most often among them.
    const bool first = std::max(suspicion.attempts, failure.attempts) <= 1;
    if (suspicion.cells >= (first ? options.max_suspects : 1)) return false;
  }
  if (failure.worker != worker.id) return true;
  // It failed here: another worker, if one can take it.
  return std::none_of(workers.begin(), workers.end(), [&](const auto& entry) {
    const CoreWorker& other = entry.second;
    const bool able =
        other.connected && !other.draining && !other.silent && (other.credit > 0 || other.leased > 0);
    return able && other.id != worker.id && Serves(other, experiment, cell.run);
  });
}

int64_t Core::State::GrantRetry(CoreWorker& worker, CoreExperiment& experiment, RunId run) {
  if (experiment.retries.empty()) return 0;
  const Suspicion suspicion = SuspicionOf(worker);
  for (const CellKey& cell : experiment.retries) {
    if (cell.run != run || !MayRetry(worker, suspicion, experiment, cell)) continue;
    SendGrant(worker, experiment, QuestionKey(cell.run, cell.question), {cell});
    return 1;
  }
  return 0;
}

Row* Core::State::ChooseRow(CoreWorker& worker, const CoreExperiment& experiment, RunId run,
                            const Pool& pool) {
  // A question it holds already. Those that are used up are forgotten on the way.
  std::vector<QuestionKey> spent;
  Row* chosen = nullptr;
  for (const auto& [key, leases_of_it] : worker.held) {
    if (key.first != run) continue;
    bool open = false;
    for (Row* row : questions.at(key)->rows) {
      if (row->open.count() == 0) continue;
      open = true;
      if (row->block->experiment == &experiment) chosen = row;
    }
    if (chosen != nullptr) break;
    if (!open && leases_of_it == 0) spent.push_back(key);
  }
  for (const QuestionKey& key : spent) DropHeld(worker, key);
  if (chosen != nullptr) return chosen;
  if (!pool.untouched.empty()) return pool.rows[static_cast<size_t>(*pool.untouched.begin())];
  if (!pool.touched.empty()) return pool.rows[static_cast<size_t>(pool.touched.begin()->second)];
  return nullptr;
}

int64_t Core::State::GrantOpen(CoreWorker& worker, CoreExperiment& experiment, RunId run, int64_t limit) {
  const Row* row = ChooseRow(worker, experiment, run, experiment.pools.at(run));
  if (row == nullptr) return 0;
  const size_t most = static_cast<size_t>(std::min<int64_t>(limit, options.max_cells_per_grant));
  std::vector<CellKey> cells;
  for (int32_t bit = row->open.Next(0); bit >= 0 && cells.size() < most; bit = row->open.Next(bit + 1)) {
    cells.push_back(row->block->CellOf(*row, bit));
  }
  SendGrant(worker, experiment, row->question->key, cells);
  return static_cast<int64_t>(cells.size());
}

std::vector<int32_t> Core::State::HiddenLayersFor(const CellKey& cell) const {
  std::set<int32_t> layers;
  ForEachRow(cell, [&](const Row& row, int32_t) {
    const std::vector<int32_t>& asked = row.block->experiment->hidden_layers;
    layers.insert(asked.begin(), asked.end());
  });
  return std::vector<int32_t>(layers.begin(), layers.end());
}

void Core::State::SendGrant(CoreWorker& worker, CoreExperiment& experiment, QuestionKey question,
                            const std::vector<CellKey>& cells) {
  const auto& [run, question_id] = question;
  worker.run = run;
  if (worker.described.insert(run).second) Send(worker, experiment.runs.at(run));
  Grant grant;
  grant.lease = LeaseId(next_lease++);
  grant.run = run;
  grant.question = question_id;
  grant.prompt = experiment.prompts.at(question_id);
  for (const CellKey& cell : cells) {
    if (grant.arms.empty() || grant.arms.back().arm != cell.arm) {
      const size_t slot = static_cast<size_t>(experiment.slot.at(cell.arm));
      grant.arms.push_back({cell.arm, experiment.arm_names[slot], {}});
    }
    grant.arms.back().samples.push_back(cell.sample);
    if (cell.sample == 0 && grant.arms.back().name == kBaselineName)
      grant.hidden_layers = HiddenLayersFor(cell);
  }
  grant.token = MakeGrantToken(options.grant_key, worker.id, grant.lease, cells);
  OpenLease(worker, question, grant.lease, cells);
  const int32_t count = static_cast<int32_t>(cells.size());
  worker.credit -= count;
  worker.in_flight.push_back({grant.lease, count});
  Send(worker, std::move(grant));
}

}  // namespace sprint
