// config.json as transformers writes it: version 5 (rope_parameters, dtype) and earlier ones
// (rope_theta, rope_scaling, torch_dtype). Defaults of absent fields are transformers' own.
#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/json.h"

namespace sprint {
namespace {

absl::Status Damaged(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
               absl::StrCat("config.json: ", message));
}

absl::Status Unsupported(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
               absl::StrCat("config.json: ", message));
}

// Reads `key` into `out`, or leaves it when absent (or null) and `required` is false.
template <typename Int>
absl::Status ReadInt(const Json& json, absl::string_view key, bool required, Int& out) {
  const Json* value = FindMember(json, key);
  if (value == nullptr) return required ? Damaged(absl::StrCat(key, " is missing")) : absl::OkStatus();
  const std::optional<int64_t> number = IntegerOf(*value);
  if (!number || *number < std::numeric_limits<Int>::min() || *number > std::numeric_limits<Int>::max()) {
    return Damaged(absl::StrCat(key, " is ", ShowJson(*value), ", expected an integer"));
  }
  out = static_cast<Int>(*number);
  return absl::OkStatus();
}

absl::Status ReadDouble(const Json& json, absl::string_view key, bool required, double& out) {
  const Json* value = FindMember(json, key);
  if (value == nullptr) return required ? Damaged(absl::StrCat(key, " is missing")) : absl::OkStatus();
  if (!value->is_number()) return Damaged(absl::StrCat(key, " is ", ShowJson(*value), ", expected a number"));
  out = value->get<double>();
  return absl::OkStatus();
}

absl::Status ReadBool(const Json& json, absl::string_view key, bool& out) {
  const Json* value = FindMember(json, key);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_boolean())
    return Damaged(absl::StrCat(key, " is ", ShowJson(*value), ", expected true or false"));
  out = value->get<bool>();
  return absl::OkStatus();
}

absl::Status ReadString(const Json& json, absl::string_view key, std::string& out) {
  const Json* value = FindMember(json, key);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_string()) return Damaged(absl::StrCat(key, " is ", ShowJson(*value), ", expected a text"));
  out = value->get<std::string>();
  return absl::OkStatus();
}

// The classes that have a head to score with, and none for tokens. transformers has the first two; the others
// are Qwen's own (modeling_qwen2_rm.py), whose numbers of labels are fixed.
struct ScoreHeadClass {
  absl::string_view suffix;
  bool bias;
  bool two_layers;
  int32_t labels;  // 0: the configuration says
};
constexpr ScoreHeadClass kScoreHeads[] = {{"ForSequenceClassification", false, false, 0},
                                          {"ForTokenClassification", true, false, 0},
                                          {"ForProcessRewardModel", true, true, 2},
                                          {"ForRewardModel", true, true, 1}};

// Takes the ending of a class that scores off `name`; null: it is none.
const ScoreHeadClass* TakeScoreHead(absl::string_view& name) {
  for (const ScoreHeadClass& head : kScoreHeads) {
    if (absl::ConsumeSuffix(&name, head.suffix)) return &head;
  }
  return nullptr;
}

// `head`: not null for a reward model of that architecture.
absl::StatusOr<Architecture> ReadArchitecture(const Json& json, const ScoreHeadClass*& head) {
  struct Known {
    absl::string_view class_name, model_type;
    Architecture architecture;
  };
  static constexpr Known kKnown[] = {{"LlamaForCausalLM", "llama", Architecture::kLlama},
                                     {"MistralForCausalLM", "mistral", Architecture::kMistral},
                                     {"Qwen2ForCausalLM", "qwen2", Architecture::kQwen2},
                                     {"Qwen3ForCausalLM", "qwen3", Architecture::kQwen3}};
  std::string found;
  if (const Json* list = FindMember(json, "architectures");
      list != nullptr && list->is_array() && !list->empty() && (*list)[0].is_string()) {
    found = (*list)[0].get<std::string>();
    absl::string_view base = found;
    head = TakeScoreHead(base);
    const std::string generates = head != nullptr ? absl::StrCat(base, "ForCausalLM") : found;
    for (const Known& known : kKnown) {
      if (generates == known.class_name) return known.architecture;
    }
  } else {
    SPRINT_RETURN_IF_ERROR(ReadString(json, "model_type", found));
    if (found.empty()) return Damaged("neither architectures nor model_type is there");
    for (const Known& known : kKnown) {
      if (found == known.model_type) return known.architecture;
    }
  }
  return Unsupported(absl::StrCat("the architecture ", found,
                                  " is not supported; supported are LlamaForCausalLM, MistralForCausalLM, "
                                  "Qwen2ForCausalLM and Qwen3ForCausalLM"));
}

// transformers' rule: num_labels, else as many as id2label has, else 2.
absl::Status ReadLabels(const Json& json, int32_t& labels) {
  labels = 2;
  if (const Json* names = FindMember(json, "id2label"); names != nullptr && names->is_object())
    labels = static_cast<int32_t>(std::min<size_t>(names->size(), 1 << 20));
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "num_labels", false, labels));
  if (labels >= 1) return absl::OkStatus();
  return Damaged(absl::StrCat("the head that scores has ", labels, " labels, expected at least 1"));
}

