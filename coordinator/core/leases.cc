// Leases: opened by grants and by adoption, renewed, given back; and failures.
#include <algorithm>

#include "coordinator/core/state.h"

namespace sprint {

Lease& Core::State::OpenLease(CoreWorker& worker, QuestionKey question, LeaseId id,
                              const std::vector<CellKey>& cells) {
  Lease& lease = leases[id];
  lease = {id, worker.id, question, {cells.begin(), cells.end()}, now + options.lease};
  expiries.insert({lease.expires, id});
  worker.leases.insert(id);
  worker.leased += static_cast<int64_t>(cells.size());
  Question& shared = *questions.at(question);
  const auto [held, first] = worker.held.try_emplace(question, 0);
  held->second += static_cast<int32_t>(cells.size());
  if (first) ++shared.holders;
  for (const CellKey& cell : cells) {
    const CellStatus from = StatusOf(cell);
    leased[cell] = {id, false};
    Move(cell, from, CellStatus::kLeased);
    const NumericsId numerics = NumericsOf(worker, cell.run);
    ForEachRow(cell, [&](Row& row, int32_t) {
      CoreExperiment& experiment = *row.block->experiment;
      if (!experiment.mixed && !experiment.numerics.valid()) experiment.numerics = numerics;
    });
  }
  if (first) {
    for (Row* row : shared.rows) PlaceRow(*row);
  }
  return lease;
}

void Core::State::CloseCell(const CellKey& cell, CellStatus to) {
  const auto entry = leased.find(cell);
  Lease& lease = leases.at(entry->second.lease);
  CoreWorker& worker = workers.at(lease.worker);
  leased.erase(entry);
  lease.cells.erase(cell);
  --worker.leased;
  Move(cell, CellStatus::kLeased, to);
  const auto held = worker.held.find(lease.question);
  if (held != worker.held.end()) --held->second;
  if (!lease.cells.empty()) return;
  expiries.erase({lease.expires, lease.id});
  worker.leases.erase(lease.id);
  leases.erase(lease.id);
}

void Core::State::Release(const CellKey& cell) {
  const auto failure = failures.find(cell);
  CloseCell(cell, failure == failures.end() ? CellStatus::kOpen : CellStatus::kRetry);
}

void Core::State::ReleaseLease(LeaseId id) {
  const auto found = leases.find(id);
  if (found == leases.end()) return;
  const std::set<CellKey> cells = found->second.cells;
  for (const CellKey& cell : cells) Release(cell);
}

void Core::State::ReleaseAll(CoreWorker& worker) {
  const std::set<LeaseId> ids = worker.leases;
  for (const LeaseId id : ids) ReleaseLease(id);
  while (!worker.held.empty()) DropHeld(worker, worker.held.begin()->first);
}

void Core::State::DropHeld(CoreWorker& worker, QuestionKey question) {
  worker.held.erase(question);
  const auto found = questions.find(question);
  if (found == questions.end()) return;
  if (--found->second->holders > 0) return;
  for (Row* row : found->second->rows) PlaceRow(*row);
}

void Core::State::Renew(LeaseId id, WorkerId worker) {
  const auto found = leases.find(id);
  if (found == leases.end() || found->second.worker != worker) return;
  Lease& lease = found->second;
  const absl::Time expires = now + options.lease;
  if (expires <= lease.expires) return;
  expiries.erase({lease.expires, id});
  lease.expires = expires;
  expiries.insert({expires, id});
}

void Core::State::Expire() {
  while (!expiries.empty() && expiries.begin()->first <= now) {
    const LeaseId id = expiries.begin()->second;
    CoreWorker& worker = workers.at(leases.at(id).worker);
    if (now - worker.last_heard >= options.lease) {
      worker.silent = true;
      worker.credit = 0;
      std::vector<CellKey> blamed = Bury(worker, kLostError, /*certain=*/false);
      worker.blamed.insert(worker.blamed.end(), blamed.begin(), blamed.end());
    } else {
      // It lives but does not name the lease: it stops, in case it computes after all.
      const std::set<CellKey> cells = leases.at(id).cells;
      revoked[worker.id].insert(revoked[worker.id].end(), cells.begin(), cells.end());
      ReleaseLease(id);
    }
  }
}

std::vector<CellKey> Core::State::CellsOf(const CoreWorker& worker) const {
  std::vector<CellKey> cells;
  for (const LeaseId id : worker.leases) {
    const Lease& lease = leases.at(id);
    cells.insert(cells.end(), lease.cells.begin(), lease.cells.end());
  }
  return cells;
}

std::vector<CellKey> Core::State::Bury(CoreWorker& worker, const std::string& error, bool certain) {
  const std::vector<CellKey> all = CellsOf(worker);
  std::vector<CellKey> started;
  for (const CellKey& cell : all) {
    if (leased.at(cell).started) started.push_back(cell);
  }
  if (worker.connected) revoked[worker.id].insert(revoked[worker.id].end(), all.begin(), all.end());
  // Its last words may have been lost with its stream. But before its model was loaded it cannot have
  // started anything, and one that is only presumed dead may have left in order.
  std::vector<CellKey> guilty = started;
  for (const CellKey& cell : all) {
    if (certain && started.empty() && worker.numerics.contains(cell.run) && !GivenTheDoubt(cell)) {
      guilty.push_back(cell);
    }
  }
  for (const CellKey& cell : guilty) CountFailure(cell, worker.id, error, leased.at(cell).lease);
  ReleaseAll(worker);
  return guilty;
}

bool Core::State::GivenTheDoubt(const CellKey& cell) {
  const auto found = failures.find(cell);
  if (found == failures.end() || found->second.attempts < options.max_attempts - 1) return false;
  return ++found->second.doubts <= options.max_attempts;
}

void Core::State::CountFailure(const CellKey& cell, WorkerId worker, const std::string& error,
                               LeaseId lease) {
  Failure& failure = failures[cell];
  ++failure.attempts;
  failure.quarantined = failure.attempts >= options.max_attempts;
  failure.error = error;
  failure.worker = worker;
  failure.lease = lease;
  effects.records.failures.push_back({cell, failure.attempts, failure.quarantined, error, worker});
  CloseCell(cell, failure.quarantined ? CellStatus::kQuarantined : CellStatus::kRetry);
  ForEachRow(cell, [&](Row& row, int32_t) { FinishIfDone(*row.block->experiment); });
}

void Core::State::Absolve(CoreWorker& worker) {
  const std::vector<CellKey> blamed = std::move(worker.blamed);
  worker.blamed.clear();
  for (const CellKey& cell : blamed) Forgive(cell);
}

void Core::State::Forgive(const CellKey& cell) {
  const auto found = failures.find(cell);
  if (found == failures.end()) return;
  const CellStatus from = StatusOf(cell);
  Failure& failure = found->second;
  --failure.attempts;
  failure.quarantined = false;
  if (failure.attempts <= 0) {
    failures.erase(found);
    std::erase_if(effects.records.failures, [&](const FailureRecord& record) { return record.cell == cell; });
    effects.records.failures_cleared.push_back(cell);
  } else {
    effects.records.failures.push_back({cell, failure.attempts, false, failure.error, failure.worker});
  }
  if (from == CellStatus::kRetry || from == CellStatus::kQuarantined) Move(cell, from, MissingStatus(cell));
  ForEachRow(cell, [&](Row& row, int32_t) { FinishIfDone(*row.block->experiment); });
}

}  // namespace sprint
