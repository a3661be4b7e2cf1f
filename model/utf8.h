// UTF-8: what is valid, what is not, and the properties of characters that tokenizers ask for.
// Internal to this room.
#ifndef SPRINT_MODEL_UTF8_H_
#define SPRINT_MODEL_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// The first character of `text` and its bytes. size 0: `text` is empty. valid false: the next `size`
// bytes (1 to 3) are the longest beginning of a character that does not continue as one (Unicode's
// "maximal subpart", which decoders replace by one U+FFFD).
struct Utf8Char {
  uint32_t code = 0;
  size_t size = 0;
  bool valid = false;
};
Utf8Char FirstChar(absl::string_view text);

void AppendUtf8(uint32_t code, std::string& out);

// Bytes at the beginning of `text` that are valid UTF-8, up to the first that is not.
size_t ValidPrefix(absl::string_view text);

// `bytes` with each maximal invalid part replaced by U+FFFD.
std::string ToValidUtf8(absl::string_view bytes);

bool IsSpace(uint32_t code);        // Unicode White_Space
bool IsWord(uint32_t code);         // letters, marks, decimal and letter numbers, connectors, joiners
bool IsNumeric(uint32_t code);      // general category N
bool IsPunctuation(uint32_t code);  // general category P, and every ASCII character of that look ($, +, …)
bool IsNonspacingMark(uint32_t code);  // general category Mn
bool IsOther(uint32_t code);           // control, format, surrogate or private use
uint32_t ToLower(uint32_t code);       // the simple mapping

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// REQUIRES: `text` is valid UTF-8.
std::string Normalize(absl::string_view text, NormalForm form);

}  // namespace sprint

#endif  // SPRINT_MODEL_UTF8_H_
