// Sentence embeddings: BERT's encoder (Devlin et al., 2019), the mean of its last states over the tokens,
// scaled to length 1, as sentence-transformers computes all-MiniLM-L6-v2 (384 numbers, 6 layers).
#ifndef SPRINT_SELECTOR_SENTENCE_ENCODER_H_
#define SPRINT_SELECTOR_SENTENCE_ENCODER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "selector/features.h"

namespace sprint {

// Not thread-safe; uses threads of its own. The number of threads changes no bit.
class SentenceEncoder {
 public:
  // A Hugging Face folder: config.json (BertModel, gelu, absolute positions), model.safetensors and
  // tokenizer.json; sentence_bert_config.json's max_seq_length where it is there, else the positions there
  // are. `threads` 0: all the process may use. Errors name the file (kModelDamaged, kModelUnsupported,
  // kTokenizerUnsupported, …).
  static absl::StatusOr<std::unique_ptr<SentenceEncoder>> Load(const std::string& folder, int threads);
  virtual ~SentenceEncoder() = default;

  virtual int64_t dim() const = 0;
  // Over configuration, weights and vocabulary.
  virtual Hash256 identity() const = 0;
  // The ids that a text is cut into, special tokens included.
  virtual std::vector<int32_t> Tokens(absl::string_view text) const = 0;
  // Of length 1, [dim].
  virtual std::vector<float> Encode(absl::string_view text) = 0;
};

// Features "minilm": the embedding of the question's text.
absl::StatusOr<std::unique_ptr<FeatureExtractor>> MakeSentenceFeatures(const std::string& folder,
                                                                       int threads);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SENTENCE_ENCODER_H_
