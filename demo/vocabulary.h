// The demo model's tokenizer: byte-level BPE with the gpt2 split, in which the words of the problems
// are whole ("Ġdollars"), digits are single ("Ġ1", "2"), and all 256 bytes are there, so that any
// text can be encoded.
#ifndef SPRINT_DEMO_VOCABULARY_H_
#define SPRINT_DEMO_VOCABULARY_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sprint::demo {

// The special token that ends an answer, and its id.
inline constexpr absl::string_view kEndToken = "<|end|>";
inline constexpr int32_t kEndId = 0;

// A tokenizer.json (the format of Hugging Face tokenizers): id 0 the end token, 1-256 the bytes, then
// a space with a digit, then the words. Words are found by `ignore_merges`, as in Llama 3's file;
// the ten merges are those of a space with a digit. Always the same text.
std::string BuildTokenizerJson();

}  // namespace sprint::demo

#endif  // SPRINT_DEMO_VOCABULARY_H_
