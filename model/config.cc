#include "model/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/config_check.h"

namespace sprint {

absl::string_view ArchitectureName(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama:
      return "Llama";
    case Architecture::kMistral:
      return "Mistral";
    case Architecture::kQwen2:
      return "Qwen2";
    case Architecture::kQwen3:
      return "Qwen3";
  }
  return "unknown";
}

int64_t ModelConfig::ParameterCount() const {
  const int64_t width = hidden;
  const int64_t q = static_cast<int64_t>(heads) * head_dim;
  const int64_t kv = static_cast<int64_t>(kv_heads) * head_dim;
  int64_t layer = 2 * width * q + 2 * width * kv + 3 * width * intermediate + 2 * width;
  if (qkv_bias) layer += q + 2 * kv;
  if (output_bias) layer += width;
  if (qk_norm) layer += 2 * head_dim;
  return layer * layers + width * vocab * (tied_embeddings ? 1 : 2) + width;
}

namespace {

absl::Status Impossible(absl::string_view field, double found, absl::string_view expected) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
               absl::StrCat("the configuration's ", field, " is ", found, ", expected ", expected));
}

absl::Status CheckRope(const RopeConfig& rope, int32_t head_dim) {
  if (!std::isfinite(rope.theta) || rope.theta <= 0)
    return Impossible("RoPE theta", rope.theta, "more than 0");
  if (rope.scaling != RopeConfig::Scaling::kNone && !(std::isfinite(rope.factor) && rope.factor > 0)) {
    return Impossible("RoPE factor", rope.factor, "more than 0");
  }
  if (rope.scaling == RopeConfig::Scaling::kLlama3) {
    if (rope.original_context < 1) {
      return Impossible("RoPE original_max_position_embeddings", static_cast<double>(rope.original_context),
                        "at least 1");
    }
    if (!(rope.low_freq_factor > 0) || !(rope.high_freq_factor > rope.low_freq_factor)) {
      return Impossible("RoPE high_freq_factor", rope.high_freq_factor,
                        "more than low_freq_factor, which is > 0");
    }
  }
  if (!rope.frequency_factors.empty() && rope.frequency_factors.size() != static_cast<size_t>(head_dim) / 2) {
    return Impossible("number of RoPE frequency factors", static_cast<double>(rope.frequency_factors.size()),
                      absl::StrCat(head_dim / 2, " (half the head's width)"));
  }
  for (const float factor : rope.frequency_factors) {
    if (!std::isfinite(factor) || factor <= 0)
      return Impossible("RoPE frequency factor", factor, "more than 0");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckConfig(const ModelConfig& config) {
  const struct {
    absl::string_view field;
    int64_t value;
    int64_t most;
  } counts[] = {
      {"number of layers", config.layers, 1 << 14},
      {"hidden size", config.hidden, 1 << 20},
      {"number of attention heads", config.heads, 1 << 14},
      {"number of key/value heads", config.kv_heads, 1 << 14},
      {"head dimension", config.head_dim, 1 << 14},
      {"intermediate size", config.intermediate, 1 << 22},
      {"vocabulary size", config.vocab, 1 << 24},
      {"context length", config.context, int64_t{1} << 40},
  };
  for (const auto& count : counts) {
    if (count.value < 1 || count.value > count.most) {
      return Impossible(count.field, static_cast<double>(count.value), absl::StrCat("1 to ", count.most));
    }
  }
  if (config.heads % config.kv_heads != 0) {
    return Impossible("number of key/value heads", config.kv_heads,
                      absl::StrCat("a divisor of the ", config.heads, " attention heads"));
  }
  if (config.head_dim % 2 != 0) return Impossible("head dimension", config.head_dim, "an even number");
  if (!std::isfinite(config.rms_norm_eps) || config.rms_norm_eps <= 0) {
    return Impossible("rms_norm_eps", config.rms_norm_eps, "more than 0");
  }
  if (config.sliding_window < 0) {
    return Impossible("sliding_window", static_cast<double>(config.sliding_window), "at least 1, or none");
  }
  return CheckRope(config.rope, config.head_dim);
}

}  // namespace sprint
