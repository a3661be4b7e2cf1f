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

Scheduler::Scheduler(const ModelConfig& config, const SchedulerOptions& options)
    : config_(config), options_(options), pool_(options.kv_blocks) {}

int64_t Scheduler::WorstCaseBlocks(const SequenceRequest& request) const {
  // The last token is never fed back.
  const int64_t positions = static_cast<int64_t>(request.prompt.size()) + request.decoding.max_new_tokens - 1;
  return BlocksFor(std::min(positions, config_.context));
}

absl::Status Scheduler::Check(const SequenceRequest& request) const {
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  if (prompt == 0)
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, " has an empty prompt"));
  SPRINT_RETURN_IF_ERROR(
      Annotate(CheckDecoding(request.decoding), absl::StrCat("the decoding of sequence ", request.id)));
  if (!request.decoding.stop_strings.empty() && !options_.token_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("sequence ", request.id, " has stop strings, but the model came without a tokenizer"));
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
    return absl::ResourceExhaustedError(absl::StrCat(
        "the engine already has its ", options_.max_sequences + options_.max_waiting, " sequences"));
  }
  return absl::OkStatus();
}

absl::Status Scheduler::Submit(SequenceRequest request) {
  SPRINT_RETURN_IF_ERROR(Check(request));
  Sequence& sequence = sequences_.emplace_back();
  sequence.result.id = request.id;
  sequence.request = std::move(request);
  sequence.key = MakeSamplingKey(sequence.request.seed, sequence.request.prompt, sequence.request.arm,
                                 sequence.request.sample);
  sequence.stop.emplace(&sequence.request.decoding, &options_.token_bytes);
  by_id_[sequence.request.id] = std::prev(sequences_.end());
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
  sequence.computed = 0;
  sequence.planned = 0;
  sequence.running = false;
}

void Scheduler::Preempt(Sequence& sequence) {
  Free(sequence);
  ++preemptions_;
}

void Scheduler::Admit() {
  int64_t running = 0;
  for (const Sequence& sequence : sequences_) running += sequence.running ? 1 : 0;
  // Blocks that admitted sequences will take for what they know already.
  int64_t owed = 0;
  for (const Sequence& sequence : sequences_) {
    if (sequence.running)
      owed +=
          std::max<int64_t>(0, BlocksFor(sequence.known()) - static_cast<int64_t>(sequence.blocks.size()));
  }
  // Strictly in order: a large sequence is not overtaken for ever by small ones.
  for (Sequence& sequence : sequences_) {
    if (sequence.running) continue;
    if (running >= options_.max_sequences) return;
    const int64_t needed = BlocksFor(sequence.known());
    if (running > 0 && pool_.available() - owed < needed + running) return;
    sequence.running = true;
    owed += needed;
    ++running;
  }
}

bool Scheduler::GrowTo(Sequence& sequence, int64_t positions) {
  while (static_cast<int64_t>(sequence.blocks.size()) < BlocksFor(positions)) {
    if (pool_.available() > 0) {
      sequence.blocks.push_back(pool_.Take());
      continue;
    }
    // The youngest that has blocks, this sequence at the oldest. Rows are chosen from the oldest on,
    // so none that is younger is in this step yet.
    auto victim = std::prev(sequences_.end());
    while (&*victim != &sequence && victim->blocks.empty()) --victim;
    const bool itself = &*victim == &sequence;
    Preempt(*victim);
    if (itself) return false;
  }
  return true;
}

// Rows are chosen from the oldest sequence to the youngest, so that a preempted one is never in the
// step already; room for one row of each sequence that decodes is kept.
void Scheduler::ChooseRows() {
  int64_t decoding = 0;
  for (Sequence& sequence : sequences_) {
    sequence.planned = 0;
    decoding += sequence.running && sequence.decodes() ? 1 : 0;
  }
  int64_t room = options_.max_tokens_per_step - decoding;
  for (Sequence& sequence : sequences_) {
    if (!sequence.running) continue;
    const bool decodes = sequence.decodes();
    const int64_t rows = decodes ? 1 : std::min(room, sequence.pending());
    if (rows <= 0 || !GrowTo(sequence, sequence.computed + rows)) continue;
    sequence.planned = rows;
    if (!decodes) room -= rows;
  }
}

void Scheduler::AddRows(Sequence& sequence) {
  StepSequence step;
  step.first_row = batch_.rows();
  step.rows = sequence.planned;
  step.first_position = sequence.computed;
  step.arm = &sequence.request.arm;
  step.blocks = sequence.blocks.data();
  for (int64_t i = 0; i < step.rows; ++i) batch_.tokens.push_back(sequence.Token(sequence.computed + i));
  if (sequence.planned == sequence.pending()) {
    batch_.logit_rows.push_back(batch_.rows() - 1);
    owners_.push_back(&sequence);
    if (sequence.request.decoding.sampler_version() != 0) batch_.sampler = this;
  }
  batch_.sequences.push_back(step);
  in_step_.push_back(&sequence);
}

const StepBatch& Scheduler::Plan() {
  batch_ = StepBatch{};
  in_step_.clear();
  owners_.clear();
  Admit();
  ChooseRows();
  for (Sequence& sequence : sequences_) {
    if (sequence.planned > 0 && sequence.decodes()) AddRows(sequence);
  }
  for (Sequence& sequence : sequences_) {
    if (sequence.planned > 0 && !sequence.decodes()) AddRows(sequence);
  }
  running_ = static_cast<int64_t>(in_step_.size());
  return batch_;
}

bool Scheduler::Append(Sequence& sequence, int32_t token, float logprob) {
  SequenceResult& result = sequence.result;
  result.tokens.push_back(token);
  result.logprobs.push_back(logprob);
  if (const std::optional<FinishReason> reason = sequence.stop->After(result.tokens)) {
    result.finish = *reason;
    return true;
  }
  if (static_cast<int64_t>(result.tokens.size()) >= sequence.request.decoding.max_new_tokens) {
    result.finish = FinishReason::kLength;
    return true;
  }
  // The token just added would have to be fed at a position that the context lacks.
  result.finish = FinishReason::kContext;
  return sequence.known() > config_.context;
}

std::vector<SequenceResult> Scheduler::Commit(const std::vector<int32_t>& next,
                                              const std::vector<float>& logprobs) {
  assert(next.size() == owners_.size() && logprobs.size() == next.size());
  for (Sequence* sequence : in_step_) {
    sequence->computed += sequence->planned;
    sequence->planned = 0;
  }
  std::vector<SequenceResult> finished;
  for (size_t i = 0; i < owners_.size(); ++i) {
    if (!Append(*owners_[i], next[i], logprobs[i])) continue;
    finished.push_back(std::move(owners_[i]->result));
    Cancel(finished.back().id);
  }
  return finished;
}

bool Scheduler::Samples(int64_t row) const {
  return owners_[static_cast<size_t>(row)]->request.decoding.sampler_version() != 0;
}

int32_t Scheduler::Sample(int64_t row, absl::Span<const float> logits) const {
  const Sequence& sequence = *owners_[static_cast<size_t>(row)];
  const absl::Span<const int32_t> before[] = {sequence.request.prompt, sequence.result.tokens};
  const double u = DrawAt(sequence.key, static_cast<int64_t>(sequence.result.tokens.size()));
  return SampleToken(logits, sequence.request.decoding.sampling, before, u);
}

int64_t Scheduler::kv_tokens() const {
  int64_t tokens = 0;
  for (const Sequence& sequence : sequences_) tokens += sequence.computed;
  return tokens;
}

}  // namespace sprint
