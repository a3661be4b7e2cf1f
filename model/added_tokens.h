// Tokens that are found in the text before anything else: <|im_end|> and its like. Internal to this
// room.
#ifndef SPRINT_MODEL_ADDED_TOKENS_H_
#define SPRINT_MODEL_ADDED_TOKENS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sprint {

// With the flags of tokenizer.json's added_tokens.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;      // dropped by skip_special; found only when special tokens are parsed
  bool single_word = false;  // only where no letter or digit touches it
  bool lstrip = false;       // takes white space before it
  bool rstrip = false;       // takes white space behind it
  bool normalized = false;   // looked for in the normalised text
};

// Finds a set of added tokens: the leftmost first, the longest of those that begin together.
// Immutable once built; thread-safe.
class AddedTokenMatcher {
 public:
  struct Part {
    absl::string_view text;
    int32_t id = -1;  // -1: ordinary text
  };
  void Add(const AddedToken& token);
  bool empty() const { return tokens_.empty(); }
  // `text` in parts, none of them empty.
  std::vector<Part> Split(absl::string_view text, bool parse_special) const;

 private:
  const AddedToken* MatchAt(absl::string_view text, size_t at) const;
  std::vector<AddedToken> tokens_;
  std::array<std::vector<size_t>, 256> by_first_byte_;  // indices into tokens_, the longest first
};

}  // namespace sprint

#endif  // SPRINT_MODEL_ADDED_TOKENS_H_
