// Cells: their status, and the bits, counts and pools that follow it.
#include <algorithm>

#include "coordinator/core/state.h"

namespace sprint {

int32_t Block::BitOf(ArmId arm, int32_t sample) const {
  if (sample < first_sample || sample >= first_sample + samples) return -1;
  const auto found = column.find(arm);
  return found == column.end() ? -1 : found->second * samples + (sample - first_sample);
}

CellKey Block::CellOf(const Row& row, int32_t bit) const {
  return {run, row.question->key.second, arms[static_cast<size_t>(bit / samples)],
          first_sample + bit % samples};
}

CellStatus Core::State::MissingStatus(const CellKey& cell) const {
  if (leased.contains(cell)) return CellStatus::kLeased;
  const auto failure = failures.find(cell);
  if (failure == failures.end()) return CellStatus::kOpen;
  return failure->second.quarantined ? CellStatus::kQuarantined : CellStatus::kRetry;
}

CellStatus Core::State::StatusOf(const CellKey& cell) const {
  bool known = false;
  bool missing = false;
  ForEachRow(cell, [&](const Row& row, int32_t bit) {
    known = true;
    missing = row.missing.Test(bit);
  });
  if (!known) return CellStatus::kUnknown;
  return missing ? MissingStatus(cell) : CellStatus::kDurable;
}

void Core::State::Move(const CellKey& cell, CellStatus from, CellStatus to) {
  if (from == to) return;
  ForEachRow(cell, [&](Row& row, int32_t bit) {
    CoreExperiment& experiment = *row.block->experiment;
    if (from == CellStatus::kOpen) row.open.Clear(bit);
    if (from == CellStatus::kLeased) --experiment.leased;
    if (from == CellStatus::kRetry) experiment.retries.erase(cell);
    if (from == CellStatus::kQuarantined) experiment.quarantined.erase(cell);

    if (to == CellStatus::kOpen) row.open.Set(bit);
    if (to == CellStatus::kLeased) ++experiment.leased;
    if (to == CellStatus::kRetry) experiment.retries.insert(cell);
    if (to == CellStatus::kQuarantined) experiment.quarantined.insert(cell);
    if (to == CellStatus::kDurable) {
      row.missing.Clear(bit);
      --experiment.missing;
    }
    if (from == CellStatus::kOpen || to == CellStatus::kOpen) PlaceRow(row);
    if (experiment.leased == 0 && !experiment.numerics_firm) experiment.numerics = NumericsId();
    Changed(experiment);
  });
  if (to == CellStatus::kOpen || to == CellStatus::kRetry) work_appeared = true;
}

void Core::State::PlaceRow(Row& row) {
  Pool& pool = *row.block->pool;
  const int32_t open = row.open.count();
  Row::Place place = Row::Place::kNone;
  if (open > 0) place = row.question->holders > 0 ? Row::Place::kTouched : Row::Place::kUntouched;
  if (place == row.place && open == row.placed_open) return;
  if (row.place == Row::Place::kUntouched) pool.untouched.erase(row.position);
  if (row.place == Row::Place::kTouched) pool.touched.erase({-row.placed_open, row.position});
  pool.open += open - row.placed_open;
  row.place = place;
  row.placed_open = open;
  if (place == Row::Place::kUntouched) pool.untouched.insert(row.position);
  if (place == Row::Place::kTouched) pool.touched.insert({-open, row.position});
}

bool Core::State::Wanted(const CellKey& cell, NumericsId numerics) const {
  bool wanted = false;
  ForEachRow(cell, [&](const Row& row, int32_t) {
    const CoreExperiment& experiment = *row.block->experiment;
    const bool fits = experiment.mixed || !experiment.numerics.valid() || !numerics.valid() ||
                      experiment.numerics == numerics;
    wanted = wanted || (experiment.wanted() && fits);
  });
  return wanted;
}

void Core::State::Changed(CoreExperiment& experiment) {
  std::vector<ExperimentId>& changed = effects.changed;
  if (std::find(changed.begin(), changed.end(), experiment.id) == changed.end())
    changed.push_back(experiment.id);
}

void Core::State::SetState(CoreExperiment& experiment, ExperimentState state) {
  if (experiment.state == state) return;
  experiment.state = state;
  effects.records.states.push_back({experiment.id, state});
  Changed(experiment);
  ReOrder();
  if (state == ExperimentState::kRunning) work_appeared = true;
}

void Core::State::FinishIfDone(CoreExperiment& experiment) {
  const bool done = experiment.missing == static_cast<int64_t>(experiment.quarantined.size());
  if (done && experiment.wanted()) SetState(experiment, ExperimentState::kFinished);
  if (!done && experiment.state == ExperimentState::kFinished)
    SetState(experiment, ExperimentState::kRunning);
}

void Core::State::ReOrder() {
  order.clear();
  for (const auto& [id, experiment] : experiments) {
    if (experiment->running()) order.push_back(experiment.get());
  }
  std::stable_sort(order.begin(), order.end(), [](const CoreExperiment* a, const CoreExperiment* b) {
    return a->priority > b->priority;
  });
}

}  // namespace sprint
