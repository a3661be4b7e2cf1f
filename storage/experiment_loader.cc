#include "storage/experiment_loader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/payload.h"
#include "storage/string_list.h"

namespace sprint {
namespace {

std::vector<int32_t> FromLittleEndian(absl::string_view bytes) {
  std::vector<int32_t> values(bytes.size() / 4);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = 0;
    for (size_t b = 0; b < 4; ++b)
      bits |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[4 * i + b])) << (8 * b);
    values[i] = static_cast<int32_t>(bits);
  }
  return values;
}

// Runs `sql` with one parameter and hands every row to `row`, which returns a Status.
template <typename RowFn>
absl::Status ForRows(Database* database, const char* sql, int64_t parameter, const RowFn& row) {
  SPRINT_ASSIGN_OR_RETURN(Statement statement, database->Prepare(sql));
  Query query(statement, parameter);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    SPRINT_RETURN_IF_ERROR(row(query));
  }
}

}  // namespace

absl::StatusOr<ExperimentRecord> ExperimentLoader::Load() {
  SPRINT_RETURN_IF_ERROR(LoadHead());
  SPRINT_RETURN_IF_ERROR(LoadBlocks());
  SPRINT_RETURN_IF_ERROR(LoadRuns());
  SPRINT_RETURN_IF_ERROR(LoadArms());
  SPRINT_RETURN_IF_ERROR(LoadQuestions());
  SPRINT_RETURN_IF_ERROR(LoadDone());
  SPRINT_RETURN_IF_ERROR(LoadFailures());
  if (numerics_.size() == 1) record_.numerics = *numerics_.begin();
  return std::move(record_);
}

absl::Status ExperimentLoader::LoadHead() {
  bool found = false;
  SPRINT_RETURN_IF_ERROR(ForRows(
      database_,
      "SELECT selection, name, state, priority, mixed_numerics, created, hidden_layers FROM experiment "
      "WHERE experiment_id = ?1",
      record_.id.value(), [&](Query& row) -> absl::Status {
        found = true;
        SPRINT_ASSIGN_OR_RETURN(record_.selection, Hash256::FromRaw(row.Bytes(0)));
        record_.name = row.Text(1);
        record_.state = static_cast<ExperimentState>(row.Int(2));
        record_.priority = static_cast<int32_t>(row.Int(3));
        record_.mixed_numerics = row.Int(4) != 0;
        record_.created = absl::FromUnixMicros(row.Int(5));
        SPRINT_ASSIGN_OR_RETURN(record_.hidden_layers, NumbersFromJson(row.Text(6)));
        return absl::OkStatus();
      }));
  if (found) return absl::OkStatus();
  return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
               absl::StrCat(database_->path(), " has no experiment ", record_.id.value(),
                            ": `sprint status` lists them"));
}

absl::Status ExperimentLoader::LoadBlocks() {
  std::vector<int64_t> ids;
  SPRINT_RETURN_IF_ERROR(
      ForRows(database_,
              "SELECT block_id, run_id, first_sample, samples FROM block WHERE experiment_id = ?1 "
              "ORDER BY ordinal",
              record_.id.value(), [&](Query& row) -> absl::Status {
                ids.push_back(row.Int(0));
                BlockRecord block;
                block.run = RunId(row.Int(1));
                block.first_sample = static_cast<int32_t>(row.Int(2));
                block.samples = static_cast<int32_t>(row.Int(3));
                record_.blocks.push_back(std::move(block));
                return absl::OkStatus();
              }));
  SPRINT_ASSIGN_OR_RETURN(Statement questions,
                          database_->Prepare("SELECT question_id FROM block_question WHERE "
                                             "block_id = ?1 ORDER BY ordinal"));
  SPRINT_ASSIGN_OR_RETURN(
      Statement arms,
      database_->Prepare("SELECT arm_id FROM block_arm WHERE block_id = ?1 ORDER BY ordinal"));
  for (size_t b = 0; b < ids.size(); ++b) {
    BlockRecord& block = record_.blocks[b];
    Query question(questions, ids[b]);
    for (;;) {
      SPRINT_ASSIGN_OR_RETURN(const bool more, question.Next());
      if (!more) break;
      block.questions.push_back(QuestionId(question.Int(0)));
      blocks_of_question_[block.questions.back()].push_back(b);
    }
    Query arm(arms, ids[b]);
    for (;;) {
      SPRINT_ASSIGN_OR_RETURN(const bool more, arm.Next());
      if (!more) break;
      block.arms.push_back(ArmId(arm.Int(0)));
    }
    arms_of_block_.emplace_back(block.arms.begin(), block.arms.end());
  }
  return absl::OkStatus();
}

