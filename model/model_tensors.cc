#include "model/model_tensors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace sprint {
namespace {

// One member of LayerTensors with its names behind "model.layers.N." and "blk.N.".
struct LayerName {
  const TensorInfo* LayerTensors::*member;
  absl::string_view hugging_face;
  absl::string_view gguf;
};

constexpr LayerName kLayerNames[] = {
    {&LayerTensors::attention_norm, "input_layernorm.weight", "attn_norm.weight"},
    {&LayerTensors::q, "self_attn.q_proj.weight", "attn_q.weight"},
    {&LayerTensors::k, "self_attn.k_proj.weight", "attn_k.weight"},
    {&LayerTensors::v, "self_attn.v_proj.weight", "attn_v.weight"},
    {&LayerTensors::o, "self_attn.o_proj.weight", "attn_output.weight"},
    {&LayerTensors::q_bias, "self_attn.q_proj.bias", "attn_q.bias"},
    {&LayerTensors::k_bias, "self_attn.k_proj.bias", "attn_k.bias"},
    {&LayerTensors::v_bias, "self_attn.v_proj.bias", "attn_v.bias"},
    {&LayerTensors::o_bias, "self_attn.o_proj.bias", "attn_output.bias"},
    {&LayerTensors::q_norm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
    {&LayerTensors::k_norm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
    {&LayerTensors::mlp_norm, "post_attention_layernorm.weight", "ffn_norm.weight"},
    {&LayerTensors::gate, "mlp.gate_proj.weight", "ffn_gate.weight"},
    {&LayerTensors::up, "mlp.up_proj.weight", "ffn_up.weight"},
    {&LayerTensors::down, "mlp.down_proj.weight", "ffn_down.weight"},
};

// Empty when the architecture has no such tensor.
std::vector<int64_t> ExpectedShape(const ModelConfig& c, const TensorInfo* LayerTensors::*member) {
  const int64_t q = static_cast<int64_t>(c.heads) * c.head_dim;
  const int64_t kv = static_cast<int64_t>(c.kv_heads) * c.head_dim;
  using L = LayerTensors;
  if (member == &L::attention_norm || member == &L::mlp_norm) return {c.hidden};
  if (member == &L::q) return {q, c.hidden};
  if (member == &L::k || member == &L::v) return {kv, c.hidden};
  if (member == &L::o) return {c.hidden, q};
  if (member == &L::gate || member == &L::up) return {c.intermediate, c.hidden};
  if (member == &L::down) return {c.hidden, c.intermediate};
  if (member == &L::q_bias && c.qkv_bias) return {q};
  if ((member == &L::k_bias || member == &L::v_bias) && c.qkv_bias) return {kv};
  if (member == &L::o_bias && c.output_bias) return {c.hidden};
  if ((member == &L::q_norm || member == &L::k_norm) && c.qk_norm) return {c.head_dim};
  return {};
}

std::string ShowShape(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<const TensorInfo*> Need(const WeightIndex& weights, const std::string& name,
                                       const std::vector<int64_t>& shape) {
  const TensorInfo* tensor = weights.Find(name);
  if (tensor == nullptr) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
                 absl::StrCat("tensor ", name, " is missing, expected with shape ", ShowShape(shape)));
  }
  if (tensor->shape != shape) {
    return Error(absl::StatusCode::kInvalidArgument, Reason::kModelDamaged,
                 absl::StrCat("tensor ", name, " has shape ", ShowShape(tensor->shape), ", expected ",
                              ShowShape(shape), " by the configuration"));
  }
  if (tensor->type == TensorType::kI64 || tensor->type == TensorType::kI32) {
    return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
                 absl::StrCat("tensor ", name, " is stored as ", TensorTypeName(tensor->type),
                              "; weights are expected as floats or GGUF blocks"));
  }
  return tensor;
}

absl::Status FindScoreTensors(const ModelConfig& config, const WeightIndex& weights, ModelTensors& found) {
  if (config.labels == 0) return absl::OkStatus();
  const std::string outer = config.score_two_layers ? "score.2" : "score";
  SPRINT_ASSIGN_OR_RETURN(found.score, Need(weights, outer + ".weight", {config.labels, config.hidden}));
  if (config.score_bias) {
    SPRINT_ASSIGN_OR_RETURN(found.score_bias, Need(weights, outer + ".bias", {config.labels}));
  }
  if (!config.score_two_layers) return absl::OkStatus();
  SPRINT_ASSIGN_OR_RETURN(found.score_inner, Need(weights, "score.0.weight", {config.hidden, config.hidden}));
  SPRINT_ASSIGN_OR_RETURN(found.score_inner_bias, Need(weights, "score.0.bias", {config.hidden}));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelTensors> FindModelTensors(const ModelConfig& config, const WeightIndex& weights,
                                              NamingScheme naming, bool interleaved_qk) {
  const bool gguf = naming == NamingScheme::kGguf;
  ModelTensors found;
  SPRINT_ASSIGN_OR_RETURN(
      found.embedding,
      Need(weights, gguf ? "token_embd.weight" : "model.embed_tokens.weight", {config.vocab, config.hidden}));
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    LayerTensors tensors;
    tensors.interleaved_qk = interleaved_qk;
    for (const LayerName& name : kLayerNames) {
      const std::vector<int64_t> shape = ExpectedShape(config, name.member);
      if (shape.empty()) continue;
      const std::string full = gguf ? absl::StrCat("blk.", layer, ".", name.gguf)
                                    : absl::StrCat("model.layers.", layer, ".", name.hugging_face);
      SPRINT_ASSIGN_OR_RETURN(tensors.*name.member, Need(weights, full, shape));
    }
    found.layers.push_back(tensors);
  }
  SPRINT_ASSIGN_OR_RETURN(found.final_norm,
                          Need(weights, gguf ? "output_norm.weight" : "model.norm.weight", {config.hidden}));
  found.lm_head = found.embedding;
  if (!config.tied_embeddings) {
    SPRINT_ASSIGN_OR_RETURN(found.lm_head, Need(weights, gguf ? "output.weight" : "lm_head.weight",
                                                {config.vocab, config.hidden}));
  }
  SPRINT_RETURN_IF_ERROR(FindScoreTensors(config, weights, found));
  return found;
}

std::vector<std::pair<std::string, const TensorInfo*>> UsedTensors(const ModelTensors& tensors) {
  std::vector<std::pair<std::string, const TensorInfo*>> used;
  used.emplace_back("model.embed_tokens.weight", tensors.embedding);
  for (size_t layer = 0; layer < tensors.layers.size(); ++layer) {
    for (const LayerName& name : kLayerNames) {
      const TensorInfo* tensor = tensors.layers[layer].*name.member;
      if (tensor != nullptr)
        used.emplace_back(absl::StrCat("model.layers.", layer, ".", name.hugging_face), tensor);
    }
  }
  used.emplace_back("model.norm.weight", tensors.final_norm);
  if (tensors.lm_head != tensors.embedding) used.emplace_back("lm_head.weight", tensors.lm_head);
  const bool two_layers = tensors.score_inner != nullptr;
  if (two_layers) used.emplace_back("score.0.weight", tensors.score_inner);
  if (tensors.score_inner_bias != nullptr) used.emplace_back("score.0.bias", tensors.score_inner_bias);
  if (tensors.score != nullptr)
    used.emplace_back(two_layers ? "score.2.weight" : "score.weight", tensors.score);
  if (tensors.score_bias != nullptr)
    used.emplace_back(two_layers ? "score.2.bias" : "score.bias", tensors.score_bias);
  return used;
}

}  // namespace sprint
