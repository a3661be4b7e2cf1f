#include "demo/net.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "demo/vocabulary.h"
#include "model/weights.h"
#include "nlohmann/json.hpp"

namespace sprint::demo {
namespace {

constexpr double kInitDeviation = 0.02;
constexpr uint64_t kInitStream = 0x64656d6f'0003;

at::Tensor Normal(CounterRng& rng, int64_t rows, int64_t columns, double deviation) {
  at::Tensor matrix = at::empty({rows, columns}, at::kFloat);
  float* data = matrix.data_ptr<float>();
  for (int64_t i = 0; i < matrix.numel(); ++i) data[i] = static_cast<float>(deviation * rng.NextNormal());
  return matrix;
}

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + eps) * weight;
}

// A tensor under its Hugging Face name, as bf16.
TensorToWrite ToWrite(std::string name, const at::Tensor& tensor) {
  const at::Tensor stored = tensor.detach().to(at::kBFloat16).contiguous();
  TensorToWrite out{std::move(name), TensorType::kBF16, stored.sizes().vec(), {}};
  out.data.assign(static_cast<const char*>(stored.data_ptr()), stored.nbytes());
  return out;
}

std::string LayerName(size_t layer, const char* part) {
  return absl::StrCat("model.layers.", layer, ".", part, ".weight");
}

}  // namespace

void UseThreads(int threads) { at::set_num_threads(threads); }

Net::Net(const NetShape& shape, uint64_t seed) : shape_(shape), layers_(shape.layers) {
  CounterRng rng(seed, kInitStream);
  const double output_deviation = kInitDeviation / std::sqrt(2.0 * static_cast<double>(shape.layers));
  const int64_t width = shape.heads * shape.head_dim;
  embedding_ = Normal(rng, shape.vocab, shape.hidden, kInitDeviation);
  for (Layer& layer : layers_) {
    layer.attention_norm = at::ones({shape.hidden});
    layer.qkv = Normal(rng, width + 2 * shape.kv_heads * shape.head_dim, shape.hidden, kInitDeviation);
    layer.o = Normal(rng, shape.hidden, width, output_deviation);
    layer.mlp_norm = at::ones({shape.hidden});
    layer.gate_up = Normal(rng, 2 * shape.ffn, shape.hidden, kInitDeviation);
    layer.down = Normal(rng, shape.hidden, shape.ffn, output_deviation);
  }
  final_norm_ = at::ones({shape.hidden});

  const at::Tensor frequencies = at::pow(
      shape.rope_theta, at::arange(0, shape.head_dim, 2, at::kFloat) / -static_cast<double>(shape.head_dim));
  const at::Tensor half = at::outer(at::arange(shape.context, at::kFloat), frequencies);
  const at::Tensor angles = at::cat({half, half}, -1);
  cos_ = angles.cos();
  sin_ = angles.sin();
}

at::Tensor Net::Rotate(const at::Tensor& x, int64_t past) const {  // [batch, heads, tokens, head_dim]
  const std::vector<at::Tensor> halves = x.chunk(2, -1);
  const int64_t tokens = x.size(2);
  return x * cos_.narrow(0, past, tokens) +
         at::cat({-halves[1], halves[0]}, -1) * sin_.narrow(0, past, tokens);
}

at::Tensor Net::Attention(const Layer& layer, size_t index, const at::Tensor& x, const at::Tensor& gates,
                          int64_t past, KvCache* cache) const {
  const int64_t batch = x.size(0), tokens = x.size(1), group = shape_.heads / shape_.kv_heads;
  const std::vector<at::Tensor> parts =
      at::matmul(x, layer.qkv.t())
          .view({batch, tokens, -1, shape_.head_dim})
          .transpose(1, 2)
          .split_with_sizes({shape_.heads, shape_.kv_heads, shape_.kv_heads}, 1);
  at::Tensor k = Rotate(parts[1], past), v = parts[2];
  if (cache != nullptr) {
    if (past > 0) {
      k = at::cat({cache->keys[index], k}, 2);
      v = at::cat({cache->values[index], v}, 2);
    }
    cache->keys[index] = k;
    cache->values[index] = v;
  }
  // The query heads of one K/V head stand one below the other, so one product serves the group.
  const at::Tensor q =
      Rotate(parts[0], past).reshape({batch, shape_.kv_heads, group * tokens, shape_.head_dim});
  at::Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(shape_.head_dim));
  if (tokens > 1) {
    const at::Tensor unseen = at::ones({tokens, past + tokens}, at::kBool)
                                  .triu(past + 1)
                                  .repeat({group, 1});  // [group * tokens, all]
    scores = scores.masked_fill(unseen, -INFINITY);
  }
  const at::Tensor heads = at::matmul(at::softmax(scores, -1), v)
                               .view({batch, shape_.heads, tokens, shape_.head_dim})
                               .transpose(1, 2);
  const at::Tensor gate = gates.select(1, static_cast<int64_t>(index)).view({batch, 1, shape_.heads, 1});
  return at::matmul((heads * gate).reshape({batch, tokens, -1}), layer.o.t());
}