absl::Status ExperimentLoader::LoadRuns() {
  absl::flat_hash_set<RunId> seen;
  for (const BlockRecord& block : record_.blocks) {
    if (!seen.insert(block.run).second) continue;
    StoredRun stored;
    stored.id = block.run;
    RunRecord& run = stored.run;
    SPRINT_RETURN_IF_ERROR(
        ForRows(database_,
                "SELECT weights_hash, tokenizer_hash, dtype, engine_mode, sampler_version, max_new_tokens, "
                "stop_tokens, seed, "
                "model_name, model_path, temperature, top_k, top_p, min_p, repetition_penalty, stop_strings, "
                "loop_repeats FROM run WHERE run_id = ?1",
                block.run.value(), [&run](Query& row) -> absl::Status {
                  SPRINT_ASSIGN_OR_RETURN(run.weights_hash, Hash256::FromRaw(row.Bytes(0)));
                  SPRINT_ASSIGN_OR_RETURN(run.tokenizer_hash, Hash256::FromRaw(row.Bytes(1)));
                  run.dtype = row.Text(2);
                  run.engine_mode = row.Text(3);
                  run.sampler_version = static_cast<int32_t>(row.Int(4));
                  run.decoding.max_new_tokens = static_cast<int32_t>(row.Int(5));
                  run.decoding.stop_tokens = FromLittleEndian(row.Bytes(6));
                  run.seed = static_cast<uint64_t>(row.Int(7));
                  run.model_name = row.Text(8);
                  run.model_path = row.Text(9);
                  run.decoding.sampling = {row.Double(10), static_cast<int32_t>(row.Int(11)), row.Double(12),
                                           row.Double(13), row.Double(14)};
                  SPRINT_ASSIGN_OR_RETURN(run.decoding.stop_strings, StringsFromJson(row.Text(15)));
                  run.decoding.loop_repeats = static_cast<int32_t>(row.Int(16));
                  return absl::OkStatus();
                }));
    record_.runs.push_back(std::move(stored));
  }
  return absl::OkStatus();
}

absl::Status ExperimentLoader::LoadArms() {
  SPRINT_RETURN_IF_ERROR(
      ForRows(database_,
              "SELECT arm_id, cells, done, judged, correct, truncated, tokens FROM experiment_arm "
              "WHERE experiment_id = ?1 ORDER BY ordinal",
              record_.id.value(), [&](Query& row) -> absl::Status {
                record_.counters.push_back({ArmId(row.Int(0)), row.Int(1), row.Int(2), row.Int(3), row.Int(4),
                                            row.Int(5), row.Int(6)});
                return absl::OkStatus();
              }));
  for (const ArmCounters& counters : record_.counters) {
    std::vector<HeadEdit> edits;
    SPRINT_RETURN_IF_ERROR(ForRows(database_, "SELECT layer, head, op FROM arm_edit WHERE arm_id = ?1",
                                   counters.arm.value(), [&edits](Query& row) -> absl::Status {
                                     edits.push_back({static_cast<int32_t>(row.Int(0)),
                                                      static_cast<int32_t>(row.Int(1)),
                                                      static_cast<HeadOp>(row.Int(2))});
                                     return absl::OkStatus();
                                   }));
    SPRINT_ASSIGN_OR_RETURN(Arm arm, Arm::Create(std::move(edits)));
    record_.arms.push_back({counters.arm, std::move(arm)});
  }
  return absl::OkStatus();
}

