#include "storage/plan_writer.h"

#include "absl/container/flat_hash_map.h"
#include "base/status.h"
#include "storage/string_list.h"

namespace sprint {
namespace {

// The first column of the row that `find` selects, 0 when there is none.
template <typename... Args>
absl::StatusOr<int64_t> Find(Statement& find, const Args&... args) {
  Query query(find, args...);
  SPRINT_ASSIGN_OR_RETURN(const bool found, query.Next());
  return found ? query.Int(0) : 0;
}

std::string LittleEndian(const std::vector<int32_t>& values) {
  std::string bytes;
  for (const int32_t value : values) {
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<char>(static_cast<uint32_t>(value) >> shift));
  }
  return bytes;
}

}  // namespace

absl::Status PlanWriter::InternAll() {
  SPRINT_RETURN_IF_ERROR(InternRuns());
  SPRINT_RETURN_IF_ERROR(InternQuestions());
  SPRINT_RETURN_IF_ERROR(InternArms());
  return InternGolds();
}

absl::Status PlanWriter::InternRuns() {
  SPRINT_ASSIGN_OR_RETURN(Statement find, database_->Prepare("SELECT run_id FROM run WHERE hash = ?1"));
  SPRINT_ASSIGN_OR_RETURN(
      Statement insert,
      database_->Prepare("INSERT INTO run (hash, weights_hash, tokenizer_hash, dtype, engine_mode, "
                         "sampler_version, max_new_tokens, stop_tokens, seed, model_name, "
                         "model_path, temperature, top_k, top_p, min_p, repetition_penalty, stop_strings, "
                         "loop_repeats) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
                         "?15, ?16, ?17, ?18)"));
  SPRINT_ASSIGN_OR_RETURN(Statement renew,
                          database_->Prepare("UPDATE run SET model_name = ?2, model_path = ?3 "
                                             "WHERE run_id = ?1"));
  for (const RunRecord& run : plan_->runs) {
    const Hash256 hash = run.ContentHash();
    SPRINT_ASSIGN_OR_RETURN(int64_t id, Find(find, hash));
    if (id == 0) {
      const std::string stop_tokens = LittleEndian(run.decoding.stop_tokens);
      const Sampling& sampling = run.decoding.sampling;
      SPRINT_RETURN_IF_ERROR(Query(insert, hash, run.weights_hash, run.tokenizer_hash, run.dtype,
                                   run.engine_mode, run.sampler_version, run.decoding.max_new_tokens,
                                   BlobView{stop_tokens}, static_cast<int64_t>(run.seed), run.model_name,
                                   run.model_path, sampling.temperature, sampling.top_k, sampling.top_p,
                                   sampling.min_p, sampling.repetition_penalty,
                                   StringsToJson(run.decoding.stop_strings), run.decoding.loop_repeats)
                                 .Run());
      id = database_->last_insert_id();
    } else {
      SPRINT_RETURN_IF_ERROR(Query(renew, id, run.model_name, run.model_path).Run());
    }
    runs_.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status PlanWriter::InternQuestions() {
  SPRINT_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare("SELECT question_id FROM question WHERE hash = ?1"));
  SPRINT_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO question (hash, token_count, tokens, prompt) "
                                             "VALUES (?1, ?2, ?3, ?4)"));
  for (const QuestionRecord& question : plan_->questions) {
    const Hash256 hash = question.ContentHash();
    SPRINT_ASSIGN_OR_RETURN(int64_t id, Find(find, hash));
    if (id == 0) {
      const std::string tokens = encoder_->EncodeTokens(question.tokens);
      SPRINT_RETURN_IF_ERROR(
          Query(insert, hash, static_cast<int64_t>(question.tokens.size()), BlobView{tokens}, question.prompt)
              .Run());
      id = database_->last_insert_id();
    }
    questions_.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status PlanWriter::InternArms() {
  SPRINT_ASSIGN_OR_RETURN(Statement find, database_->Prepare("SELECT arm_id FROM arm WHERE hash = ?1"));
  SPRINT_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO arm (hash, name, edits) VALUES (?1, ?2, ?3)"));
  SPRINT_ASSIGN_OR_RETURN(Statement insert_edit,
                          database_->Prepare("INSERT INTO arm_edit VALUES (?1, ?2, ?3, ?4)"));
  for (const Arm& arm : plan_->arms) {
    const Hash256 hash = arm.ContentHash();
    SPRINT_ASSIGN_OR_RETURN(int64_t id, Find(find, hash));
    if (id == 0) {
      const std::string name = arm.Name();
      SPRINT_RETURN_IF_ERROR(Query(insert, hash, name, static_cast<int64_t>(arm.edits().size())).Run());
      id = database_->last_insert_id();
      for (const HeadEdit& edit : arm.edits()) {
        SPRINT_RETURN_IF_ERROR(
            Query(insert_edit, id, edit.layer, edit.head, static_cast<int64_t>(edit.op)).Run());
      }
    }
    arms_.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status PlanWriter::InternGolds() {
  SPRINT_ASSIGN_OR_RETURN(
      Statement find, database_->Prepare("SELECT gold_id FROM gold WHERE question_id = ?1 AND text = ?2"));
  SPRINT_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO gold (question_id, text) VALUES (?1, ?2)"));
  for (const ProblemRecord& problem : plan_->problems) {
    int64_t id = 0;
    if (!problem.gold.empty()) {
      const int64_t question = questions_[static_cast<size_t>(problem.question)];
      SPRINT_ASSIGN_OR_RETURN(id, Find(find, question, problem.gold));
      if (id == 0) {
        SPRINT_RETURN_IF_ERROR(Query(insert, question, problem.gold).Run());
        id = database_->last_insert_id();
      }
    }
    golds_.push_back(id);
  }
  return absl::OkStatus();
}

absl::Status PlanWriter::WriteProblems(ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(Statement clear,
                          database_->Prepare("DELETE FROM problem WHERE experiment_id = ?1"));
  SPRINT_RETURN_IF_ERROR(Query(clear, id.value()).Run());
  SPRINT_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO problem VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  for (size_t i = 0; i < plan_->problems.size(); ++i) {
    const ProblemRecord& problem = plan_->problems[i];
    SPRINT_RETURN_IF_ERROR(Query(insert, id.value(), static_cast<int64_t>(i), problem.external_id,
                                 questions_[static_cast<size_t>(problem.question)], NullableId{golds_[i]},
                                 problem.text, problem.subject, problem.level)
                               .Run());
  }
  return absl::OkStatus();
}

absl::Status PlanWriter::WriteBlocks(ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(Statement insert,
                          database_->Prepare("INSERT INTO block (experiment_id, ordinal, run_id, "
                                             "first_sample, samples) VALUES (?1, ?2, ?3, ?4, ?5)"));
  SPRINT_ASSIGN_OR_RETURN(Statement insert_question,
                          database_->Prepare("INSERT INTO block_question VALUES (?1, ?2, ?3)"));
  SPRINT_ASSIGN_OR_RETURN(Statement insert_arm,
                          database_->Prepare("INSERT INTO block_arm VALUES (?1, ?2, ?3)"));
  for (size_t b = 0; b < plan_->blocks.size(); ++b) {
    const BlockPlan& block = plan_->blocks[b];
    SPRINT_RETURN_IF_ERROR(Query(insert, id.value(), static_cast<int64_t>(b),
                                 runs_[static_cast<size_t>(block.run)], block.first_sample, block.samples)
                               .Run());
    const int64_t block_id = database_->last_insert_id();
    for (size_t i = 0; i < block.questions.size(); ++i) {
      const int64_t question = questions_[static_cast<size_t>(block.questions[i])];
      SPRINT_RETURN_IF_ERROR(Query(insert_question, block_id, static_cast<int64_t>(i), question).Run());
    }
    for (size_t i = 0; i < block.arms.size(); ++i) {
      const int64_t arm = arms_[static_cast<size_t>(block.arms[i])];
      SPRINT_RETURN_IF_ERROR(Query(insert_arm, block_id, arm, static_cast<int64_t>(i)).Run());
    }
  }
  return absl::OkStatus();
}

absl::Status PlanWriter::WriteCounters(ExperimentId id, const std::vector<ArmCounters>& counters) {
  absl::flat_hash_map<int64_t, const ArmCounters*> by_arm;
  for (const ArmCounters& of_arm : counters) by_arm[of_arm.arm.value()] = &of_arm;
  SPRINT_ASSIGN_OR_RETURN(Statement insert, database_->Prepare("INSERT INTO experiment_arm VALUES "
                                                               "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  int64_t ordinal = 0;
  for (const int64_t arm : arms_) {
    const auto found = by_arm.find(arm);
    if (found == by_arm.end()) continue;  // the plan names it, no block uses it
    const ArmCounters& of_arm = *found->second;
    SPRINT_RETURN_IF_ERROR(Query(insert, id.value(), arm, ordinal++, of_arm.cells, of_arm.done, of_arm.judged,
                                 of_arm.correct, of_arm.truncated, of_arm.tokens)
                               .Run());
  }
  return absl::OkStatus();
}

}  // namespace sprint
