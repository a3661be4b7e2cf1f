#include "worker/engine/prompt_traces.h"

#include <algorithm>

namespace sprint {

PromptTrace* PromptTraces::Find(const Hash256& prompt) {
  const auto found = by_prompt_.find(prompt);
  return found == by_prompt_.end() ? nullptr : &*found->second;
}

PromptTrace* PromptTraces::Begin(const Hash256& prompt, SequenceId leader, int64_t first, int64_t end,
                                 int32_t limit, int64_t now) {
  PromptTrace trace;
  trace.prompt = prompt;
  trace.serial = ++serial_;
  trace.leader = leader;
  trace.first = first;
  trace.end = end;
  trace.limit = limit;
  trace.used_in = now;
  const int64_t bytes = BytesOf(trace);
  if (bytes > limit_) return nullptr;
  while (bytes_ + bytes > limit_) {
    if (!EvictOne(now)) return nullptr;
  }
  trace.hidden.resize(static_cast<size_t>(limit));
  for (std::vector<float>& layer : trace.hidden) layer.resize(static_cast<size_t>((end - first) * width_));
  bytes_ += bytes;
  traces_.push_back(std::move(trace));
  by_prompt_[prompt] = std::prev(traces_.end());
  return &traces_.back();
}

void PromptTraces::Complete(PromptTrace& trace, absl::Span<const int32_t> blocks) {
  trace.blocks.assign(blocks.begin(), blocks.end());
  for (const int32_t block : blocks) pool_->Ref(block);
  trace.complete = trace.recording = true;
}

bool PromptTraces::Record(PromptTrace& trace, int64_t rows, int64_t longest, int64_t now) {
  const auto known = static_cast<int64_t>(trace.answer.size());
  const int64_t row = trace.limit * width_ * static_cast<int64_t>(sizeof(float));
  const int64_t more = std::max<int64_t>(0, known + rows - trace.most);
  trace.used_in = now;
  while (bytes_ + more * row > limit_) {
    if (!EvictOne(now)) return false;
  }
  // Readers hold pointers into a step's rows: they never move.
  if (trace.answer_hidden.empty()) {
    trace.answer_hidden.resize(static_cast<size_t>(trace.limit));
    for (std::vector<float>& layer : trace.answer_hidden)
      layer.reserve(static_cast<size_t>(longest * width_));
  }
  if (known + rows > longest) return false;
  bytes_ += more * row;
  trace.most += more;
  trace.captured = known + rows;
  for (std::vector<float>& layer : trace.answer_hidden)
    layer.resize(std::max(layer.size(), static_cast<size_t>(trace.captured * width_)));
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
  bytes_ -= BytesOf(*trace);
  by_prompt_.erase(trace->prompt);
  traces_.erase(trace);
}

}  // namespace sprint
