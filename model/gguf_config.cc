// A model's configuration from GGUF metadata. Keys: gguf.md, "LLM"; values as llama.cpp's converter
// (convert_hf_to_gguf.py) writes them.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/gguf.h"

namespace sprint {
namespace {

absl::Status Damaged(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged, message);
}

absl::Status Unsupported(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported, message);
}

// Reads "ARCH.key" of one file.
class Keys {
 public:
  Keys(const GgufFile& file, std::string prefix) : file_(file), prefix_(std::move(prefix)) {}

  std::string Name(absl::string_view key) const { return absl::StrCat(prefix_, ".", key); }
  std::optional<double> Float(absl::string_view key) const { return file_.Float(Name(key)); }
  std::optional<absl::string_view> String(absl::string_view key) const { return file_.String(Name(key)); }

  template <typename Int>
  absl::Status Read(absl::string_view key, bool required, Int& out) const {
    const GgufFile::Value* value = file_.Find(Name(key));
    if (value == nullptr) {
      return required ? Damaged(absl::StrCat("the metadata value ", Name(key), " is missing"))
                      : absl::OkStatus();
    }
    const auto* number = std::get_if<int64_t>(value);
    if (number == nullptr) {
      // A list states a value per layer, as for models whose layers differ.
      return Unsupported(absl::StrCat("the metadata value ", Name(key),
                                      " is not one integer; layers that differ are not supported"));
    }
    if (*number < 0 || *number > std::numeric_limits<Int>::max()) {
      return Damaged(absl::StrCat("the metadata value ", Name(key), " is ", *number));
    }
    out = static_cast<Int>(*number);
    return absl::OkStatus();
  }

 private:
  const GgufFile& file_;
  const std::string prefix_;
};

absl::StatusOr<Architecture> ReadArchitecture(absl::string_view name) {
  if (name == "llama") return Architecture::kLlama;  // Mistral too
  if (name == "qwen2") return Architecture::kQwen2;
  if (name == "qwen3") return Architecture::kQwen3;
  return Unsupported(absl::StrCat("the architecture ", name,
                                  " is not supported; supported are llama (Llama and "
                                  "Mistral), qwen2 and qwen3"));
}

absl::Status ReadSizes(const GgufFile& file, const Keys& keys, ModelConfig& config) {
  SPRINT_RETURN_IF_ERROR(keys.Read("block_count", true, config.layers));
  SPRINT_RETURN_IF_ERROR(keys.Read("embedding_length", true, config.hidden));
  SPRINT_RETURN_IF_ERROR(keys.Read("feed_forward_length", true, config.intermediate));
  SPRINT_RETURN_IF_ERROR(keys.Read("attention.head_count", true, config.heads));
  SPRINT_RETURN_IF_ERROR(keys.Read("context_length", true, config.context));
  config.kv_heads = config.heads;
  SPRINT_RETURN_IF_ERROR(keys.Read("attention.head_count_kv", false, config.kv_heads));
  int32_t experts = 0;
  SPRINT_RETURN_IF_ERROR(keys.Read("expert_count", false, experts));
  if (experts > 0) return Unsupported(absl::StrCat("a mixture of ", experts, " experts is not supported"));
  if (config.heads > 0) config.head_dim = config.hidden / config.heads;
  SPRINT_RETURN_IF_ERROR(keys.Read("attention.key_length", false, config.head_dim));
  int32_t value_dim = config.head_dim;
  SPRINT_RETURN_IF_ERROR(keys.Read("attention.value_length", false, value_dim));
  int32_t rotated = config.head_dim;
  SPRINT_RETURN_IF_ERROR(keys.Read("rope.dimension_count", false, rotated));
  if (value_dim != config.head_dim || rotated != config.head_dim) {
    return Unsupported(absl::StrCat("heads of width ", config.head_dim, " with values of width ", value_dim,
                                    " and ", rotated,
                                    " rotated dimensions are not supported; all must be equal"));
  }
  SPRINT_RETURN_IF_ERROR(keys.Read("attention.sliding_window", false, config.sliding_window));
  const TensorInfo* embedding = file.weights()->Find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    return Damaged("tensor token_embd.weight is missing, expected with two dimensions");
  if (embedding->shape[0] > std::numeric_limits<int32_t>::max())
    return Damaged("tensor token_embd.weight has too many rows");
  config.vocab = static_cast<int32_t>(embedding->shape[0]);
  return absl::OkStatus();
}

