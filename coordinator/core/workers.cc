// Workers: how they come and go, what they say of themselves.
#include <algorithm>

#include "coordinator/core/state.h"
#include "coordinator/core/token.h"

namespace sprint {
namespace {

// A worker that is gone for so long, and holds nothing, is forgotten.
constexpr absl::Duration kRemembered = absl::Minutes(10);

}  // namespace

CoreWorker* Core::State::Find(WorkerId id) {
  const auto found = workers.find(id);
  return found == workers.end() ? nullptr : &found->second;
}

CoreWorker* Core::State::Heard(WorkerId id) {
  CoreWorker* worker = Find(id);
  if (worker == nullptr || !worker->connected) return worker;
  worker->last_heard = now;
  worker->silent = false;
  Absolve(*worker);
  return worker;
}

void Core::State::Send(const CoreWorker& worker, CoordinatorMessage message) {
  if (worker.connected) effects.messages.push_back({worker.id, std::move(message)});
}

NumericsId Core::State::NumericsOf(const CoreWorker& worker, RunId run) const {
  const auto found = worker.numerics.find(run);
  return found == worker.numerics.end() ? NumericsId() : found->second;
}

void Core::State::RevokeFrom(CoreWorker& worker, const CellKey& cell) {
  revoked[worker.id].push_back(cell);
  Release(cell);
}

CoreWorker& Core::State::Welcomed(const WorkerConnected& event) {
  const auto [found, first] = workers.try_emplace(event.worker);
  CoreWorker& worker = found->second;
  worker.id = event.worker;
  if (first) {
    // An earlier epoch may have presumed it dead.
    for (const auto& [cell, failure] : failures) {
      if (failure.worker == event.worker && failure.error == kLostError) worker.blamed.push_back(cell);
    }
  }
  ReleaseAll(worker);  // it names below what it really holds; a grant may have been lost on its way
  worker.hello = event.hello;
  worker.connected = true;
  worker.credit = 0;
  worker.in_flight.clear();
  worker.described.clear();
  worker.run = event.hello.loaded_run;
  Heard(event.worker);
  return worker;
}

void Core::State::On(const WorkerConnected& event) {
  CoreWorker& worker = Welcomed(event);
  Send(worker, Welcome{kProtocolVersion, worker.id, options.epoch, options.lease, options.heartbeat});
  worker.hello.held.clear();
  if (worker.run.valid()) LearnNumerics(worker, worker.run, event.numerics);
  size_t holds = 0;
  for (const HeldGrant& held : event.hello.held) holds += held.missing.size();
  for (const HeldGrant& held : event.hello.held) Adopt(worker, held, /*alone=*/holds == 1);
  for (CoreExperiment* experiment : order) Changed(*experiment);
  worker.draining = draining;
  if (draining) Send(worker, Drain{});
}

void Core::State::Adopt(CoreWorker& worker, const HeldGrant& held, bool alone) {
  const bool genuine = VerifyGrantToken(options.grant_key, worker.id, held) && !leases.contains(held.lease);
  const std::set<CellKey> missing(held.missing.begin(), held.missing.end());
  std::vector<CellKey> adopted;
  std::vector<CellKey> expected;  // finished or failed: it will be said again after this Hello
  std::vector<CellKey> vain(held.missing);
  for (const CellKey& cell : held.cells) {
    const CellStatus status = StatusOf(cell);
    const bool free = status == CellStatus::kOpen || status == CellStatus::kRetry;
    const auto failure = failures.find(cell);
    const bool counted = failure != failures.end() && failure->second.lease == held.lease;
    if (!genuine || !free || !Wanted(cell, NumericsOf(worker, cell.run))) continue;
    if (missing.contains(cell)) {
      // At its last try a cell runs alone, or not here.
      const bool last = failure != failures.end() && failure->second.attempts >= options.max_attempts - 1;
      if (last && !alone) continue;
      adopted.push_back(cell);
      std::erase(vain, cell);
    } else if (!counted) {
      expected.push_back(cell);
    }
  }
  // A cell that it holds under two grants is vain in neither.
  std::erase_if(vain, [&](const CellKey& cell) {
    const auto entry = leased.find(cell);
    return entry != leased.end() && leases.at(entry->second.lease).worker == worker.id;
  });
  std::vector<CellKey>& to_revoke = revoked[worker.id];
  to_revoke.insert(to_revoke.end(), vain.begin(), vain.end());
  const auto key = [](const std::vector<CellKey>& cells) {
    return QuestionKey(cells[0].run, cells[0].question);
  };
  if (!adopted.empty()) OpenLease(worker, key(adopted), held.lease, adopted);
  // Under a lease that no heartbeat names: what is not said again in time comes back by itself.
  if (!expected.empty()) OpenLease(worker, key(expected), LeaseId(next_lease++), expected);
}

void Core::State::LearnNumerics(CoreWorker& worker, RunId run, NumericsId numerics) {
  worker.numerics[run] = numerics;
  if (!numerics.valid()) return;
  const std::vector<CellKey> cells = CellsOf(worker);
  for (const CellKey& cell : cells) {
    if (cell.run != run) continue;
    ForEachRow(cell, [&](const Row& row, int32_t) {
      CoreExperiment& experiment = *row.block->experiment;
      if (!experiment.mixed && !experiment.numerics.valid()) experiment.numerics = numerics;
    });
    if (!Wanted(cell, numerics)) RevokeFrom(worker, cell);
  }
}

void Core::State::On(const WorkerDisconnected& event) {
  CoreWorker* worker = Find(event.worker);
  if (worker == nullptr) return;
  worker->connected = false;
  worker->credit = 0;
  work_appeared = true;  // a cell that failed elsewhere may have waited for this worker
}

void Core::State::On(const WorkerDied& event) {
  CoreWorker* worker = Find(event.worker);
  if (worker == nullptr) return;
  worker->connected = false;
  worker->credit = 0;
  worker->last_error = "its process ended";
  worker->blamed.clear();  // they were right
  Bury(*worker, kDiedError, /*certain=*/true);
  work_appeared = true;
}

void Core::State::On(const WorkerLeft& event) {
  CoreWorker* worker = Heard(event.worker);
  if (worker == nullptr) return;
  worker->connected = false;
  worker->credit = 0;
  ReleaseAll(*worker);
  work_appeared = true;
}

void Core::State::On(const CreditOffered& event) {
  CoreWorker* worker = Heard(event.worker);
  if (worker == nullptr || !worker->connected) return;
  while (!worker->in_flight.empty() && worker->in_flight.front().first <= event.credit.last_lease) {
    worker->in_flight.pop_front();
  }
  worker->credit = event.credit.cells;
  for (const auto& [lease, cells] : worker->in_flight) worker->credit -= cells;
  hungry = worker->id;
}

void Core::State::On(const HeartbeatReceived& event) {
  CoreWorker* worker = Heard(event.worker);
  if (worker == nullptr) return;
  for (const LeaseId lease : event.heartbeat.leases) Renew(lease, event.worker);
  for (const CellKey& cell : event.heartbeat.started) {
    const auto entry = leased.find(cell);
    if (entry == leased.end() || leases.at(entry->second.lease).worker != event.worker) continue;
    entry->second.started = true;
  }
  const bool extra = event.heartbeat.leases.empty() && !event.heartbeat.started.empty();
  if (!extra) worker->tokens_per_second = event.heartbeat.tokens_per_second;
}

void Core::State::On(const RunReadyReported& event) {
  CoreWorker* worker = Heard(event.worker);
  if (worker == nullptr) return;
  worker->run = event.run;
  LearnNumerics(*worker, event.run, event.numerics);
  for (CoreExperiment* experiment : order) Changed(*experiment);
  work_appeared = true;  // what it may not compute, or what it fixed, concerns others
}

void Core::State::On(const RunRefusedReported& event) {
  CoreWorker* worker = Heard(event.worker);
  if (worker == nullptr) return;
  worker->refused[event.refusal.run] = event.refusal.message;
  worker->last_error = event.refusal.message;
  const std::vector<CellKey> cells = CellsOf(*worker);
  for (const CellKey& cell : cells) {
    if (cell.run == event.refusal.run) Release(cell);
  }
  for (const auto& [id, experiment] : experiments) {
    if (experiment->runs.contains(event.refusal.run)) Changed(*experiment);
  }
  hungry = worker->id;
}

void Core::State::On(const DrainAll&) {
  draining = true;
  for (auto& [id, worker] : workers) {
    worker.draining = true;
    Send(worker, Drain{});
  }
}

void Core::State::On(const Tick&) {
  for (auto entry = workers.begin(); entry != workers.end();) {
    CoreWorker& worker = entry->second;
    const bool gone = !worker.connected && worker.leased == 0 && now - worker.last_heard >= kRemembered;
    if (gone) ReleaseAll(worker);
    entry = gone ? workers.erase(entry) : std::next(entry);
  }
}

}  // namespace sprint
