// Every invariant of the state, in full. O(state); for tests.
#include "absl/strings/str_cat.h"
#include "coordinator/core/core.h"
#include "coordinator/core/state.h"

namespace sprint {

std::string Core::State::CheckRow(const Row& row) const {
  for (int32_t bit = 0; bit < row.missing.size(); ++bit) {
    const CellKey cell = row.block->CellOf(row, bit);
    const CellStatus status = row.missing.Test(bit) ? MissingStatus(cell) : CellStatus::kDurable;
    if (row.open.Test(bit) != (status == CellStatus::kOpen)) {
      return absl::StrCat(ToString(cell), ": open is ", row.open.Test(bit), " against the tables");
    }
    if (status == CellStatus::kDurable && (leased.contains(cell) || failures.contains(cell))) {
      return absl::StrCat(ToString(cell), ": durable, and leased or failed");
    }
    const CoreExperiment& experiment = *row.block->experiment;
    if (experiment.retries.contains(cell) != (status == CellStatus::kRetry)) {
      return absl::StrCat(ToString(cell), ": not among the retries where it belongs");
    }
    if (experiment.quarantined.contains(cell) != (status == CellStatus::kQuarantined)) {
      return absl::StrCat(ToString(cell), ": not among the quarantined where it belongs");
    }
    if (StatusOf(cell) != status) return absl::StrCat(ToString(cell), ": experiments disagree about it");
  }
  const Pool& pool = *row.block->pool;
  const bool untouched = pool.untouched.contains(row.position);
  const bool touched = pool.touched.contains({-row.open.count(), row.position});
  const bool some = row.open.count() > 0;
  if (untouched != (some && row.question->holders == 0) || touched != (some && row.question->holders > 0)) {
    return absl::StrCat("question ", row.question->key.second.value(), ": not where it would be chosen from");
  }
  return "";
}

std::string Core::State::CheckExperiment(const CoreExperiment& experiment) const {
  int64_t missing = 0;
  int64_t leased_here = 0;
  std::map<const Pool*, int64_t> open;
  for (const Row& row : experiment.rows) {
    if (std::string broken = CheckRow(row); !broken.empty()) return broken;
    missing += row.missing.count();
    open[row.block->pool] += row.open.count();
    for (int32_t bit = row.missing.Next(0); bit >= 0; bit = row.missing.Next(bit + 1)) {
      leased_here += leased.contains(row.block->CellOf(row, bit)) ? 1 : 0;
    }
  }
  const std::string name = absl::StrCat("experiment ", experiment.id.value(), ": ");
  if (missing != experiment.missing)
    return absl::StrCat(name, "missing is ", experiment.missing, ", not ", missing);
  if (leased_here != experiment.leased)
    return absl::StrCat(name, "leased is ", experiment.leased, ", not ", leased_here);
  for (const auto& [run, pool] : experiment.pools) {
    if (pool.open != open[&pool]) return absl::StrCat(name, "open is ", pool.open, ", not ", open[&pool]);
  }
  const bool done = missing == static_cast<int64_t>(experiment.quarantined.size());
  if (done && experiment.wanted()) return absl::StrCat(name, "nothing is left, but it is not finished");
  if (!done && experiment.state == ExperimentState::kFinished)
    return absl::StrCat(name, "finished, but cells are left");
  int64_t counted = 0;
  for (const ArmCounters& counters : experiment.counters) counted += counters.done;
  if (counted != experiment.cells - missing) return absl::StrCat(name, "counters say ", counted, " done");
  return "";
}

std::string Core::State::CheckLeases() const {
  size_t cells = 0;
  for (const auto& [id, lease] : leases) {
    const std::string name = absl::StrCat("lease ", id.value(), ": ");
    if (lease.cells.empty()) return absl::StrCat(name, "holds nothing");
    if (!expiries.contains({lease.expires, id})) return absl::StrCat(name, "would never expire");
    const auto worker = workers.find(lease.worker);
    if (worker == workers.end() || !worker->second.leases.contains(id))
      return absl::StrCat(name, "of no worker");
    for (const CellKey& cell : lease.cells) {
      const auto entry = leased.find(cell);
      if (entry == leased.end() || entry->second.lease != id)
        return absl::StrCat(name, ToString(cell), " is not its");
      if (StatusOf(cell) != CellStatus::kLeased) return absl::StrCat(name, ToString(cell), " is not missing");
    }
    cells += lease.cells.size();
  }
  if (cells != leased.size()) return "a cell is leased under no lease";
  if (expiries.size() != leases.size()) return "an expiry of no lease";
  for (const auto& [cell, failure] : failures) {
    if (failure.attempts <= 0) return absl::StrCat(ToString(cell), ": failed ", failure.attempts, " times");
    if (failure.quarantined && leased.contains(cell))
      return absl::StrCat(ToString(cell), ": quarantined and leased");
  }
  return "";
}

std::string Core::State::CheckWorkers() const {
  std::map<QuestionKey, int32_t> holders;
  for (const auto& [id, worker] : workers) {
    const std::string name = absl::StrCat("worker ", id.value(), ": ");
    std::map<QuestionKey, int32_t> held;
    int64_t of_worker = 0;
    for (const LeaseId lease : worker.leases) {
      const auto found = leases.find(lease);
      if (found == leases.end()) return absl::StrCat(name, "an unknown lease");
      of_worker += static_cast<int64_t>(found->second.cells.size());
      held[found->second.question] += static_cast<int32_t>(found->second.cells.size());
    }
    if (of_worker != worker.leased)
      return absl::StrCat(name, "leased is ", worker.leased, ", not ", of_worker);
    for (const auto& [question, count] : worker.held) {
      if (count != held[question])
        return absl::StrCat(name, "counts ", count, " cells of a question wrongly");
      held.erase(question);
      ++holders[question];
    }
    if (!held.empty()) return absl::StrCat(name, "has leases of a question it does not hold");
  }
  for (const auto& [key, question] : questions) {
    if (question->holders != holders[key])
      return absl::StrCat("question ", key.second.value(), ": wrong holders");
  }
  return "";
}

std::string Core::CheckInvariants() const {
  for (const auto& [id, experiment] : state_->experiments) {
    if (std::string broken = state_->CheckExperiment(*experiment); !broken.empty()) return broken;
  }
  if (std::string broken = state_->CheckLeases(); !broken.empty()) return broken;
  return state_->CheckWorkers();
}

}  // namespace sprint
