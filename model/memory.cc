#include "model/memory.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {

absl::StatusOr<Dtype> ParseDtype(absl::string_view name) {
  if (name == "f32") return Dtype::kF32;
  if (name == "bf16") return Dtype::kBF16;
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
               absl::StrCat("the dtype \"", name, "\" is not known; known are f32 and bf16"));
}

absl::string_view DtypeName(Dtype dtype) { return dtype == Dtype::kF32 ? "f32" : "bf16"; }

int64_t DtypeBytes(Dtype dtype) { return dtype == Dtype::kF32 ? 4 : 2; }

MemoryEstimate EstimateMemory(const ModelConfig& config, Dtype dtype, int64_t tokens_per_step) {
  constexpr int64_t kProcess = 200 << 20;  // libtorch's libraries and tables, measured at 165 MB
  const int64_t bytes = DtypeBytes(dtype);
  const int64_t q = static_cast<int64_t>(config.heads) * config.head_dim;
  const int64_t kv = static_cast<int64_t>(config.kv_heads) * config.head_dim;
  MemoryEstimate estimate;
  estimate.weights = config.ParameterCount() * bytes;
  estimate.kv_per_token = 2 * config.layers * kv * bytes;
  // Alive at once: the residual stream and its norm, and the larger of attention (q, k, v, output)
  // and the MLP (gate, up, their product); then the logits, in f32.
  const int64_t widest = std::max<int64_t>(2 * q + 2 * kv, 3 * static_cast<int64_t>(config.intermediate));
  estimate.activations = tokens_per_step * ((2 * static_cast<int64_t>(config.hidden) + widest) * bytes +
                                            static_cast<int64_t>(config.vocab) * 4);
  estimate.fixed = kProcess;
  return estimate;
}

}  // namespace sprint
