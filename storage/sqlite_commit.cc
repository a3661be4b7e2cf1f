// SqliteStore::Commit and what it writes.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite_store_impl.h"

namespace sprint {
absl::Status SqliteStore::Commit(const WriteBatch& batch) {
  if (batch.empty()) return absl::OkStatus();
  return Write([&]() -> absl::Status {
    CounterDeltas deltas;
    for (const OutcomeRecord& outcome : batch.outcomes) {
      const absl::Status added = AddOutcome(outcome, deltas);
      if (!added.ok()) return Annotate(added, ToString(outcome.cell));
    }
    for (const VerdictRecord& verdict : batch.verdicts) {
      const absl::Status added = AddVerdict(verdict, deltas);
      if (!added.ok()) return Annotate(added, absl::StrCat("verdict of ", ToString(verdict.cell)));
    }
    SPRINT_RETURN_IF_ERROR(MoveCounters(deltas));
    SPRINT_RETURN_IF_ERROR(AddFailures(batch));
    for (const StateChange& change : batch.states) {
      SPRINT_RETURN_IF_ERROR(
          Query(statements_.set_state, change.experiment.value(), static_cast<int64_t>(change.state)).Run());
    }
    for (const AlarmRecord& alarm : batch.alarms) SPRINT_RETURN_IF_ERROR(AddAlarm(alarm));
    return absl::OkStatus();
  });
}

absl::Status SqliteStore::AddOutcome(const OutcomeRecord& outcome, CounterDeltas& deltas) {
  const CellKey& cell = outcome.cell;
  {
    std::string tokens;
    std::string text;
    if (outcome.encoded_tokens.empty()) tokens = encoder_.EncodeTokens(outcome.tokens);
    if (outcome.encoded_text.empty()) text = encoder_.EncodeText(outcome.text);
    SPRINT_RETURN_IF_ERROR(Query(statements_.insert_answer,
                                 BlobView{outcome.encoded_tokens.empty() ? tokens : outcome.encoded_tokens},
                                 BlobView{outcome.encoded_text.empty() ? text : outcome.encoded_text},
                                 BlobView{outcome.logprobs_hash})
                               .Run());
  }
  const auto token_count = static_cast<int64_t>(outcome.tokens.size());
  SPRINT_RETURN_IF_ERROR(Query(statements_.insert_outcome, cell.run.value(), cell.question.value(),
                               cell.arm.value(), cell.sample, database_->last_insert_id(), token_count,
                               static_cast<int64_t>(outcome.finish), outcome.logprob_sum,
                               NullableId{outcome.worker.value()}, NullableId{outcome.numerics.value()},
                               absl::ToUnixMicros(outcome.started), absl::ToUnixMicros(outcome.finished))
                             .Run());
  for (const HiddenState& hidden : outcome.hidden) SPRINT_RETURN_IF_ERROR(AddFeature(outcome, hidden));
  CellVerdicts judged;
  for (const VerdictRecord& verdict : outcome.verdicts) {
    SPRINT_RETURN_IF_ERROR(InsertVerdict(cell, verdict));
    judged.Add(verdict.gold, verdict.judge_version, verdict.correct);
  }
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Holder>* holders, index_.HoldersOf(cell.run, cell.question));
  for (const Holder& holder : *holders) {
    if (!holder.Holds(cell)) continue;
    ArmCounters& delta = deltas[{holder.experiment, cell.arm}];
    delta.done += 1;
    delta.tokens += token_count;
    delta.truncated += IsTruncated(outcome.finish) ? 1 : 0;
    delta.judged += judged.Judged(holder.golds) ? 1 : 0;
    delta.correct += judged.Correct(holder.golds) ? 1 : 0;
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::AddFeature(const OutcomeRecord& outcome, const HiddenState& hidden) {
  const int64_t run = outcome.cell.run.value();
  const auto width = static_cast<int64_t>(hidden.values.size());
  int64_t kind = 0;
  {
    Query find(statements_.find_feature_kind, run, hidden.layer);
    SPRINT_ASSIGN_OR_RETURN(const bool found, find.Next());
    if (found && find.Int(1) != width) return absl::OkStatus();
    if (found) kind = find.Int(0);
  }
  if (kind == 0) {
    SPRINT_RETURN_IF_ERROR(Query(statements_.insert_feature_kind, run, hidden.layer, width).Run());
    kind = database_->last_insert_id();
  }
  const std::string bytes = FloatBytes(hidden.values);
  return Query(statements_.insert_feature, kind, outcome.cell.question.value(),
               NullableId{outcome.numerics.value()}, BlobView{bytes})
      .Run();
}

absl::Status SqliteStore::InsertVerdict(const CellKey& cell, const VerdictRecord& verdict) {
  return Query(statements_.insert_verdict, cell.run.value(), cell.question.value(), cell.arm.value(),
               cell.sample, verdict.gold.value(), verdict.judge_version, verdict.correct, verdict.extracted,
               verdict.rule, verdict.reason)
      .Run();
}

absl::StatusOr<CellVerdicts> SqliteStore::VerdictsOf(const CellKey& cell) {
  CellVerdicts verdicts;
  Query query(statements_.verdicts_of_cell, cell.run.value(), cell.question.value(), cell.arm.value(),
              cell.sample);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return verdicts;
    verdicts.Add(GoldId(query.Int(0)), static_cast<int32_t>(query.Int(1)), query.Int(2) != 0);
  }
}

absl::Status SqliteStore::AddVerdict(const VerdictRecord& verdict, CounterDeltas& deltas) {
  const CellKey& cell = verdict.cell;
  SPRINT_ASSIGN_OR_RETURN(const CellVerdicts before, VerdictsOf(cell));
  SPRINT_RETURN_IF_ERROR(InsertVerdict(cell, verdict));
  SPRINT_ASSIGN_OR_RETURN(const CellVerdicts after, VerdictsOf(cell));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Holder>* holders, index_.HoldersOf(cell.run, cell.question));
  for (const Holder& holder : *holders) {
    if (!holder.Holds(cell)) continue;
    ArmCounters& delta = deltas[{holder.experiment, cell.arm}];
    delta.judged += int64_t{after.Judged(holder.golds)} - int64_t{before.Judged(holder.golds)};
    delta.correct += int64_t{after.Correct(holder.golds)} - int64_t{before.Correct(holder.golds)};
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::MoveCounters(const CounterDeltas& deltas) {
  for (const auto& [key, delta] : deltas) {
    SPRINT_RETURN_IF_ERROR(Query(statements_.move_counters, key.first.value(), key.second.value(), delta.done,
                                 delta.judged, delta.correct, delta.truncated, delta.tokens)
                               .Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::AddFailures(const WriteBatch& batch) {
  for (const CellKey& cell : batch.failures_cleared) {
    SPRINT_RETURN_IF_ERROR(Query(statements_.clear_failure, cell.run.value(), cell.question.value(),
                                 cell.arm.value(), cell.sample)
                               .Run());
  }
  for (const FailureRecord& failure : batch.failures) {
    const CellKey& cell = failure.cell;
    const absl::Status added = Query(statements_.upsert_failure, cell.run.value(), cell.question.value(),
                                     cell.arm.value(), cell.sample, failure.attempts, failure.quarantined,
                                     failure.error, NullableId{failure.worker.value()})
                                   .Run();
    if (!added.ok()) return Annotate(added, absl::StrCat("failure of ", ToString(cell)));
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::AddAlarm(const AlarmRecord& alarm) {
  const CellKey& cell = alarm.cell;
  const std::string tokens = encoder_.EncodeTokens(alarm.tokens);
  const std::string text = encoder_.EncodeText(alarm.text);
  const absl::Status added =
      Query(statements_.insert_alarm, cell.run.value(), cell.question.value(), cell.arm.value(), cell.sample,
            NullableId{alarm.worker.value()}, NullableId{alarm.numerics.value()}, BlobView{tokens},
            BlobView{text}, absl::ToUnixMicros(alarm.at))
          .Run();
  return Annotate(added, absl::StrCat("alarm of ", ToString(cell)));
}

}  // namespace sprint
