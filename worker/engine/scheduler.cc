#include "worker/engine/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/engine/attention.h"

namespace sprint {
namespace {
int64_t BlocksFor(int64_t positions) { return (positions + kBlockTokens - 1) / kBlockTokens; }
}  // namespace

int32_t Scheduler::Sequence::Token(int64_t position) const {
  const size_t at = static_cast<size_t>(position);
  return at < request.prompt.size() ? request.prompt[at] : result.tokens[at - request.prompt.size()];
}

Scheduler::Scheduler(const ModelConfig& config, const SchedulerOptions& options)
    : config_(config), options_(options), pool_(options.kv_blocks) {}

int64_t Scheduler::WorstCaseBlocks(const SequenceRequest& request) const {
  // The last token is never fed back.
  const int64_t positions = static_cast<int64_t>(request.prompt.size()) + request.decoding.max_new_tokens - 1;
  return BlocksFor(std::min(positions, config_.context));
}

absl::Status Scheduler::Submit(SequenceRequest request) {
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  if (prompt == 0)
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, " has an empty prompt"));
  if (request.decoding.max_new_tokens < 1) {
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, " asks for ",
                                                   request.decoding.max_new_tokens,
                                                   " new tokens; at least 1 is needed"));
  }
  if (by_id_.contains(request.id)) {
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, " is already running"));
  }
  for (const int32_t token : request.prompt) {
    if (token < 0 || token >= config_.vocab) {
      return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, ": token ", token,
                                                     " is outside the model's vocabulary of ",
                                                     config_.vocab));
    }
  }
  SPRINT_RETURN_IF_ERROR(request.arm.CheckFits(config_.layers, config_.heads));
  if (prompt > config_.context) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kPromptTooLong,
                 absl::StrCat("sequence ", request.id, ": a prompt of ", prompt,
                              " tokens does not fit the model's context of ", config_.context));
  }
  const int64_t blocks = WorstCaseBlocks(request);
  if (blocks > pool_.size()) {
    return Error(
        absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
        absl::StrCat("sequence ", request.id, " may need ", blocks * kBlockTokens,
                     " cached positions, but the engine's memory holds ", pool_.size() * kBlockTokens,
                     "; raise the memory limit or lower max_new_tokens"));
  }
  if (Capacity() <= 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the engine already has its ", options_.max_sequences, " sequences"));
  }
  Sequence sequence;
  sequence.result.id = request.id;
  sequence.request = std::move(request);
  sequences_.push_back(std::move(sequence));
  by_id_[sequences_.back().request.id] = std::prev(sequences_.end());
  return absl::OkStatus();
}

void Scheduler::Cancel(SequenceId id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  Free(*it->second);
  sequences_.erase(it->second);
  by_id_.erase(it);
}

void Scheduler::Free(Sequence& sequence) {
  for (const int32_t block : sequence.blocks) pool_.Unref(block);
  sequence.blocks.clear();
  pool_.Unreserve(sequence.promised);
  sequence.promised = 0;
}

void Scheduler::Admit() {
  // Strictly in order: a large sequence is not overtaken for ever by small ones.
  for (Sequence& sequence : sequences_) {
    if (sequence.admitted) continue;
    const int64_t blocks = WorstCaseBlocks(sequence.request);
    if (!pool_.Reserve(blocks)) return;
    sequence.promised = blocks;
    sequence.admitted = true;
  }
}

void Scheduler::PlanRows(Sequence& sequence, int64_t rows) {
  StepSequence step;
  step.first_row = batch_.rows();
  step.rows = rows;
  step.first_position = sequence.computed;
  step.arm = &sequence.request.arm;
  for (int64_t i = 0; i < rows; ++i) batch_.tokens.push_back(sequence.Token(sequence.computed + i));
  while (static_cast<int64_t>(sequence.blocks.size()) < BlocksFor(sequence.computed + rows)) {
    sequence.blocks.push_back(pool_.Take());
    --sequence.promised;
  }
  step.blocks = sequence.blocks.data();
  sequence.planned = rows;
  if (sequence.computed + rows == sequence.known()) batch_.logit_rows.push_back(batch_.rows() - 1);
  batch_.sequences.push_back(step);
  ++running_;
}

const StepBatch& Scheduler::Plan() {
  batch_ = StepBatch{};
  running_ = 0;
  Admit();
  for (Sequence& sequence : sequences_) {
    sequence.planned = 0;
    if (sequence.decoding()) PlanRows(sequence, 1);
  }
  for (Sequence& sequence : sequences_) {
    if (!sequence.admitted || sequence.decoding()) continue;
    const int64_t room = options_.max_tokens_per_step - batch_.rows();
    if (room <= 0) break;
    PlanRows(sequence, std::min(room, sequence.known() - sequence.computed));
  }
  return batch_;
}

bool Scheduler::Ends(const Sequence& sequence, FinishReason* reason) const {
  const std::vector<int32_t>& stops = sequence.request.decoding.stop_tokens;
  if (std::find(stops.begin(), stops.end(), sequence.result.tokens.back()) != stops.end()) {
    *reason = FinishReason::kStop;
    return true;
  }
  if (static_cast<int64_t>(sequence.result.tokens.size()) >= sequence.request.decoding.max_new_tokens) {
    *reason = FinishReason::kLength;
    return true;
  }
  // The token just added would have to be fed at a position that the context lacks.
  *reason = FinishReason::kContext;
  return sequence.known() > config_.context;
}

std::vector<SequenceResult> Scheduler::Commit(const std::vector<int32_t>& next,
                                              const std::vector<float>& logprobs) {
  assert(next.size() == batch_.logit_rows.size() && logprobs.size() == next.size());
  std::vector<SequenceResult> finished;
  // batch_.sequences holds the decoding ones, then prompts; tokens come in that order.
  size_t at = 0;
  std::vector<SequenceId> ended;
  const auto take = [&](Sequence& sequence) {
    const bool has_token = sequence.computed + sequence.planned == sequence.known();
    sequence.computed += sequence.planned;
    sequence.planned = 0;
    if (!has_token) return;
    sequence.result.tokens.push_back(next[at]);
    sequence.result.logprobs.push_back(logprobs[at]);
    ++at;
    if (Ends(sequence, &sequence.result.finish)) ended.push_back(sequence.request.id);
  };
  std::vector<Sequence*> prompts;
  for (Sequence& sequence : sequences_) {
    if (sequence.planned == 0) continue;
    if (sequence.decoding()) {
      take(sequence);
    } else {
      prompts.push_back(&sequence);
    }
  }
  for (Sequence* sequence : prompts) take(*sequence);
  for (const SequenceId id : ended) {
    finished.push_back(std::move(by_id_[id]->result));
    Cancel(id);
  }
  return finished;
}

int64_t Scheduler::kv_tokens() const {
  int64_t tokens = 0;
  for (const Sequence& sequence : sequences_) tokens += sequence.computed;
  return tokens;
}

}  // namespace sprint
