#include "worker/engine/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/engine/attention.h"

namespace sprint {
namespace {
// What is kept of prompts that begin alike: so many tokens at most, and a quarter of all.
constexpr int64_t kMaxKeptTokens = 16384;
}  // namespace

Scheduler::Scheduler(const ModelConfig& config, const SchedulerOptions& options)
    : config_(config),
      options_(options),
      pool_(options.kv_blocks),
      prefixes_(&pool_, std::min(options.kv_blocks / 4, kMaxKeptTokens / kBlockTokens)),
      traces_(config.hidden, options.trace_bytes, &pool_) {}

int64_t Scheduler::WorstCaseBlocks(const SequenceRequest& request) const {
  // The last token is never fed back.
  const int64_t positions = static_cast<int64_t>(request.prompt.size()) + request.decoding.max_new_tokens - 1;
  return BlocksFor(std::min(positions, config_.context));
}

absl::Status Scheduler::CheckFits(const SequenceRequest& request) const {
  const int64_t prompt = static_cast<int64_t>(request.prompt.size());
  if (prompt == 0)
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, " has an empty prompt"));
  SPRINT_RETURN_IF_ERROR(
      Annotate(CheckDecoding(request.decoding), absl::StrCat("the decoding of sequence ", request.id)));
  if (!request.decoding.stop_strings.empty() && !options_.token_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("sequence ", request.id, " has stop strings, but the model came without a tokenizer"));
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
  for (const int32_t layer : request.hidden_after) {
    if (layer >= 0 && layer < config_.layers) continue;
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, ": hidden states after layer ",
                                                   layer, " are wanted; the model has ", config_.layers,
                                                   " layers, from 0 on"));
  }
  const int64_t blocks = WorstCaseBlocks(request);
  if (blocks > pool_.size()) {
    return Error(
        absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
        absl::StrCat("sequence ", request.id, " may need ", blocks * kBlockTokens,
                     " cached positions, but the engine's memory holds ", pool_.size() * kBlockTokens,
                     "; raise the memory limit or lower max_new_tokens"));
  }
  return absl::OkStatus();
}

absl::Status Scheduler::Submit(SequenceRequest request) {
  SPRINT_RETURN_IF_ERROR(CheckFits(request));
  if (by_id_.contains(request.id)) {
    return absl::InvalidArgumentError(absl::StrCat("sequence ", request.id, " is already running"));
  }
  if (Capacity() <= 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the engine already has its ", options_.max_sequences + options_.max_waiting, " sequences"));
  }
  Sequence& sequence = sequences_.emplace_back();
  sequence.result.id = request.id;
  sequence.request = std::move(request);
  sequence.key = MakeSamplingKey(sequence.request.seed, sequence.request.prompt, sequence.request.arm,
                                 sequence.request.sample);
  sequence.result.hidden.assign(sequence.request.hidden_after.size(),
                                std::vector<float>(static_cast<size_t>(config_.hidden)));
  sequence.prompt = Hasher("prompt/1").AddInts("tokens", sequence.request.prompt).Finish();
  if (options_.prefix_reuse) NotePrefix(sequence);
  sequence.stop.emplace(&sequence.request.decoding, &options_.token_bytes);
  by_id_[sequence.request.id] = std::prev(sequences_.end());
  return absl::OkStatus();
}

void Scheduler::Cancel(SequenceId id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  Free(*it->second);
  if (const std::vector<Hash256>& keys = it->second->keys; !keys.empty()) {
    const auto alike = alike_.find(keys.back());
    if (--alike->second == 0) alike_.erase(alike);
  }
  sequences_.erase(it->second);
  by_id_.erase(it);
}

