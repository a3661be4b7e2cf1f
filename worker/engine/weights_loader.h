// The weights in the form the engine computes with: decoded to the engine's dtype, rows of q, k
// and v (and of gate and up) end to end in one matrix each, vectors in f32. No torch here.
#ifndef SPRINT_WORKER_ENGINE_WEIGHTS_LOADER_H_
#define SPRINT_WORKER_ENGINE_WEIGHTS_LOADER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "model/memory.h"
#include "model/model_files.h"
#include "worker/engine/head_screen.h"
#include "worker/engine/matrix.h"
#include "worker/engine/shared_weights.h"

namespace sprint {

struct LayerWeights {
  std::vector<float> attention_norm;  // [hidden]
  std::vector<float> mlp_norm;        // [hidden]
  Matrix qkv;                         // [(heads + 2 kv_heads) * head_dim, hidden]
  std::vector<float> qkv_bias;        // empty, or as qkv's rows (0 where a part has none)
  std::vector<float> q_norm;          // empty, or [head_dim]
  std::vector<float> k_norm;
  Matrix o;                   // [hidden, heads * head_dim]
  std::vector<float> o_bias;  // empty, or [hidden]
  Matrix gate_up;             // [2 * intermediate, hidden]
  Matrix down;                // [hidden, intermediate]
};

// Immutable once the engine is loaded, but for the self-test's copies.
struct LoadedWeights {
  // Where the matrices lie: shared, or null and in this process's own memory.
  std::shared_ptr<SharedWeights> shared;
  BufferArena memory;
  Matrix embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;
  std::optional<Matrix> lm_head;  // absent when tied
  const Matrix& head() const { return lm_head ? *lm_head : embedding; }
  std::optional<HeadScreen> screen;  // of head(), when asked for
  int64_t bytes() const;             // of the matrices and the screen
};

struct WeightsOptions {
  Dtype dtype = Dtype::kF32;
  int threads = 1;
  bool screen = false;  // with a HeadScreen. REQUIRES: bf16
};

// Decodes `model`'s tensors. Quantised blocks are dequantised in f32; bf16 is
// rounded to nearest even; GGUF's interleaved q and k are put into the half-split order.
// FAILED_PRECONDITION (kModelDamaged) naming a tensor that holds a NaN or infinity.
// RESOURCE_EXHAUSTED (kOutOfMemory). With `shared` the matrices lie there: decoded into it when it is new, as
// they are when it is filled. Its errors are SharedWeights'.
absl::StatusOr<LoadedWeights> LoadWeights(const ModelFiles& model, const WeightsOptions& options,
                                          std::shared_ptr<SharedWeights> shared = nullptr);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_WEIGHTS_LOADER_H_