at::Tensor Net::Forward(const at::Tensor& ids, const at::Tensor& gates, KvCache* cache) const {
  const int64_t past = cache == nullptr ? 0 : cache->length;
  if (cache != nullptr && past == 0) {
    cache->keys.resize(layers_.size());
    cache->values.resize(layers_.size());
  }
  at::Tensor x = at::embedding(embedding_, ids);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    x = x + Attention(layer, i, RmsNorm(x, layer.attention_norm, shape_.norm_eps), gates, past, cache);
    const std::vector<at::Tensor> gate_up =
        at::matmul(RmsNorm(x, layer.mlp_norm, shape_.norm_eps), layer.gate_up.t()).chunk(2, -1);
    x = x + at::matmul(at::silu(gate_up[0]) * gate_up[1], layer.down.t());
  }
  if (cache != nullptr) cache->length += ids.size(1);
  return RmsNorm(x, final_norm_, shape_.norm_eps);
}

at::Tensor Net::Logits(const at::Tensor& hidden) const { return at::matmul(hidden, embedding_.t()); }

std::vector<at::Tensor> Net::Matrices() const {
  std::vector<at::Tensor> all = {embedding_};
  for (const Layer& layer : layers_) all.insert(all.end(), {layer.qkv, layer.o, layer.gate_up, layer.down});
  return all;
}

std::vector<at::Tensor> Net::Norms() const {
  std::vector<at::Tensor> all = {final_norm_};
  for (const Layer& layer : layers_) all.insert(all.end(), {layer.attention_norm, layer.mlp_norm});
  return all;
}

int64_t Net::ParameterCount() const {
  int64_t count = 0;
  for (const at::Tensor& tensor : Matrices()) count += tensor.numel();
  for (const at::Tensor& tensor : Norms()) count += tensor.numel();
  return count;
}

void Net::RoundToBf16() {
  c10::NoGradGuard no_grad;
  for (const at::Tensor& tensor : Matrices()) tensor.copy_(tensor.to(at::kBFloat16).to(at::kFloat));
  for (const at::Tensor& tensor : Norms()) tensor.copy_(tensor.to(at::kBFloat16).to(at::kFloat));
}

std::string Net::ConfigJson() const {
  nlohmann::ordered_json config;
  config["architectures"] = {"LlamaForCausalLM"};
  config["model_type"] = "llama";
  config["vocab_size"] = shape_.vocab;
  config["hidden_size"] = shape_.hidden;
  config["intermediate_size"] = shape_.ffn;
  config["num_hidden_layers"] = shape_.layers;
  config["num_attention_heads"] = shape_.heads;
  config["num_key_value_heads"] = shape_.kv_heads;
  config["head_dim"] = shape_.head_dim;
  config["hidden_act"] = "silu";
  config["max_position_embeddings"] = shape_.context;
  config["rms_norm_eps"] = shape_.norm_eps;
  config["rope_theta"] = shape_.rope_theta;
  config["rope_scaling"] = nullptr;
  config["attention_bias"] = false;
  config["mlp_bias"] = false;
  config["tie_word_embeddings"] = true;
  config["bos_token_id"] = nullptr;
  config["eos_token_id"] = kEndId;
  config["torch_dtype"] = "bfloat16";
  return config.dump(2) + "\n";
}

std::string Net::Safetensors() const {
  const int64_t q = shape_.heads * shape_.head_dim, kv = shape_.kv_heads * shape_.head_dim;
  std::vector<TensorToWrite> tensors = {ToWrite("model.embed_tokens.weight", embedding_),
                                        ToWrite("model.norm.weight", final_norm_)};
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const auto add = [&](const char* part, const at::Tensor& t) {
      tensors.push_back(ToWrite(LayerName(i, part), t));
    };
    add("input_layernorm", layer.attention_norm);
    add("self_attn.q_proj", layer.qkv.narrow(0, 0, q));
    add("self_attn.k_proj", layer.qkv.narrow(0, q, kv));
    add("self_attn.v_proj", layer.qkv.narrow(0, q + kv, kv));
    add("self_attn.o_proj", layer.o);
    add("post_attention_layernorm", layer.mlp_norm);
    add("mlp.gate_proj", layer.gate_up.narrow(0, 0, shape_.ffn));
    add("mlp.up_proj", layer.gate_up.narrow(0, shape_.ffn, shape_.ffn));
    add("mlp.down_proj", layer.down);
  }
  return SerializeSafetensors(tensors);
}

}  // namespace sprint::demo