absl::Status ExperimentLoader::LoadQuestions() {
  absl::flat_hash_set<QuestionId> seen;
  SPRINT_ASSIGN_OR_RETURN(Statement select,
                          database_->Prepare("SELECT tokens FROM question WHERE question_id = ?1"));
  for (const BlockRecord& block : record_.blocks) {
    for (const QuestionId question : block.questions) {
      if (!seen.insert(question).second) continue;
      Query query(select, question.value());
      SPRINT_RETURN_IF_ERROR(query.Next().status());
      SPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, DecodeTokens(query.Bytes(0)));
      record_.questions.push_back({question, std::move(tokens)});
    }
  }
  return absl::OkStatus();
}

absl::Status ExperimentLoader::LoadDone() {
  int64_t done = 0;
  for (const ArmCounters& counters : record_.counters) done += counters.done;
  record_.done.reserve(static_cast<size_t>(std::max<int64_t>(done, 0)));
  SPRINT_ASSIGN_OR_RETURN(Statement select,
                          database_->Prepare("SELECT arm_id, sample, numerics_id FROM outcome WHERE "
                                             "run_id = ?1 AND question_id = ?2 "
                                             "ORDER BY arm_id, sample"));
  for (size_t b = 0; b < record_.blocks.size(); ++b) {
    const BlockRecord& block = record_.blocks[b];
    for (const QuestionId question : block.questions) {
      Query query(select, block.run.value(), question.value());
      for (;;) {
        SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
        if (!more) break;
        const int64_t sample = query.Int(1);
        if (sample < block.first_sample || sample >= int64_t{block.first_sample} + block.samples) continue;
        const ArmId arm(query.Int(0));
        if (!arms_of_block_[b].contains(arm)) continue;
        record_.done.push_back({block.run, question, arm, static_cast<int32_t>(sample)});
        if (!query.IsNull(2)) numerics_.insert(NumericsId(query.Int(2)));
      }
    }
  }
  return absl::OkStatus();
}

bool ExperimentLoader::Selects(const CellKey& cell) const {
  const auto found = blocks_of_question_.find(cell.question);
  if (found == blocks_of_question_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](size_t b) {
    const BlockRecord& block = record_.blocks[b];
    return block.run == cell.run && cell.sample >= block.first_sample &&
           cell.sample - block.first_sample < block.samples && arms_of_block_[b].contains(cell.arm);
  });
}

// Failures are few, whatever the size of the grid: all of a run's are looked at.
absl::Status ExperimentLoader::LoadFailures() {
  for (const StoredRun& run : record_.runs) {
    SPRINT_RETURN_IF_ERROR(ForRows(database_,
                                   "SELECT question_id, arm_id, sample, attempts, quarantined, error, "
                                   "worker_id FROM failure WHERE run_id = ?1 "
                                   "ORDER BY question_id, arm_id, sample",
                                   run.id.value(), [&](Query& row) -> absl::Status {
                                     FailureRecord failure;
                                     failure.cell = {run.id, QuestionId(row.Int(0)), ArmId(row.Int(1)),
                                                     static_cast<int32_t>(row.Int(2))};
                                     if (!Selects(failure.cell)) return absl::OkStatus();
                                     failure.attempts = static_cast<int32_t>(row.Int(3));
                                     failure.quarantined = row.Int(4) != 0;
                                     failure.error = row.Text(5);
                                     failure.worker = WorkerId(row.Int(6));
                                     record_.failures.push_back(std::move(failure));
                                     return absl::OkStatus();
                                   }));
  }
  return absl::OkStatus();
}

}  // namespace sprint
