// What an engine will need, predicted from the model's shape before anything is loaded.
#ifndef SPRINT_MODEL_MEMORY_H_
#define SPRINT_MODEL_MEMORY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/config.h"

namespace sprint {

enum class Dtype { kF32, kBF16 };
absl::StatusOr<Dtype> ParseDtype(absl::string_view name);  // "f32", "bf16"
absl::string_view DtypeName(Dtype dtype);
int64_t DtypeBytes(Dtype dtype);

// Cached positions of a K/V block: a sequence takes them so many at a time.
inline constexpr int64_t kKvBlockTokens = 32;

// What an engine is loaded for. The defaults are a worker's.
struct EngineShape {
  int64_t sequences = 64;         // running at once, in all lanes
  int64_t lanes = 1;              // each with buffers of its own
  int64_t tokens_per_step = 512;  // computed in a step at most
  int64_t prompt_tokens = 256;    // of a sequence,
  int64_t new_tokens = 256;       // and what it generates
};

// Bytes, of an engine on the CPU at its peak.
struct MemoryEstimate {
  int64_t weights = 0;
  // The output projection a second time, in 8 bits: with bf16, counted although not every processor has it.
  int64_t screen = 0;
  int64_t kv_per_token = 0;   // one cached position of one sequence
  int64_t cached_tokens = 0;  // positions of all running sequences at their ends
  int64_t kv_slack = 0;       // what the operating system's pages add to K/V
  int64_t activations = 0;    // buffers of a step, logits included
  int64_t traces = 0;         // prompts' residual streams, kept for other arms of the question
  int64_t fixed = 0;          // the process itself: libraries, tables
  int64_t kv() const { return kv_per_token * cached_tokens + kv_slack; }
  int64_t total() const { return weights + screen + kv() + activations + traces + fixed; }
};
MemoryEstimate EstimateMemory(const ModelConfig& config, Dtype dtype, const EngineShape& shape);

// Tokens whose residual stream an engine keeps at most for a question's other arms (of prompts that are
// together longer, the ones used last).
inline constexpr int64_t kMaxTracedTokens = 4096;

}  // namespace sprint

#endif  // SPRINT_MODEL_MEMORY_H_
