// Text to token ids and back, as the model's own tokenizer does it.
//
// First version: byte-level BPE (tokenizer.json and GGUF) with the gpt2, llama3, qwen2 and smollm
// splits. Another kind is refused by name (UNIMPLEMENTED, kTokenizerUnsupported); a new kind is a
// new implementation of Tokenizer behind the two factories.
#ifndef SPRINT_MODEL_TOKENIZER_H_
#define SPRINT_MODEL_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/hash.h"

namespace sprint {

class GgufFile;

struct EncodeOptions {
  bool add_special = true;    // the post-processor's tokens (bos, …), as transformers' add_special_tokens
  bool parse_special = true;  // special tokens written in the text become their ids
};

// Immutable; thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Never fails on any bytes: invalid UTF-8 is taken byte by byte where the vocabulary is
  // byte-level. Linear in the text but for the merges (n log n in a word's length).
  virtual std::vector<int32_t> Encode(absl::string_view text, const EncodeOptions& options = {}) const = 0;
  // Bytes that are not UTF-8 become U+FFFD as transformers does. Ids outside the vocabulary are
  // skipped.
  virtual std::string Decode(absl::Span<const int32_t> ids, bool skip_special) const = 0;
  // Raw bytes of one id, for streaming and stop strings; empty for an unknown id.
  virtual std::string TokenBytes(int32_t id) const = 0;
  virtual std::optional<int32_t> TokenId(absl::string_view token) const = 0;
  virtual bool IsSpecial(int32_t id) const = 0;
  // One more than the largest id.
  virtual int32_t vocab_size() const = 0;
  // Over everything that decides ids and text (vocabulary, merges, split, special tokens), not over
  // the file's bytes: a reformatted tokenizer.json is the same tokenizer.
  virtual Hash256 Fingerprint() const = 0;
  // "byte-level BPE, llama3 split, 128256 tokens".
  virtual std::string Describe() const = 0;
};

// `text` is a tokenizer.json. INVALID_ARGUMENT (kTokenizerDamaged) when it is not one.
absl::StatusOr<std::unique_ptr<Tokenizer>> ParseTokenizerJson(absl::string_view text);
absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromGguf(const GgufFile& file);

}  // namespace sprint

#endif  // SPRINT_MODEL_TOKENIZER_H_
