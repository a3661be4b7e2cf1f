// A model on disk, opened: what it is, where its tensors are, its tokenizer, its fingerprints.
#ifndef SPRINT_MODEL_MODEL_FILES_H_
#define SPRINT_MODEL_MODEL_FILES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/hash.h"
#include "model/config.h"
#include "model/tokenizer.h"
#include "model/weights.h"

namespace sprint {

// The tensors of a layer under one set of names, whatever the file calls them. Shapes, row-major:
// [out, in] for matrices, [n] for vectors. Null where the architecture has none.
struct LayerTensors {
  const TensorInfo* attention_norm = nullptr;  // [hidden]
  const TensorInfo* q = nullptr;               // [heads * head_dim, hidden]
  const TensorInfo* k = nullptr;               // [kv_heads * head_dim, hidden]
  const TensorInfo* v = nullptr;               // [kv_heads * head_dim, hidden]
  const TensorInfo* o = nullptr;               // [hidden, heads * head_dim]
  const TensorInfo* q_bias = nullptr;
  const TensorInfo* k_bias = nullptr;
  const TensorInfo* v_bias = nullptr;
  const TensorInfo* o_bias = nullptr;
  const TensorInfo* q_norm = nullptr;  // [head_dim]
  const TensorInfo* k_norm = nullptr;  // [head_dim]
  const TensorInfo* mlp_norm = nullptr;
  const TensorInfo* gate = nullptr;  // [intermediate, hidden]
  const TensorInfo* up = nullptr;    // [intermediate, hidden]
  const TensorInfo* down = nullptr;  // [hidden, intermediate]
  // GGUF's Llama files keep rows of q and k in interleaved (GPT-J) order: the engine un-permutes
  // them at loading, so that one RoPE serves all.
  bool interleaved_qk = false;
};

struct ModelTensors {
  const TensorInfo* embedding = nullptr;  // [vocab, hidden]
  std::vector<LayerTensors> layers;
  const TensorInfo* final_norm = nullptr;
  const TensorInfo* lm_head = nullptr;  // [vocab, hidden]; the embedding's when tied
  // Of a reward model, else null; biases and the inner layer where the configuration says.
  const TensorInfo* score = nullptr;             // [labels, hidden]
  const TensorInfo* score_bias = nullptr;        // [labels]
  const TensorInfo* score_inner = nullptr;       // [hidden, hidden]
  const TensorInfo* score_inner_bias = nullptr;  // [hidden]
};

// Immutable; thread-safe.
struct ModelFiles {
  std::string path;
  std::string format;  // "safetensors" or "GGUF", for people
  ModelConfig config;
  std::shared_ptr<const WeightIndex> weights;
  ModelTensors tensors;                        // points into *weights
  std::shared_ptr<const Tokenizer> tokenizer;  // null when opened without one
  std::string chat_template;                   // the model's own, unparsed; may be empty
  std::string storage;                         // "bf16", "Q4_1 + Q6_K", …, for people
};

struct OpenModelOptions {
  bool need_tokenizer = true;
};

// Opens a Hugging Face folder (config.json + safetensors) or a .gguf file, and checks that every
// tensor the architecture needs is there in its shape. Reads headers, not weights.
//   NOT_FOUND: no such path. UNIMPLEMENTED (kModelUnsupported): an architecture, tensor type or file
//   that is not known, named with what was found. INVALID_ARGUMENT (kModelDamaged,
//   kTokenizerDamaged): a missing shard, cut-off file, wrong shape, a tokenizer with more ids than
//   the embedding has rows; the message names file and tensor, what was found and expected.
absl::StatusOr<std::shared_ptr<const ModelFiles>> OpenModel(const std::string& path,
                                                            const OpenModelOptions& options = {});

// The weights' identity: a hash over the configuration that computing depends on and every used
// tensor's (canonical name, stored type, shape, bytes). Paths, sharding and file order do not
// enter; one changed byte of a weight does. Reads all weights once, on `threads` threads;
// `progress` (may be null) is called with the share done, in [0, 1].
// FAILED_PRECONDITION (kModelDamaged) naming the first tensor that holds a NaN or infinity.
absl::StatusOr<Hash256> FingerprintWeights(const ModelFiles& model, int threads,
                                           const std::function<void(double)>& progress = nullptr);

}  // namespace sprint

#endif  // SPRINT_MODEL_MODEL_FILES_H_