// One rope_parameters or rope_scaling object.
absl::Status ReadRopeObject(const Json& object, absl::string_view name, RopeConfig& rope, double& partial) {
  if (!object.is_object())
    return Damaged(absl::StrCat(name, " is ", ShowJson(object), ", expected an object"));
  std::string type = "default";
  SPRINT_RETURN_IF_ERROR(ReadString(object, "type", type));
  SPRINT_RETURN_IF_ERROR(ReadString(object, "rope_type", type));
  SPRINT_RETURN_IF_ERROR(ReadDouble(object, "rope_theta", false, rope.theta));
  SPRINT_RETURN_IF_ERROR(ReadDouble(object, "partial_rotary_factor", false, partial));
  if (type == "linear") {
    rope.scaling = RopeConfig::Scaling::kLinear;
    return ReadDouble(object, "factor", true, rope.factor);
  }
  if (type == "llama3") {
    rope.scaling = RopeConfig::Scaling::kLlama3;
    SPRINT_RETURN_IF_ERROR(ReadDouble(object, "factor", true, rope.factor));
    SPRINT_RETURN_IF_ERROR(ReadDouble(object, "low_freq_factor", true, rope.low_freq_factor));
    SPRINT_RETURN_IF_ERROR(ReadDouble(object, "high_freq_factor", true, rope.high_freq_factor));
    return ReadInt(object, "original_max_position_embeddings", true, rope.original_context);
  }
  if (type == "default") return absl::OkStatus();
  return Unsupported(absl::StrCat("the RoPE type \"", type,
                                  "\" is not supported; supported are default, linear and llama3"));
}

// Files of version 5 have rope_parameters; older ones rope_theta and rope_scaling, which wins where
// both are there.
absl::Status ReadRope(const Json& json, RopeConfig& rope) {
  SPRINT_RETURN_IF_ERROR(ReadDouble(json, "rope_theta", false, rope.theta));
  double partial = 1.0;
  SPRINT_RETURN_IF_ERROR(ReadDouble(json, "partial_rotary_factor", false, partial));
  for (const absl::string_view name : {"rope_parameters", "rope_scaling"}) {
    const Json* object = FindMember(json, name);
    if (object != nullptr) SPRINT_RETURN_IF_ERROR(ReadRopeObject(*object, name, rope, partial));
  }
  if (partial != 1.0) {
    return Unsupported(absl::StrCat("partial_rotary_factor ", partial, " is not supported; only 1 is"));
  }
  return absl::OkStatus();
}

// The one window of all layers, or none. A model whose layers differ is refused.
absl::Status ReadSlidingWindow(const Json& json, ModelConfig& config) {
  int64_t window = 0;
  if (config.architecture == Architecture::kMistral) {
    if (!json.contains("sliding_window")) window = 4096;
    SPRINT_RETURN_IF_ERROR(ReadInt(json, "sliding_window", false, window));
    if (json.contains("sliding_window") && !json["sliding_window"].is_null() && window < 1) {
      return Damaged(absl::StrCat("sliding_window is ", window, ", expected at least 1, or null"));
    }
    config.sliding_window = window;
    return absl::OkStatus();
  }
  if (config.architecture == Architecture::kLlama) return absl::OkStatus();
  bool use_window = false;
  SPRINT_RETURN_IF_ERROR(ReadBool(json, "use_sliding_window", use_window));
  if (!use_window) return absl::OkStatus();
  if (!json.contains("sliding_window")) window = 4096;
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "sliding_window", false, window));
  if (window == 0) return absl::OkStatus();
  int64_t sliding_layers = 0;
  if (const Json* types = FindMember(json, "layer_types"); types != nullptr && types->is_array()) {
    sliding_layers = std::count(types->begin(), types->end(), Json("sliding_attention"));
  } else {
    int64_t full = 28;
    SPRINT_RETURN_IF_ERROR(ReadInt(json, "max_window_layers", false, full));
    sliding_layers = config.layers - std::clamp<int64_t>(full, 0, config.layers);
  }
  if (sliding_layers == 0) return absl::OkStatus();
  if (sliding_layers != config.layers) {
    return Unsupported(absl::StrCat("a sliding window on ", sliding_layers, " of ", config.layers,
                                    " layers is not supported; only on all or none"));
  }
  config.sliding_window = window;
  return absl::OkStatus();
}

absl::Status AppendTokens(const Json& json, absl::string_view key, std::vector<int32_t>& out) {
  const Json* value = FindMember(json, key);
  if (value == nullptr) return absl::OkStatus();
  const Json one = Json::array({*value});
  for (const Json& item : value->is_array() ? *value : one) {
    const std::optional<int64_t> id = IntegerOf(item);
    if (!id || *id > std::numeric_limits<int32_t>::max()) {
      return Damaged(absl::StrCat(key, " is ", ShowJson(*value), ", expected token ids"));
    }
    const auto token = static_cast<int32_t>(*id);
    if (*id >= 0 && std::find(out.begin(), out.end(), token) == out.end()) out.push_back(token);
  }
  return absl::OkStatus();
}

