// What one computation of a prompt leaves for the arms that follow it.
//
// Below its lowest pruned layer l an arm computes what the baseline computes: the residual stream
// that enters layers 0 to l and the K/V of the layers below l are the same, bit for bit. So one
// sequence, the leader, keeps its prompt's residual stream before each layer, and the others copy
// the K/V of the layers below their own and compute the prompt from that layer upwards.
// A leader that is itself an arm pruned at layer m serves arms pruned at layer m or below.
//
// The answers of a question begin alike, too: as long as a follower has generated what the leader has, it
// takes the residual stream of the leader's answer at its layer, and reads the leader's K/V below it. So the
// leader's answer is recorded while somebody follows, one step ahead of those who do.
//
// A follower has blocks of its own for every layer, since a block holds all layers of its tokens, and the
// copy costs less than a hundredth of what it saves; but it reads the leader's below its layer, which the
// caches then hold for all arms of the question. Of an answer only the block in which the two part is copied.
// Not thread-safe.
#ifndef SPRINT_WORKER_ENGINE_PROMPT_TRACES_H_
#define SPRINT_WORKER_ENGINE_PROMPT_TRACES_H_

#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "worker/engine/aligned_buffer.h"
#include "worker/engine/block_pool.h"
#include "worker/engine/engine.h"

namespace sprint {

struct PromptTrace {
  Hash256 prompt;
  int64_t serial = 0;  // of all traces, from 1
  SequenceId leader = 0;
  int64_t first = 0;  // positions [first, end) are kept; end is the prompt's length
  int64_t end = 0;
  int32_t limit = 0;  // the layers 1 to limit
  bool complete = false;
  int64_t used_in = 0;          // the last plan that reads or writes it
  std::vector<int32_t> blocks;  // the leader's, over [0, end) and its answer, once complete

  // The leader's answer, from position `end` on.
  bool recording = false;       // goes on
  std::vector<int32_t> answer;  // the tokens that the leader was fed
  // Rows behind `end` that are filled: those of `answer`, and what the last step computed without knowing yet
  // whether it is right.
  int64_t captured = 0;

  // The residual stream of `position` as it enters `layer`, 1 to limit: f32 [hidden]; stride() floats further
  // is the next position's.
  float* Row(int32_t layer, int64_t position) {
    return rows.as<float>() + (position - first) * stride() + (layer - 1) * width;
  }
  const float* Row(int32_t layer, int64_t position) const {
    return const_cast<PromptTrace*>(this)->Row(layer, position);
  }
  int64_t stride() const { return limit * width; }
  int64_t RowBytes() const { return stride() * static_cast<int64_t>(sizeof(float)); }

  int64_t width = 0;
  AlignedBuffer rows;     // with room for the whole answer
  int64_t used_rows = 0;  // so many were ever written to, and are memory

  bool Serves(int32_t layer) const { return layer >= 1 && layer <= limit; }
};

class PromptTraces {
 public:
  // `width` of the residual stream; at most `bytes` of it are kept. `pool` must outlive the traces.
  PromptTraces(int64_t width, int64_t bytes, BlockPool* pool) : width_(width), limit_(bytes), pool_(pool) {}

  // The prompt's trace, complete or being made; null when there is none.
  PromptTrace* Find(const Hash256& prompt);
  // Begins one, for an answer of `longest` tokens at most; older ones that plan `now` does not use make room.
  // Null when there is none. REQUIRES: no trace of the prompt.
  PromptTrace* Begin(const Hash256& prompt, SequenceId leader, int64_t first, int64_t end, int64_t longest,
                     int32_t limit, int64_t now);
  // The leader's blocks over the prompt; each gains a reference.
  void Complete(PromptTrace& trace, absl::Span<const int32_t> blocks);
  // Makes room for `rows` more of the leader's answer, behind trace.answer; false when there is none.
  bool Record(PromptTrace& trace, int64_t rows, int64_t now);
  // The prompt's leader goes: drops the trace when it is not complete, ends its recording otherwise.
  void Abandon(const Hash256& prompt, SequenceId leader);
  // Drops the complete trace that was used longest ago, unless plan `now` uses it; false without one.
  bool EvictOne(int64_t now);
  // Drops the complete traces that no plan from `plan` on has used.
  void DropBefore(int64_t plan);
  int64_t bytes() const { return bytes_; }

 private:
  void Drop(std::list<PromptTrace>::iterator trace);
  // Lets the trace use its first `rows` rows; false when there is no memory for them.
  bool Use(PromptTrace& trace, int64_t rows, int64_t now);

  // A dropped trace's memory: fresh memory of the system costs more than what a trace writes.
  struct Spare {
    AlignedBuffer buffer;
    int64_t used = 0;  // bytes of it that are memory
  };
  // The smallest that holds `bytes`, or a new one; empty when the system refuses it.
  Spare TakeBuffer(int64_t bytes);

  const int64_t width_;
  const int64_t limit_;
  BlockPool* const pool_;
  int64_t bytes_ = 0;  // written to, of the traces and the spares
  std::vector<Spare> spares_;
  int64_t serial_ = 0;  // the last trace's
  std::list<PromptTrace> traces_;
  absl::flat_hash_map<Hash256, std::list<PromptTrace>::iterator> by_prompt_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_PROMPT_TRACES_H_
