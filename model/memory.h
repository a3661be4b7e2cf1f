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

struct MemoryEstimate {
  int64_t weights = 0;       // bytes
  int64_t kv_per_token = 0;  // bytes one cached position of one sequence takes
  int64_t activations = 0;   // bytes of one step of `tokens_per_step` tokens, logits included
  int64_t fixed = 0;         // bytes of the process itself (libraries, tables)
  int64_t Total(int64_t cached_tokens) const {
    return weights + activations + fixed + kv_per_token * cached_tokens;
  }
};
MemoryEstimate EstimateMemory(const ModelConfig& config, Dtype dtype, int64_t tokens_per_step);

}  // namespace sprint

#endif  // SPRINT_MODEL_MEMORY_H_
