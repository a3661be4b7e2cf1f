// Experiments: how they come, what people command, how they go.
#include <algorithm>

#include "coordinator/core/state.h"

namespace sprint {
namespace {

RunDescription Describe(const StoredRun& stored) {
  RunDescription description;
  description.run = stored.id;
  description.model_name = stored.run.model_name;
  description.model_path = stored.run.model_path;
  description.weights_hash = stored.run.weights_hash;
  description.tokenizer_hash = stored.run.tokenizer_hash;
  description.dtype = stored.run.dtype;
  description.engine_mode = stored.run.engine_mode;
  description.decoding = stored.run.decoding;
  description.seed = stored.run.seed;
  return description;
}

}  // namespace

void Core::State::On(const ExperimentAdded& event) {
  const ExperimentRecord& record = event.record;
  auto [found, added] = experiments.try_emplace(record.id);
  if (added) found->second = std::make_unique<CoreExperiment>();
  CoreExperiment& experiment = *found->second;
  if (added) {
    experiment.id = record.id;
    experiment.numerics = record.numerics;
    experiment.numerics_firm = record.numerics.valid();
    AddFailures(record);
    AddBlocks(experiment, record);
  }
  Refresh(experiment, record);
  work_appeared = true;
}

void Core::State::Refresh(CoreExperiment& experiment, const ExperimentRecord& record) {
  experiment.name = record.name;
  experiment.state = record.state;
  experiment.priority = record.priority;
  experiment.mixed = record.mixed_numerics;
  experiment.hidden_layers = record.hidden_layers;
  if (!record.counters.empty()) experiment.counters = record.counters;
  for (const StoredRun& run : record.runs) experiment.runs[run.id] = Describe(run);
  Changed(experiment);
  ReOrder();
  FinishIfDone(experiment);
}

void Core::State::AddFailures(const ExperimentRecord& record) {
  for (const FailureRecord& failure : record.failures) {
    // A cell that another experiment has brought already is known better than by the record.
    if (StatusOf(failure.cell) != CellStatus::kUnknown) continue;
    failures[failure.cell] = {failure.attempts, failure.quarantined, failure.error, failure.worker,
                              LeaseId()};
  }
}

void Core::State::AddBlocks(CoreExperiment& experiment, const ExperimentRecord& record) {
  for (const StoredArm& arm : record.arms) {
    experiment.slot[arm.id] = static_cast<int32_t>(experiment.arms.size());
    experiment.arms.push_back(arm.id);
    experiment.arm_names.push_back(arm.arm.Name());
    experiment.counters.push_back({arm.id});
  }
  for (const StoredQuestion& question : record.questions) experiment.prompts[question.id] = question.tokens;
  for (const BlockRecord& stored : record.blocks) {
    Block& block = experiment.blocks.emplace_back();
    block.experiment = &experiment;
    block.pool = &experiment.pools[stored.run];
    block.run = stored.run;
    block.arms = stored.arms;
    block.first_sample = stored.first_sample;
    block.samples = stored.samples;
    for (const ArmId arm : stored.arms) {
      block.column[arm] = static_cast<int32_t>(block.slots.size());
      block.slots.push_back(experiment.slot[arm]);
    }
    for (const QuestionId question : stored.questions) AddRow(block, question);
  }
  for (const CellKey& cell : record.done) {
    ForEachRow(cell, [&](Row& row, int32_t bit) {
      if (row.block->experiment == &experiment) row.missing.Clear(bit);
    });
    if (StatusOf(cell) == CellStatus::kDurable) failures.erase(cell);
  }
  CountMissing(experiment);
}

void Core::State::AddRow(Block& block, QuestionId question) {
  const QuestionKey key(block.run, question);
  std::unique_ptr<Question>& shared = questions[key];
  if (shared == nullptr) shared = std::make_unique<Question>(Question{key, {}, 0});
  Row& row = block.experiment->rows.emplace_back();
  row.block = &block;
  row.question = shared.get();
  row.position = static_cast<int32_t>(block.pool->rows.size());
  row.missing = Bits(block.width());
  row.open = row.missing;
  // What became durable after the record was read, another experiment knows.
  for (const Row* other : shared->rows) {
    for (int32_t bit = 0; bit < row.missing.size(); ++bit) {
      const CellKey cell = block.CellOf(row, bit);
      const int32_t there = other->block->BitOf(cell.arm, cell.sample);
      if (there >= 0 && !other->missing.Test(there)) row.missing.Clear(bit);
    }
  }
  block.pool->rows.push_back(&row);
  shared->rows.push_back(&row);
}

void Core::State::CountMissing(CoreExperiment& experiment) {
  for (Row& row : experiment.rows) {
    experiment.cells += row.missing.size();
    experiment.missing += row.missing.count();
    row.open = row.missing;
  }
  // Cells that others have leased, or that failed before: the tables are small.
  const auto classify = [&](const CellKey& cell) {
    ForEachRow(cell, [&](Row& row, int32_t bit) {
      if (row.block->experiment != &experiment || !row.missing.Test(bit)) return;
      const CellStatus status = MissingStatus(cell);
      row.open.Clear(bit);
      if (status == CellStatus::kLeased) ++experiment.leased;
      if (status == CellStatus::kRetry) experiment.retries.insert(cell);
      if (status == CellStatus::kQuarantined) experiment.quarantined.insert(cell);
    });
  };
  for (const auto& [cell, unused] : leased) classify(cell);
  for (const auto& [cell, unused] : failures) {
    if (!leased.contains(cell)) classify(cell);
  }
  for (Row& row : experiment.rows) PlaceRow(row);
}

void Core::State::On(const ExperimentCommand& event) {
  const auto found = experiments.find(event.experiment);
  if (found == experiments.end()) return;
  CoreExperiment& experiment = *found->second;
  switch (event.command) {
    case Command::kPause:
      if (experiment.running()) SetState(experiment, ExperimentState::kPaused);
      return;
    case Command::kResume:
      if (experiment.state == ExperimentState::kPaused || experiment.state == ExperimentState::kCancelled) {
        SetState(experiment, ExperimentState::kRunning);
        FinishIfDone(experiment);
      }
      return;
    case Command::kCancel:
      if (experiment.wanted()) SetState(experiment, ExperimentState::kCancelled);
      RevokeUnwanted(experiment);
      return;
    case Command::kRetry:
      Retry(experiment);
      return;
    case Command::kDelete:
      Delete(experiment);
      return;
  }
}

void Core::State::Retry(CoreExperiment& experiment) {
  const std::set<CellKey> cells = experiment.quarantined;
  for (const CellKey& cell : cells) {
    failures.erase(cell);
    effects.records.failures_cleared.push_back(cell);
    Move(cell, CellStatus::kQuarantined, CellStatus::kOpen);
    ForEachRow(cell, [&](Row& row, int32_t) { FinishIfDone(*row.block->experiment); });
  }
  Changed(experiment);
}

// The leased cells that no experiment wants any more.
void Core::State::RevokeUnwanted(CoreExperiment& experiment) {
  if (experiment.leased == 0) return;
  std::vector<CellKey> unwanted;
  for (const auto& [cell, unused] : leased) {
    bool here = false;
    ForEachRow(cell, [&](const Row& row, int32_t) { here = here || row.block->experiment == &experiment; });
    if (here && !Wanted(cell, NumericsId())) unwanted.push_back(cell);
  }
  std::sort(unwanted.begin(), unwanted.end());
  for (const CellKey& cell : unwanted) {
    revoked[leases.at(leased.at(cell).lease).worker].push_back(cell);
    Release(cell);
  }
}

void Core::State::Delete(CoreExperiment& experiment) {
  experiment.state = ExperimentState::kCancelled;
  RevokeUnwanted(experiment);
  const std::set<CellKey> retries = experiment.retries;
  const std::set<CellKey> quarantined = experiment.quarantined;
  for (Row& row : experiment.rows) {
    Question& question = *row.question;
    std::erase(question.rows, &row);
    if (!question.rows.empty()) continue;
    const QuestionKey key = question.key;
    if (question.holders > 0) {
      for (auto& [id, worker] : workers) worker.held.erase(key);
    }
    questions.erase(key);
  }
  // Failures that nobody asks about any more; the store keeps them.
  for (const std::set<CellKey>* cells : {&retries, &quarantined}) {
    for (const CellKey& cell : *cells) {
      if (StatusOf(cell) == CellStatus::kUnknown) failures.erase(cell);
    }
  }
  std::erase(effects.changed, experiment.id);
  experiments.erase(experiment.id);
  ReOrder();
}

}  // namespace sprint