// What transformers would run and this engine would not.
absl::Status RefuseTheUnknown(const Json& json) {
  std::string activation = "silu";
  SPRINT_RETURN_IF_ERROR(ReadString(json, "hidden_act", activation));
  if (activation != "silu" && activation != "swish") {
    return Unsupported(absl::StrCat("the activation \"", activation, "\" is not supported; only silu is"));
  }
  bool mlp_bias = false;
  SPRINT_RETURN_IF_ERROR(ReadBool(json, "mlp_bias", mlp_bias));
  if (mlp_bias) return Unsupported("mlp_bias true is not supported");
  if (const Json* quantisation = FindMember(json, "quantization_config"); quantisation != nullptr) {
    std::string method = "unnamed";
    SPRINT_RETURN_IF_ERROR(ReadString(*quantisation, "quant_method", method));
    return Unsupported(absl::StrCat("weights quantised by the method \"", method,
                                    "\" are not supported; use the unquantised model or a GGUF file"));
  }
  return absl::OkStatus();
}

absl::Status ReadSizes(const Json& json, ModelConfig& config) {
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "num_hidden_layers", true, config.layers));
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "hidden_size", true, config.hidden));
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "num_attention_heads", true, config.heads));
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "intermediate_size", true, config.intermediate));
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "vocab_size", true, config.vocab));
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "max_position_embeddings", true, config.context));
  config.kv_heads = config.heads;
  const bool kv_required =
      config.architecture != Architecture::kLlama && !json.contains("num_key_value_heads");
  SPRINT_RETURN_IF_ERROR(ReadInt(json, "num_key_value_heads", kv_required, config.kv_heads));
  if (FindMember(json, "head_dim") == nullptr && config.architecture == Architecture::kQwen3) {
    config.head_dim = 128;
    return absl::OkStatus();
  }
  if (FindMember(json, "head_dim") != nullptr) return ReadInt(json, "head_dim", true, config.head_dim);
  if (config.heads < 1 || config.hidden % config.heads != 0) {
    return Damaged(absl::StrCat("hidden_size ", config.hidden, " is not a multiple of num_attention_heads ",
                                config.heads, ", and head_dim is missing"));
  }
  config.head_dim = config.hidden / config.heads;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelConfig> ParseHfConfig(absl::string_view text, absl::string_view generation_config) {
  SPRINT_ASSIGN_OR_RETURN(const Json json, ParseJson(text, "config.json", Reason::kModelDamaged));
  if (!json.is_object()) return Damaged("expected an object");
  ModelConfig config;
  const ScoreHeadClass* head = nullptr;
  SPRINT_ASSIGN_OR_RETURN(config.architecture, ReadArchitecture(json, head));
  SPRINT_RETURN_IF_ERROR(RefuseTheUnknown(json));
  SPRINT_RETURN_IF_ERROR(ReadSizes(json, config));
  SPRINT_RETURN_IF_ERROR(ReadDouble(json, "rms_norm_eps", false, config.rms_norm_eps));
  SPRINT_RETURN_IF_ERROR(ReadBool(json, "tie_word_embeddings", config.tied_embeddings));
  if (head != nullptr) {
    config.labels = head->labels;
    if (config.labels == 0) SPRINT_RETURN_IF_ERROR(ReadLabels(json, config.labels));
    config.score_bias = head->bias;
    config.score_two_layers = head->two_layers;
    config.tied_embeddings = true;  // its lm_head, where its file has one, is not used
  }
  bool attention_bias = false;
  SPRINT_RETURN_IF_ERROR(ReadBool(json, "attention_bias", attention_bias));
  const bool reads_bias =
      config.architecture == Architecture::kLlama || config.architecture == Architecture::kQwen3;
  config.output_bias = reads_bias && attention_bias;
  config.qkv_bias = config.output_bias || config.architecture == Architecture::kQwen2;
  config.qk_norm = config.architecture == Architecture::kQwen3;
  SPRINT_RETURN_IF_ERROR(ReadRope(json, config.rope));
  SPRINT_RETURN_IF_ERROR(ReadSlidingWindow(json, config));
  if (const Json* bos = FindMember(json, "bos_token_id"); bos != nullptr && !bos->is_array()) {
    SPRINT_RETURN_IF_ERROR(ReadInt(json, "bos_token_id", false, config.bos_token));
  }
  if (!generation_config.empty()) {
    SPRINT_ASSIGN_OR_RETURN(const Json generation,
                            ParseJson(generation_config, "generation_config.json", Reason::kModelDamaged));
    SPRINT_RETURN_IF_ERROR(AppendTokens(generation, "eos_token_id", config.eos_tokens));
  }
  if (config.eos_tokens.empty())
    SPRINT_RETURN_IF_ERROR(AppendTokens(json, "eos_token_id", config.eos_tokens));
  SPRINT_RETURN_IF_ERROR(CheckConfig(config));
  return config;
}

}  // namespace sprint
