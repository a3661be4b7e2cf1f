// Outcomes: which are believed, which become durable, and what follows.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/core/state.h"
#include "coordinator/core/token.h"
#include "model/engine_mode.h"

namespace sprint {

void Core::State::On(const OutcomesArrived& event) {
  CoreWorker* worker = Heard(event.worker);
  verified_grants.clear();
  for (const HeldGrant& grant : event.grants) Renew(grant.lease, event.worker);
  std::vector<CellKey> acknowledged;
  for (const JudgedOutcome& judged : event.outcomes) {
    Renew(judged.outcome.lease, event.worker);
    Take(event, judged, acknowledged);
  }
  if (worker == nullptr) return;
  if (!acknowledged.empty()) Send(*worker, Ack{std::move(acknowledged)});
  hungry = worker->id;
}

// Whether this worker was once granted the cell: by its lease as it stands, or by a token.
bool Core::State::Proven(const OutcomesArrived& event, const Outcome& outcome) {
  const auto entry = leased.find(outcome.cell);
  if (entry != leased.end() && leases.at(entry->second.lease).worker == event.worker) return true;
  for (size_t i = 0; i < event.grants.size(); ++i) {
    const HeldGrant& grant = event.grants[i];
    if (grant.lease != outcome.lease) continue;
    if (std::find(grant.cells.begin(), grant.cells.end(), outcome.cell) == grant.cells.end()) continue;
    const auto [verdict, first] = verified_grants.try_emplace(i, false);
    if (first) verdict->second = VerifyGrantToken(options.grant_key, event.worker, grant);
    if (verdict->second) return true;
  }
  return false;
}

void Core::State::Take(const OutcomesArrived& event, const JudgedOutcome& judged,
                       std::vector<CellKey>& acknowledged) {
  const CellKey& cell = judged.outcome.cell;
  const CellStatus status = StatusOf(cell);
  CoreWorker* worker = Find(event.worker);
  const auto entry = leased.find(cell);
  CoreWorker* holder = entry == leased.end() ? nullptr : &workers.at(leases.at(entry->second.lease).worker);

  const bool proven = status != CellStatus::kUnknown && Proven(event, judged.outcome);
  if (!proven && worker != nullptr && status != CellStatus::kUnknown) {
    worker->last_error = absl::StrCat("an outcome without a valid grant: ", ToString(cell));
  }
  if (!proven || (status != CellStatus::kDurable && !Fits(cell, judged.numerics))) {
    // Not of use: the worker forgets it. Nothing durable is said by this.
    if (holder != nullptr && holder == worker) Release(cell);
    revoked[event.worker].push_back(cell);
    return;
  }
  if (status != CellStatus::kDurable && !Whole(judged.outcome)) {
    // Its worker would send the same again: a failure, so that the cell does not go round for ever.
    if (worker != nullptr)
      worker->last_error = absl::StrCat("an outcome without its hidden state: ", ToString(cell));
    if (holder != nullptr && holder == worker)
      CountFailure(cell, event.worker, "its outcome came without the hidden state", judged.outcome.lease);
    revoked[event.worker].push_back(cell);
    return;
  }
  acknowledged.push_back(cell);
  if (status == CellStatus::kDurable) {
    effects.comparisons.push_back({event.worker, judged.numerics, judged.outcome});
    return;
  }
  if (worker != nullptr) ++worker->done;
  if (holder != nullptr) {
    if (holder != worker) revoked[holder->id].push_back(cell);
    CloseCell(cell, CellStatus::kDurable);
  } else {
    Move(cell, status, CellStatus::kDurable);
  }
  if (failures.erase(cell) > 0) {
    std::erase_if(effects.records.failures,
                  [&](const FailureRecord& failure) { return failure.cell == cell; });
    effects.records.failures_cleared.push_back(cell);
  }
  Record(judged, event.worker);
}

// Whether some experiment takes an outcome of this numerics class for the cell.
bool Core::State::Fits(const CellKey& cell, NumericsId numerics) const {
  bool fits = false;
  ForEachRow(cell, [&](const Row& row, int32_t) {
    const CoreExperiment& experiment = *row.block->experiment;
    fits = fits || experiment.mixed || !numerics.valid() || !experiment.numerics.valid() ||
           experiment.numerics == numerics;
  });
  return fits;
}

bool Core::State::Whole(const Outcome& outcome) const {
  bool embeds = false;
  ForEachRow(outcome.cell, [&](const Row& row, int32_t) {
    embeds = embeds || IsEmbedMode(row.block->experiment->runs.at(outcome.cell.run).engine_mode);
  });
  return !embeds || std::any_of(outcome.hidden.begin(), outcome.hidden.end(),
                                [&](const HiddenState& state) { return state.layer == outcome.cell.sample; });
}

void Core::State::Record(const JudgedOutcome& judged, WorkerId worker) {
  const Outcome& outcome = judged.outcome;
  OutcomeRecord record;
  record.cell = outcome.cell;
  record.tokens = outcome.tokens;
  record.text = outcome.text;
  record.finish = outcome.finish;
  record.logprob_sum = outcome.logprob_sum;
  record.logprobs_hash = outcome.logprobs_hash;
  record.worker = worker;
  record.numerics = judged.numerics;
  record.started = outcome.started;
  record.finished = outcome.finished;
  record.hidden = outcome.hidden;
  record.encoded_tokens = judged.encoded_tokens;
  record.encoded_text = judged.encoded_text;
  record.verdicts = judged.verdicts;
  bool correct = false;
  for (const VerdictRecord& verdict : judged.verdicts) correct = correct || verdict.correct;
  ForEachRow(outcome.cell, [&](Row& row, int32_t bit) {
    CoreExperiment& experiment = *row.block->experiment;
    record.experiments.push_back(experiment.id);
    ArmCounters& counters =
        experiment
            .counters[static_cast<size_t>(row.block->slots[static_cast<size_t>(bit / row.block->samples)])];
    ++counters.done;
    counters.judged += judged.verdicts.empty() ? 0 : 1;
    counters.correct += correct ? 1 : 0;
    counters.truncated += IsTruncated(outcome.finish) ? 1 : 0;
    counters.tokens += static_cast<int64_t>(outcome.tokens.size());
    if (!experiment.mixed && !experiment.numerics_firm && judged.numerics.valid()) {
      experiment.numerics = judged.numerics;
      experiment.numerics_firm = true;
    }
    FinishIfDone(experiment);
  });
  effects.records.outcomes.push_back(std::move(record));
}

void Core::State::On(const CellFailureReported& event) {
  CoreWorker* worker = Heard(event.worker);
  if (worker == nullptr) return;
  const CellKey& cell = event.failure.cell;
  worker->last_error = event.failure.error;
  hungry = worker->id;
  const auto entry = leased.find(cell);
  const bool holds = entry != leased.end() && leases.at(entry->second.lease).worker == event.worker;
  const auto failure = failures.find(cell);
  const bool counted = failure != failures.end() && failure->second.lease == event.failure.lease;
  if (counted && holds) return;  // said again, and granted anew in between: that grant stands
  if (holds) CountFailure(cell, event.worker, event.failure.error, event.failure.lease);
  // The answer to a failure: the worker may forget it.
  revoked[event.worker].push_back(cell);
}

void Core::State::On(const LateOutcomeDiffers& event) {
  effects.records.alarms.push_back(event.alarm);
  ForEachRow(event.alarm.cell, [&](Row& row, int32_t) {
    ++row.block->experiment->alarms;
    Changed(*row.block->experiment);
  });
}

void Core::State::On(const VerdictsReady& event) {
  for (size_t i = 0; i < event.verdicts.size(); ++i) {
    const VerdictRecord& verdict = event.verdicts[i];
    effects.records.verdicts.push_back(verdict);
    // Of several verdicts of one cell, which come together, one right one is enough.
    if (i > 0 && event.verdicts[i - 1].cell == verdict.cell) continue;
    bool correct = false;
    for (size_t j = i; j < event.verdicts.size() && event.verdicts[j].cell == verdict.cell; ++j) {
      correct = correct || event.verdicts[j].correct;
    }
    ForEachRow(verdict.cell, [&](Row& row, int32_t bit) {
      CoreExperiment& experiment = *row.block->experiment;
      ArmCounters& counters =
          experiment
              .counters[static_cast<size_t>(row.block->slots[static_cast<size_t>(bit / row.block->samples)])];
      // Exact for an answer's first verdicts; the store counts those of a newer judge exactly too.
      if (counters.judged < counters.done) {
        ++counters.judged;
        counters.correct += correct ? 1 : 0;
      }
      Changed(experiment);
    });
  }
}

}  // namespace sprint
