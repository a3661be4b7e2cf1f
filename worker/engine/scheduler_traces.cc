// What arms of a question take over from the one that computed its prompt first (prompt_traces.h).
#include <algorithm>

#include "worker/engine/attention.h"
#include "worker/engine/scheduler.h"

namespace sprint {

PromptTrace* Scheduler::TraceOf(Sequence& sequence, bool& wait) {
  const int32_t layer = sequence.request.arm.first_layer();
  if (PromptTrace* trace = traces_.Find(sequence.prompt); trace != nullptr) {
    if (trace->leader == sequence.request.id && !trace->complete) return trace;
    if (!trace->Serves(layer)) return nullptr;
    wait = !trace->complete;
    return trace;
  }
  if (sequence.started) return nullptr;
  Sequence* leader = BestLeader(sequence);
  if (leader == nullptr) return nullptr;
  const int32_t limit = LastServed(*leader);
  if (leader != &sequence) {
    wait = layer >= 1 && layer <= limit;
    return nullptr;
  }
  return traces_.Begin(sequence.prompt, sequence.request.id, sequence.computed, sequence.prompt_size(),
                       sequence.request.decoding.max_new_tokens, limit, plan_);
}

int32_t Scheduler::LastServed(const Sequence& leader) const {
  const Arm& arm = leader.request.arm;
  return arm.is_baseline() ? config_.layers - 1 : arm.first_layer();
}

// Of the running sequences that have the prompt before them, the one whose trace serves most layers;
// null when nobody would follow it.
Sequence* Scheduler::BestLeader(const Sequence& sequence) {
  Sequence* best = nullptr;
  for (Sequence& other : sequences_) {
    if (other.prompt != sequence.prompt || !other.running || other.started) continue;
    if (best == nullptr || LastServed(other) > LastServed(*best)) best = &other;
  }
  if (best == nullptr) return nullptr;
  for (const Sequence& other : sequences_) {
    const int32_t layer = other.request.arm.first_layer();
    if (&other == best || other.prompt != sequence.prompt || other.started) continue;
    if (layer >= 1 && layer <= LastServed(*best)) return best;
  }
  return nullptr;
}

void Scheduler::CopyLower(Sequence& sequence, const PromptTrace& trace) {
  const auto first = static_cast<size_t>(sequence.computed / kBlockTokens);
  const auto last = static_cast<size_t>(BlocksFor(trace.end));
  KvCopy copy;
  copy.layers = sequence.request.arm.first_layer();
  copy.from.assign(trace.blocks.begin() + static_cast<std::ptrdiff_t>(first),
                   trace.blocks.begin() + static_cast<std::ptrdiff_t>(last));
  copy.to.assign(sequence.blocks.begin() + static_cast<std::ptrdiff_t>(first),
                 sequence.blocks.begin() + static_cast<std::ptrdiff_t>(last));
  batch_.copies.push_back(std::move(copy));
  sequence.resumed = true;
  // An answer that is computed again, after a preemption, is further than its first token.
  if (sequence.result.tokens.empty()) sequence.follows = trace.serial;
  ShareLower(sequence, trace);
}

void Scheduler::ShareLower(Sequence& sequence, const PromptTrace& trace) {
  sequence.shared = sequence.blocks;
  // Only full blocks: in its last one the leader writes an answer that may be another.
  sequence.shared_count = static_cast<size_t>(trace.end / kBlockTokens);
  for (size_t i = 0; i < sequence.shared_count; ++i) {
    sequence.shared[i] = trace.blocks[i];
    pool_.Ref(trace.blocks[i]);
  }
}

void Scheduler::Capture(const Sequence& sequence, const StepSequence& step) {
  PromptTrace* trace = traces_.Find(sequence.prompt);
  if (trace == nullptr || trace->complete || trace->leader != sequence.request.id) return;
  trace->used_in = plan_;
  CaptureRows(*trace, step, std::min(step.rows, trace->end - step.first_position));
}

void Scheduler::CaptureRows(PromptTrace& trace, const StepSequence& step, int64_t rows) {
  if (rows <= 0) return;
  for (int32_t layer = 1; layer <= trace.limit; ++layer) {
    float* const to = trace.Row(layer, step.first_position);
    batch_.captures.push_back({layer, step.first_row, rows, to, trace.stride()});
  }
}

void Scheduler::CaptureAnswer(Sequence& sequence, const StepSequence& step) {
  const int64_t at = sequence.prompt_size() - 1 - step.first_position;
  if (at < 0 || at >= step.rows) return;
  for (size_t i = 0; i < sequence.request.hidden_after.size(); ++i) {
    const int32_t boundary = sequence.request.hidden_after[i] + 1;
    float* to = sequence.result.hidden[i].data();
    if (boundary >= step.first_layer) {
      batch_.captures.push_back({boundary, step.first_row + at, 1, to, config_.hidden});
      continue;
    }
    // The row enters above it: the trace that it follows has the value.
    const PromptTrace& trace = *traces_.Find(sequence.prompt);
    std::copy_n(trace.Row(boundary, sequence.prompt_size() - 1), config_.hidden, to);
  }
}

bool Scheduler::Followed(const PromptTrace& trace) const {
  return std::any_of(sequences_.begin(), sequences_.end(), [&](const Sequence& sequence) {
    if (sequence.prompt != trace.prompt || sequence.request.id == trace.leader) return false;
    return sequence.follows == trace.serial ||
           (!sequence.started && trace.Serves(sequence.request.arm.first_layer()));
  });
}

void Scheduler::RecordAnswer(const Sequence& sequence, const StepSequence& step) {
  PromptTrace* trace = traces_.Find(sequence.prompt);
  if (trace == nullptr || !trace->recording || trace->leader != sequence.request.id) return;
  const int64_t at = step.first_position - trace->end;
  if (at != static_cast<int64_t>(trace->answer.size()) || !Followed(*trace) ||
      !traces_.Record(*trace, step.rows, plan_)) {
    trace->recording = false;
    return;
  }
  CaptureRows(*trace, step, step.rows);
}

void Scheduler::ConfirmAnswer(const Sequence& sequence) {
  PromptTrace* trace = traces_.Find(sequence.prompt);
  if (trace == nullptr || !trace->recording || trace->leader != sequence.request.id) return;
  const int64_t known = std::min(sequence.computed - trace->end, trace->captured);
  for (auto at = static_cast<int64_t>(trace->answer.size()); at < known; ++at)
    trace->answer.push_back(sequence.Token(trace->end + at));
  for (size_t i = trace->blocks.size(); static_cast<int64_t>(i) < BlocksFor(trace->end + known); ++i) {
    trace->blocks.push_back(sequence.blocks[i]);
    pool_.Ref(sequence.blocks[i]);
  }
}

void Scheduler::Follow(Sequence& sequence) {
  PromptTrace* trace = traces_.Find(sequence.prompt);
  if (trace == nullptr || trace->serial != sequence.follows || Agreeing(sequence, *trace) == 0) {
    StopFollowing(sequence);
    return;
  }
  trace->used_in = plan_;
  sequence.first_layer = sequence.request.arm.first_layer();
  sequence.hidden = trace->Row(sequence.first_layer, sequence.computed);
  sequence.hidden_stride = trace->stride();
  ShareAnswer(sequence, *trace, sequence.computed);
}

size_t Scheduler::Agreeing(const Sequence& sequence, const PromptTrace& trace) {
  const std::vector<int32_t>& drafted = sequence.draft.tokens;
  const auto first = static_cast<size_t>(sequence.computed - trace.end);
  size_t n = 0;
  while (first + n < trace.answer.size() && n <= drafted.size() &&
         trace.answer[first + n] == (n == 0 ? sequence.Token(sequence.computed) : drafted[n - 1])) {
    ++n;
  }
  return n;
}

void Scheduler::FitDraftToTrace(Sequence& sequence) {
  if (sequence.first_layer == 0 || sequence.draft.tokens.empty()) return;
  const PromptTrace& trace = *traces_.Find(sequence.prompt);
  sequence.draft.tokens.resize(Agreeing(sequence, trace) - 1);
}

void Scheduler::ShareAnswer(Sequence& sequence, const PromptTrace& trace, int64_t position) {
  for (; sequence.shared_count <= static_cast<size_t>(position / kBlockTokens); ++sequence.shared_count) {
    const int32_t block = trace.blocks[sequence.shared_count];
    pool_.Ref(block);
    sequence.shared[sequence.shared_count] = block;
  }
}

void Scheduler::StopFollowing(Sequence& sequence) {
  sequence.follows = 0;
  const auto partial = static_cast<size_t>(sequence.computed / kBlockTokens);
  if (sequence.shared_count <= partial) return;
  if (sequence.computed % kBlockTokens != 0) {
    // Copied before the step, so that whoever takes the other block next does not matter.
    batch_.copies.push_back(
        {{sequence.shared[partial]}, {sequence.blocks[partial]}, sequence.request.arm.first_layer()});
  }
  for (size_t i = partial; i < sequence.shared_count; ++i) {
    pool_.Unref(sequence.shared[i]);
    sequence.shared[i] = sequence.blocks[i];
  }
  sequence.shared_count = partial;
}

}  // namespace sprint
