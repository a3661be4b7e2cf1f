#include "worker/engine/prompt_traces.h"

#include <algorithm>

namespace sprint {

PromptTrace* PromptTraces::Find(const Hash256& prompt) {
  const auto found = by_prompt_.find(prompt);
  return found == by_prompt_.end() ? nullptr : &*found->second;
}

PromptTrace* PromptTraces::Begin(const Hash256& prompt, SequenceId leader, int64_t first, int64_t end,
                                 int64_t longest, int32_t limit, int64_t now) {
  PromptTrace trace;
  trace.prompt = prompt;
  trace.serial = ++serial_;
  trace.leader = leader;
  trace.first = first;
  trace.end = end;
  trace.limit = limit;
  trace.width = width_;
  trace.used_in = now;
  const int64_t most = limit_ / trace.RowBytes();
  if (end - first > most) return nullptr;
  Spare spare = TakeBuffer(std::min(end - first + longest, most) * trace.RowBytes());
  trace.rows = std::move(spare.buffer);
  trace.used_rows = spare.used / trace.RowBytes();
  bytes_ += trace.used_rows * trace.RowBytes() - spare.used;
  if (!Use(trace, end - first, now)) {
    bytes_ -= trace.used_rows * trace.RowBytes();
    return nullptr;
  }
  traces_.push_back(std::move(trace));
  by_prompt_[prompt] = std::prev(traces_.end());
  return &traces_.back();
}

bool PromptTraces::Use(PromptTrace& trace, int64_t rows, int64_t now) {
  if (rows * trace.RowBytes() > trace.rows.bytes()) return false;
  const int64_t more = std::max<int64_t>(0, rows - trace.used_rows) * trace.RowBytes();
  while (bytes_ + more > limit_) {
    if (spares_.empty() && !EvictOne(now)) return false;
    if (spares_.empty()) continue;
    bytes_ -= spares_.back().used;
    spares_.pop_back();
  }
  bytes_ += more;
  trace.used_rows = std::max(trace.used_rows, rows);
  return true;
}

PromptTraces::Spare PromptTraces::TakeBuffer(int64_t bytes) {
  auto best = spares_.end();
  for (auto spare = spares_.begin(); spare != spares_.end(); ++spare) {
    if (spare->buffer.bytes() < bytes) continue;
    if (best == spares_.end() || spare->buffer.bytes() < best->buffer.bytes()) best = spare;
  }
  Spare taken;
  if (best != spares_.end()) {
    taken = std::move(*best);
    spares_.erase(best);
  } else if (absl::StatusOr<AlignedBuffer> fresh = AlignedBuffer::Create(bytes); fresh.ok()) {
    taken.buffer = *std::move(fresh);
  }
  return taken;
}

void PromptTraces::Complete(PromptTrace& trace, absl::Span<const int32_t> blocks) {
  trace.blocks.assign(blocks.begin(), blocks.end());
  for (const int32_t block : blocks) pool_->Ref(block);
  trace.complete = trace.recording = true;
}

bool PromptTraces::Record(PromptTrace& trace, int64_t rows, int64_t now) {
  trace.used_in = now;
  const int64_t captured = static_cast<int64_t>(trace.answer.size()) + rows;
  if (!Use(trace, trace.end - trace.first + captured, now)) return false;
  trace.captured = captured;
  return true;
}

void PromptTraces::Abandon(const Hash256& prompt, SequenceId leader) {
  const auto found = by_prompt_.find(prompt);
  if (found == by_prompt_.end() || found->second->leader != leader) return;
  found->second->recording = false;
  if (!found->second->complete) Drop(found->second);
}

bool PromptTraces::EvictOne(int64_t now) {
  auto oldest = traces_.end();
  for (auto trace = traces_.begin(); trace != traces_.end(); ++trace) {
    if (!trace->complete || trace->used_in >= now) continue;
    if (oldest == traces_.end() || trace->used_in < oldest->used_in) oldest = trace;
  }
  if (oldest == traces_.end()) return false;
  Drop(oldest);
  return true;
}

void PromptTraces::DropBefore(int64_t plan) {
  for (auto trace = traces_.begin(); trace != traces_.end();) {
    const auto old = trace++;
    if (old->complete && old->used_in < plan) Drop(old);
  }
}

void PromptTraces::Drop(std::list<PromptTrace>::iterator trace) {
  for (const int32_t block : trace->blocks) pool_->Unref(block);
  spares_.push_back({std::move(trace->rows), trace->used_rows * trace->RowBytes()});
  by_prompt_.erase(trace->prompt);
  traces_.erase(trace);
}

}  // namespace sprint