absl::Status ReadRope(const GgufFile& file, const Keys& keys, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  rope.theta = keys.Float("rope.freq_base").value_or(10000.0);
  const absl::string_view type = keys.String("rope.scaling.type").value_or("none");
  if (type == "linear") {
    rope.scaling = RopeConfig::Scaling::kLinear;
    rope.factor = keys.Float("rope.scaling.factor").value_or(1.0);
  } else if (type != "none") {
    return Unsupported(absl::StrCat("the RoPE scaling type \"", type,
                                    "\" is not supported; supported are none, "
                                    "linear and rope_freqs.weight"));
  } else if (const auto scale = keys.Float("rope.scale_linear"); scale && *scale != 1.0) {
    rope.scaling = RopeConfig::Scaling::kLinear;
    rope.factor = *scale;
  }
  const TensorInfo* factors = file.weights()->Find("rope_freqs.weight");
  if (factors == nullptr) return absl::OkStatus();
  if (factors->type != TensorType::kF32 || factors->elements() != config.head_dim / 2) {
    return Damaged(absl::StrCat("tensor rope_freqs.weight has ", factors->elements(), " elements of ",
                                TensorTypeName(factors->type), ", expected ", config.head_dim / 2,
                                " of f32"));
  }
  rope.frequency_factors.resize(static_cast<size_t>(config.head_dim) / 2);
  DecodeToF32(*factors, 0, absl::MakeSpan(rope.frequency_factors));
  return absl::OkStatus();
}

// Generation ends at the end-of-text token and at the end of a turn, where the file names one.
void ReadTokens(const GgufFile& file, ModelConfig& config) {
  for (const absl::string_view key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const std::optional<int64_t> id = file.Int(key);
    if (!id || *id < 0 || *id >= config.vocab) continue;
    const auto token = static_cast<int32_t>(*id);
    bool known = false;
    for (const int32_t eos : config.eos_tokens) known |= eos == token;
    if (!known) config.eos_tokens.push_back(token);
  }
  const std::optional<int64_t> bos = file.Int("tokenizer.ggml.bos_token_id");
  if (bos && *bos >= 0 && *bos < config.vocab) config.bos_token = static_cast<int32_t>(*bos);
}

}  // namespace

absl::StatusOr<ModelConfig> ConfigFromGguf(const GgufFile& file) {
  const std::optional<absl::string_view> name = file.String("general.architecture");
  if (!name) return Damaged("the metadata value general.architecture is missing");
  ModelConfig config;
  SPRINT_ASSIGN_OR_RETURN(config.architecture, ReadArchitecture(*name));
  config.name = std::string(file.String("general.name").value_or(""));
  const Keys keys(file, std::string(*name));
  SPRINT_RETURN_IF_ERROR(ReadSizes(file, keys, config));
  const std::optional<double> eps = keys.Float("attention.layer_norm_rms_epsilon");
  if (!eps)
    return Damaged(
        absl::StrCat("the metadata value ", keys.Name("attention.layer_norm_rms_epsilon"), " is missing"));
  config.rms_norm_eps = *eps;
  SPRINT_RETURN_IF_ERROR(ReadRope(file, keys, config));
  // What llama.cpp reads from the tensors' presence.
  const WeightIndex& weights = *file.weights();
  config.tied_embeddings = weights.Find("output.weight") == nullptr;
  config.qkv_bias = weights.Find("blk.0.attn_q.bias") != nullptr;
  config.output_bias = weights.Find("blk.0.attn_output.bias") != nullptr;
  config.qk_norm = config.architecture == Architecture::kQwen3;
  if (weights.Find("blk.0.ffn_gate.bias") != nullptr || weights.Find("blk.0.ffn_up.bias") != nullptr) {
    return Unsupported("biases of the MLP (blk.0.ffn_gate.bias) are not supported");
  }
  ReadTokens(file, config);
  SPRINT_RETURN_IF_ERROR(CheckConfig(config));
  return config;
}

}  // namespace sprint
