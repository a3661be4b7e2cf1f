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

MemoryEstimate EstimateMemory(const ModelConfig& config, Dtype dtype, const EngineShape& shape) {
  // libtorch's libraries and the tables of a tokenizer, measured on Debian 12.
  constexpr int64_t kProcess = 160 << 20;
  // Prompts that are traced at once while a sweep runs: those of the questions in work; and of each answer
  // about so many tokens, until the arms' answers have parted.
  constexpr int64_t kTracedPrompts = 8;
  constexpr int64_t kTracedAnswer = 128;
  const int64_t bytes = DtypeBytes(dtype);
  const int64_t hidden = config.hidden;
  const int64_t q = static_cast<int64_t>(config.heads) * config.head_dim;
  const int64_t kv = static_cast<int64_t>(config.kv_heads) * config.head_dim;
  const int64_t rows = shape.lanes * std::max(shape.tokens_per_step, shape.sequences / shape.lanes);
  MemoryEstimate estimate;
  estimate.weights = config.ParameterCount() * bytes;
  // A byte an input, and three numbers a token.
  if (dtype == Dtype::kBF16) estimate.screen = config.vocab * (hidden + 3 * int64_t{4});
  estimate.kv_per_token = 2 * config.layers * kv * bytes;
  estimate.cached_tokens = shape.sequences * ((shape.prompt_tokens + shape.new_tokens + kKvBlockTokens - 1) /
                                              kKvBlockTokens * kKvBlockTokens);
  // The residual stream, what is added to it, q, k and v in f32; what products read in the dtype. Gate and up
  // are multiplied while they are in the cache.
  const int64_t in_f32 = 2 * hidden + q + 2 * kv;
  const int64_t in_dtype = hidden + q + config.intermediate;
  estimate.activations = rows * (in_f32 * 4 + in_dtype * bytes) +
                         shape.sequences * (hidden * bytes + static_cast<int64_t>(config.vocab) * 4);
  // K and V of each layer lie in huge pages, of which the last is half full in the mean.
  estimate.kv_slack = shape.lanes * 2 * config.layers * (int64_t{1} << 20);
  const int64_t traced =
      shape.lanes * std::min(kMaxTracedTokens, kTracedPrompts * (shape.prompt_tokens +
                                                                 std::min(kTracedAnswer, shape.new_tokens)));
  estimate.traces = traced * (config.layers - 1) * hidden * 4;
  estimate.fixed = kProcess;
  return estimate;
}

}  // namespace sprint
