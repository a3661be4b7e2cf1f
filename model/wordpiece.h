// BERT's tokenizer, for sentence encoders: a basic split, then the longest pieces of each word (Devlin et
// al., 2019; WordPiece: Wu et al., 2016), as Hugging Face's tokenizers compute it. No decoder-only model here
// has it, so it is no Tokenizer: it encodes and nothing else.
#ifndef SPRINT_MODEL_WORDPIECE_H_
#define SPRINT_MODEL_WORDPIECE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"
#include "model/added_tokens.h"

namespace sprint {

// Immutable; thread-safe.
class WordPiece {
 public:
  // `tokenizer_json`: a tokenizer.json with model WordPiece, BertNormalizer and BertPreTokenizer.
  // INVALID_ARGUMENT (kTokenizerDamaged); UNIMPLEMENTED (kTokenizerUnsupported) naming another part.
  static absl::StatusOr<std::unique_ptr<WordPiece>> Parse(absl::string_view tokenizer_json);

  // [CLS], the text's pieces, [SEP]; at most `most` ids, cut before [SEP]. Any bytes; what is not UTF-8 is
  // left out. A word of more than 100 characters, or one without pieces, is [UNK]. REQUIRES: most >= 2.
  std::vector<int32_t> Encode(absl::string_view text, size_t most) const;
  int32_t vocab_size() const { return static_cast<int32_t>(ids_.size()); }
  // Over the vocabulary and the settings.
  Hash256 Fingerprint() const { return fingerprint_; }

 private:
  WordPiece() = default;
  std::string Normalise(absl::string_view text) const;
  void AppendWord(absl::string_view word, std::vector<int32_t>& ids) const;

  absl::flat_hash_map<std::string, int32_t> ids_;
  AddedTokenMatcher special_;
  int32_t unknown_ = 0, first_ = 0, last_ = 0;  // [UNK], [CLS], [SEP]
  size_t longest_word_ = 100;                   // characters
  bool lower_ = true, strip_accents_ = true, chinese_ = true, clean_ = true;
  Hash256 fingerprint_;
};

}  // namespace sprint

#endif  // SPRINT_MODEL_WORDPIECE_H_
