// The demo model while it is trained: a small Llama with grouped-query attention, in f32, whose
// query heads can be switched off one by one in every sequence.
//
// This is the trainer's own, plain implementation (padded batches, autograd); sweeps run in
// worker/engine. Both read the same files.
#ifndef SPRINT_DEMO_NET_H_
#define SPRINT_DEMO_NET_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sprint::demo {

struct NetShape {
  int64_t layers = 4;
  int64_t hidden = 96;
  int64_t heads = 6;
  int64_t kv_heads = 3;
  int64_t head_dim = 16;
  int64_t ffn = 256;
  int64_t vocab = 0;
  int64_t context = 256;
  double rope_theta = 10000.0;
  double norm_eps = 1e-5;
};

// The number of threads that Net's operations take, in the whole process.
void UseThreads(int threads);

// Cached keys and values of one batch, one entry a layer: [batch, kv_heads, positions, head_dim].
struct KvCache {
  std::vector<at::Tensor> keys, values;
  int64_t length = 0;
};

// Not thread-safe.
class Net {
 public:
  // Weights N(0, 0.02), o_proj and down_proj N(0, 0.02 / sqrt(2 * layers)), norms 1; a function of
  // (shape, seed), drawn from base/rng.h.
  Net(const NetShape& shape, uint64_t seed);
  // The folder's config.json and model.safetensors, as Save wrote them. Errors as OpenModel's.
  static absl::StatusOr<Net> Load(const std::string& folder);

  // `ids`: [batch, tokens] int64. `gates`: [batch, layers, heads] f32 factors of the heads' outputs.
  // Returns the normalised hidden states, [batch, tokens, hidden]. With a cache the tokens stand
  // behind the cached ones, and are added to it.
  at::Tensor Forward(const at::Tensor& ids, const at::Tensor& gates, KvCache* cache = nullptr) const;
  // [n, hidden] -> [n, vocab].
  at::Tensor Logits(const at::Tensor& hidden) const;

  std::vector<at::Tensor> Matrices() const;  // weight decay applies to these
  std::vector<at::Tensor> Norms() const;
  const NetShape& shape() const { return shape_; }
  int64_t ParameterCount() const;

  // Rounds every weight to bf16, as Save stores it.
  void RoundToBf16();
  // The texts of a Hugging Face folder's config.json and model.safetensors (bf16).
  std::string ConfigJson() const;
  std::string Safetensors() const;

 private:
  struct Layer {
    at::Tensor attention_norm;  // [hidden]
    at::Tensor qkv;             // [(heads + 2 kv_heads) * head_dim, hidden]
    at::Tensor o;               // [hidden, heads * head_dim]
    at::Tensor mlp_norm;        // [hidden]
    at::Tensor gate_up;         // [2 ffn, hidden]
    at::Tensor down;            // [hidden, ffn]
  };
  at::Tensor Attention(const Layer& layer, size_t index, const at::Tensor& x, const at::Tensor& gates,
                       int64_t past, KvCache* cache) const;
  at::Tensor Rotate(const at::Tensor& x, int64_t past) const;

  NetShape shape_;
  at::Tensor embedding_;  // [vocab, hidden], also the output matrix
  at::Tensor final_norm_;
  std::vector<Layer> layers_;
  at::Tensor cos_, sin_;  // [context, head_dim]
};

}  // namespace sprint::demo

#endif  // SPRINT_DEMO_NET_H_