void Scheduler::Free(Sequence& sequence) {
  traces_.Abandon(sequence.prompt, sequence.request.id);
  for (const int32_t block : sequence.blocks) pool_.Unref(block);
  for (size_t i = 0; i < sequence.shared_count; ++i) pool_.Unref(sequence.shared[i]);
  sequence.blocks.clear();
  sequence.shared.clear();
  sequence.shared_count = 0;
  sequence.computed = 0;
  sequence.planned = 0;
  sequence.kept = 0;
  sequence.follows = 0;
  sequence.running = sequence.started = sequence.resumed = false;
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
    MakeRoom(owed + needed + running);
    if (running > 0 && pool_.available() - owed < needed + running) return;
    sequence.running = true;
    owed += needed;
    ++running;
  }
}

void Scheduler::TakeBlock(Sequence& sequence) {
  sequence.blocks.push_back(pool_.Take());
  if (!sequence.shared.empty()) sequence.shared.push_back(sequence.blocks.back());
}

bool Scheduler::GrowTo(Sequence& sequence, int64_t positions) {
  while (static_cast<int64_t>(sequence.blocks.size()) < BlocksFor(positions)) {
    if (pool_.available() > 0) {
      TakeBlock(sequence);
      continue;
    }
    if (MakeRoom(1)) continue;
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

bool Scheduler::Append(Sequence& sequence, int32_t token, float logprob) {
  SequenceResult& result = sequence.result;
  ++generated_;
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
                                              const std::vector<float>& logprobs,
                                              const std::vector<int32_t>& accepted) {
  assert(next.size() == owners_.size() && logprobs.size() == next.size());
  for (Sequence* sequence : in_step_) {
    sequence->computed += sequence->planned;
    sequence->planned = 0;
    KeepPrefix(*sequence);
    PromptTrace* trace = traces_.Find(sequence->prompt);
    if (trace == nullptr || trace->complete || trace->leader != sequence->request.id) continue;
    if (sequence->computed < trace->end) continue;
    const auto blocks = static_cast<size_t>(BlocksFor(trace->end));
    traces_.Complete(*trace, absl::MakeConstSpan(sequence->blocks).first(blocks));
  }
  std::vector<SequenceResult> finished;
  for (size_t row = 0; row < owners_.size(); ++row) {
    if (owners_[row].drafted > 0) continue;  // taken with its sequence's first row
    Sequence& sequence = *owners_[row].sequence;
    if (!TakeTokens(sequence, row, next, logprobs, accepted)) continue;
    if (options_.max_draft > 0) drafts_.Learn(sequence.prompt, sequence.result.tokens);
    finished.push_back(std::move(sequence.result));
    // Rows of this sequence that follow have drafted > 0 and are passed over unread.
    Cancel(finished.back().id);
  }
  return finished;
}

bool Scheduler::Samples(int64_t row) const {
  return owners_[static_cast<size_t>(row)].sequence->request.decoding.sampler_version() != 0;
}

RowRules Scheduler::Rules(int64_t row) const {
  const LogitRow& owner = owners_[static_cast<size_t>(row)];
  const Sequence& sequence = *owner.sequence;
  const std::vector<int32_t>& tokens = sequence.result.tokens;
  const auto drafted = absl::MakeConstSpan(sequence.draft.tokens).first(owner.drafted);
  return {&sequence.request.decoding.sampling,
          {sequence.request.prompt, tokens, drafted},
          DrawAt(sequence.key, static_cast<int64_t>(tokens.size() + owner.drafted))};
}

int32_t Scheduler::Sample(int64_t row, absl::Span<const float> logits) const {
  const RowRules rules = Rules(row);
  return SampleToken(logits, *rules.sampling, rules.before, rules.u);
}

bool Scheduler::MakeRoom(int64_t blocks) {
  while (pool_.available() < blocks) {
    if (!prefixes_.EvictOne() && !traces_.EvictOne(plan_)) return false;
  }
  return true;
}

int64_t Scheduler::kv_tokens() const {
  int64_t tokens = 0;
  for (const Sequence& sequence : sequences_) tokens += sequence.computed;
  return tokens;
}

}  // namespace sprint
