// The byte-level BPE tokenizer: added tokens, normal form, split, merges, and the tokens put around a
// text. The readers of tokenizer.json and GGUF fill its parts. Internal to this room.
#ifndef SPRINT_MODEL_BYTE_LEVEL_TOKENIZER_H_
#define SPRINT_MODEL_BYTE_LEVEL_TOKENIZER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/added_tokens.h"
#include "model/bpe.h"
#include "model/pretokenizer.h"
#include "model/tokenizer.h"
#include "model/utf8.h"

namespace sprint {

struct ByteLevelParts {
  std::vector<std::string> tokens;  // by id, as the file spells them; empty where an id has none
  ByteBpe bpe;
  PreTokenizer split;
  std::string split_name;  // for people, when it has a better name than the split itself
  std::optional<NormalForm> normal_form;
  std::vector<AddedToken> added;
  std::vector<int32_t> before, after;  // put around a text by add_special
  // Whether an added token's text is its own (GGUF), or read as a byte spelling where it can be
  // (tokenizer.json's ByteLevel decoder).
  bool added_text_is_literal = false;
};

std::unique_ptr<Tokenizer> MakeByteLevelTokenizer(ByteLevelParts parts);

}  // namespace sprint

#endif  // SPRINT_MODEL_BYTE_LEVEL_TOKENIZER_H_
