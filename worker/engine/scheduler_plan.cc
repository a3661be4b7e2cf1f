// Which rows the next step computes (scheduler.h).
#include <algorithm>

#include "worker/engine/attention.h"
#include "worker/engine/scheduler.h"

namespace sprint {
namespace {
// A question's arms come one behind the other: a trace that no step has read for so long is done with.
constexpr int64_t kIdlePlans = 64;
}  // namespace

// Rows are chosen from the oldest sequence to the youngest, so that a preempted one is never in the
// step already; room for one row of each sequence that decodes is kept.
void Scheduler::ChooseRows() {
  int64_t decoding = 0;
  for (Sequence& sequence : sequences_) {
    sequence.planned = 0;
    sequence.first_layer = 0;
    sequence.hidden = nullptr;
    sequence.draft = Draft{};
    decoding += sequence.running && sequence.decodes() ? 1 : 0;
    if (options_.layer_resume) ConfirmAnswer(sequence);
  }
  int64_t room = options_.max_tokens_per_step - decoding;
  for (Sequence& sequence : sequences_) {
    if (!sequence.running) continue;
    if (sequence.decodes()) {
      if (!GrowTo(sequence, sequence.computed + 1)) continue;
      sequence.planned = 1;
      if (sequence.follows != 0) Follow(sequence);
      continue;
    }
    const int64_t rows = room > 0 ? PromptRows(sequence, room) : 0;
    if (rows == 0 || !GrowTo(sequence, sequence.computed + rows)) continue;
    sequence.planned = rows;
    sequence.started = true;
    room -= rows;
    const auto end =
        std::min(sequence.keys.size(), static_cast<size_t>((sequence.computed + rows) / kBlockTokens));
    for (auto i = static_cast<size_t>(sequence.computed / kBlockTokens); i < end; ++i) {
      if (Shared(sequence, i)) in_progress_.insert(sequence.keys[i]);
    }
  }
}

int64_t Scheduler::PromptRows(Sequence& sequence, int64_t room) {
  if (!sequence.started && TakePrefix(sequence)) return 0;
  bool wait = false;
  PromptTrace* trace = options_.layer_resume ? TraceOf(sequence, wait) : nullptr;
  if (wait) return 0;
  int64_t end = sequence.known();
  if (trace != nullptr && trace->complete && sequence.computed < trace->end) {
    if (sequence.computed < trace->first) {
      end = trace->first;
    } else {
      trace->used_in = plan_;
      if (!GrowTo(sequence, trace->end)) return 0;
      if (!sequence.resumed) CopyLower(sequence, *trace);
      end = trace->end;
      sequence.first_layer = sequence.request.arm.first_layer();
      sequence.hidden = trace->Row(sequence.first_layer, sequence.computed);
      sequence.hidden_stride = trace->stride();
    }
  }
  const int64_t rows = std::min(room, end - sequence.computed);
  if (sequence.first_layer > 0) resumed_tokens_ += rows;
  return rows;
}

bool Scheduler::TakePrefix(Sequence& sequence) {
  // One position at least is computed, for its logits.
  const auto most =
      std::min(sequence.keys.size(), static_cast<size_t>((sequence.known() - 1) / kBlockTokens));
  while (sequence.blocks.size() < most) {
    const Hash256& key = sequence.keys[sequence.blocks.size()];
    const int32_t block = prefixes_.Acquire(key);
    if (block < 0) return in_progress_.contains(key);
    sequence.blocks.push_back(block);
    sequence.kept = sequence.blocks.size();
    sequence.computed += kBlockTokens;
    reused_tokens_ += kBlockTokens;
  }
  return false;
}

void Scheduler::NotePrefix(Sequence& sequence) {
  sequence.beginnings = BeginningKeys(sequence.request.prompt);
  for (const Hash256& beginning : sequence.beginnings)
    sequence.keys.push_back(PrefixKey(sequence.request.arm, beginning));
  beginnings_.Note(sequence.prompt, sequence.beginnings);
  if (!sequence.keys.empty()) ++alike_[sequence.keys.back()];
}

bool Scheduler::Shared(const Sequence& sequence, size_t i) const {
  if (beginnings_.Common(sequence.beginnings[i])) return true;
  const auto alike = alike_.find(sequence.keys.back());
  return alike != alike_.end() && alike->second > 1;
}

void Scheduler::KeepPrefix(Sequence& sequence) {
  for (; sequence.kept < sequence.keys.size() &&
         sequence.computed >= static_cast<int64_t>(sequence.kept + 1) * kBlockTokens &&
         Shared(sequence, sequence.kept);
       ++sequence.kept) {
    prefixes_.Insert(sequence.keys[sequence.kept], sequence.blocks[sequence.kept]);
  }
}

void Scheduler::AddRows(Sequence& sequence) {
  if (sequence.first_layer > 0 && sequence.decodes())
    followed_tokens_ += 1 + static_cast<int64_t>(sequence.draft.tokens.size());
  StepSequence step;
  step.first_row = batch_.rows();
  step.rows = sequence.planned;
  step.first_position = sequence.computed;
  step.arm = &sequence.request.arm;
  step.blocks = sequence.blocks.data();
  if (sequence.shared_count > 0) {
    step.shared_blocks = sequence.shared.data();
    // Pruning a head changes what its layer gives, not the keys and values that it reads.
    step.shared_layers = sequence.request.arm.first_layer() + 1;
  }
  step.first_layer = sequence.first_layer;
  step.hidden = sequence.hidden;
  step.hidden_stride = sequence.hidden_stride;
  for (int64_t i = 0; i < step.rows; ++i) batch_.tokens.push_back(sequence.Token(sequence.computed + i));
  if (sequence.planned == sequence.pending()) {
    batch_.logit_rows.push_back(batch_.rows() - 1);
    owners_.push_back({&sequence, 0});
    for (size_t i = 0; i < sequence.draft.tokens.size(); ++i) {
      batch_.tokens.push_back(sequence.draft.tokens[i]);
      batch_.logit_rows.push_back(batch_.rows() - 1);
      owners_.push_back({&sequence, i + 1});
      batch_.guesses.push_back(sequence.draft.tokens[i]);
      ++step.rows;
    }
    batch_.guesses.push_back(-1);
    if (sequence.request.decoding.sampler_version() != 0) batch_.sampler = this;
  }
  Capture(sequence, step);
  RecordAnswer(sequence, step);
  CaptureAnswer(sequence, step);
  batch_.sequences.push_back(step);
  in_step_.push_back(&sequence);
}

const StepBatch& Scheduler::Plan() {
  batch_ = StepBatch{};
  in_step_.clear();
  owners_.clear();
  in_progress_.clear();
  ++plan_;
  traces_.DropBefore(plan_ - kIdlePlans);
  Admit();
  ChooseRows();
  if (options_.max_draft > 0 && options_.step_cost.known()) ChooseDrafts();
  // By the layer where they enter; among those of layer 0 the ones that decode first.
  std::vector<Sequence*> order;
  for (Sequence& sequence : sequences_) {
    if (sequence.planned > 0) order.push_back(&sequence);
  }
  std::stable_sort(order.begin(), order.end(), [](const Sequence* a, const Sequence* b) {
    if (a->first_layer != b->first_layer) return a->first_layer < b->first_layer;
    return a->decodes() && !b->decodes();
  });
  for (Sequence* sequence : order) AddRows(*sequence);
  running_ = static_cast<int64_t>(in_step_.size());
  return batch_;
}

}  // namespace sprint
