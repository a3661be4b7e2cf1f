// What a decoder-only transformer is, as far as it can be known without torch.
#ifndef SPRINT_MODEL_CONFIG_H_
#define SPRINT_MODEL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

enum class Architecture { kLlama, kMistral, kQwen2, kQwen3 };
absl::string_view ArchitectureName(Architecture architecture);

// Rotary embedding (Su et al., RoFormer). kLlama3 is the frequency-dependent scaling of Llama 3.1.
struct RopeConfig {
  enum class Scaling { kNone, kLinear, kLlama3 };
  double theta = 10000.0;
  Scaling scaling = Scaling::kNone;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int64_t original_context = 0;
  // Explicit per-frequency divisors, [head_dim / 2], as GGUF's rope_freqs.weight; empty: computed.
  std::vector<float> frequency_factors;
};

struct ModelConfig {
  Architecture architecture = Architecture::kLlama;
  std::string name;  // for people: a folder's or file's name, or GGUF's general.name
  int32_t layers = 0;
  int32_t hidden = 0;
  int32_t heads = 0;     // query heads
  int32_t kv_heads = 0;  // divides heads
  int32_t head_dim = 0;
  int32_t intermediate = 0;
  int32_t vocab = 0;    // rows of the embedding
  int64_t context = 0;  // positions the model was made for
  double rms_norm_eps = 1e-6;
  bool tied_embeddings = false;
  bool qkv_bias = false;       // Qwen2
  bool output_bias = false;    // o_proj bias (attention_bias of Llama configs)
  bool qk_norm = false;        // Qwen3
  int64_t sliding_window = 0;  // Mistral; 0: none. Position i sees (i - window, i].
  RopeConfig rope;
  std::vector<int32_t> eos_tokens;  // generation stops at any of them
  int32_t bos_token = -1;           // -1: none
  // Of a reward model's head (*ForSequenceClassification, *ForTokenClassification, *ForRewardModel,
  // *ForProcessRewardModel), which scores texts and generates none; 0: a language model.
  int32_t labels = 0;
  bool score_bias = false;        // the head's layers have biases
  bool score_two_layers = false;  // Linear(hidden, hidden), ReLU, Linear(hidden, labels)

  int64_t ParameterCount() const;
};

// Reads a Hugging Face config.json (`text`), and generation_config.json when given (its
// eos_token_id list wins). UNIMPLEMENTED (kModelUnsupported) naming an architecture, activation or
// RoPE type that is not known; INVALID_ARGUMENT (kModelDamaged) for missing or impossible values.
absl::StatusOr<ModelConfig> ParseHfConfig(absl::string_view text, absl::string_view generation_config = "");

}  // namespace sprint

#endif  // SPRINT_MODEL_CONFIG_H_
