// The tokenizer in a GGUF's metadata (gguf.md, "Tokenizer"). The splits behind tokenizer.ggml.pre are
// llama.cpp's (src/llama-vocab.cpp).
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/byte_level_tokenizer.h"
#include "model/gguf.h"
#include "model/tokenizer.h"

namespace sprint {
namespace {

// tokenizer.ggml.token_type
enum TokenType : int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

absl::Status Damaged(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kTokenizerDamaged, message);
}

absl::Status Unsupported(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, Reason::kTokenizerUnsupported, message);
}

template <typename T>
const std::vector<T>* FindList(const GgufFile& file, absl::string_view key) {
  const GgufFile::Value* value = file.Find(key);
  return value == nullptr ? nullptr : std::get_if<std::vector<T>>(value);
}

struct PreSplit {
  absl::string_view pre;
  absl::string_view split;
};
// The names that llama.cpp's converter gives to the splits supported here.
constexpr PreSplit kPreSplits[] = {
    {"gpt-2", "gpt2"},      {"phi-2", "gpt2"},       {"olmo", "gpt2"},
    {"mpt", "gpt2"},        {"llama-bpe", "llama3"}, {"llama3", "llama3"},
    {"llama-v3", "llama3"}, {"qwen2", "qwen2"},      {"deepseek-r1-qwen", "qwen2"},
    {"stablelm2", "qwen2"}, {"smollm", "smollm"},    {"starcoder", "smollm"},
    {"refact", "smollm"},   {"command-r", "smollm"}, {"codeshell", "smollm"},
    {"default", "default"}, {"", "default"},
};

absl::Status BuildSplit(absl::string_view pre, ByteLevelParts& parts, ByteBpe::Options& options) {
  using Keep = PreTokenizer::Keep;
  absl::string_view split;
  for (const PreSplit& known : kPreSplits) {
    if (known.pre == pre) split = known.split;
  }
  if (split == "gpt2") return parts.split.AddRegex(kGpt2Pattern, Keep::kBoth);
  if (split == "llama3") {
    options.ignore_merges = true;
    return parts.split.AddRegex(kLlama3Pattern, Keep::kBoth);
  }
  if (split == "qwen2") {
    if (pre != "stablelm2") parts.normal_form = NormalForm::kNfc;  // as the models' own tokenizers
    return parts.split.AddRegex(kQwen2Pattern, Keep::kBoth);
  }
  if (split == "smollm") {
    parts.split.AddDigits(true);
    return parts.split.AddRegex(kGpt2Pattern, Keep::kBoth);
  }
  if (split == "default") {
    parts.split_name = "default";
    for (const absl::string_view pattern :
         {absl::string_view(R"([\p{P}\$\+<=>\^~\|]+)"), absl::string_view(kGpt2Pattern),
          absl::string_view(R"(\p{N}+)"), absl::string_view(R"([0-9][0-9][0-9])")}) {
      SPRINT_RETURN_IF_ERROR(parts.split.AddRegex(pattern, Keep::kBoth));
    }
    return absl::OkStatus();
  }
  return Unsupported(
      absl::StrCat("the split tokenizer.ggml.pre = ", pre,
                   " is not supported; supported are gpt-2, llama-bpe, qwen2, smollm and default"));
}

absl::Status ReadVocabulary(const GgufFile& file, ByteLevelParts& parts) {
  const auto* tokens = FindList<absl::string_view>(file, "tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->empty())
    return Damaged("the metadata value tokenizer.ggml.tokens is missing");
  const auto* types = FindList<int64_t>(file, "tokenizer.ggml.token_type");
  if (types != nullptr && types->size() != tokens->size()) {
    return Damaged(absl::StrCat("tokenizer.ggml.token_type has ", types->size(), " entries for ",
                                tokens->size(), " tokens"));
  }
  parts.tokens.reserve(tokens->size());
  for (size_t i = 0; i < tokens->size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    const absl::string_view token = (*tokens)[i];
    const int64_t type = types == nullptr ? static_cast<int64_t>(kNormal) : (*types)[i];
    parts.tokens.emplace_back(token);
    parts.bpe.AddToken(token, id);
    if (type != kControl && type != kUnknown && type != kUserDefined) continue;
    AddedToken added;
    added.id = id;
    added.content = std::string(token);
    added.special = type != kUserDefined;
    parts.added.push_back(std::move(added));
  }
  return absl::OkStatus();
}

absl::Status ReadMerges(const GgufFile& file, ByteBpe& bpe) {
  const auto* merges = FindList<absl::string_view>(file, "tokenizer.ggml.merges");
  if (merges == nullptr) return Damaged("the metadata value tokenizer.ggml.merges is missing");
  for (const absl::string_view merge : *merges) {
    // A token may begin with a space of its own in no byte spelling, so the first one parts them.
    const size_t cut = merge.find(' ', 1);
    if (cut == absl::string_view::npos)
      return Damaged(absl::StrCat("the merge \"", merge, "\" is not a pair of tokens"));
    SPRINT_RETURN_IF_ERROR(bpe.AddMerge(merge.substr(0, cut), merge.substr(cut + 1)));
  }
  return absl::OkStatus();
}

// Adds the id behind `id_key` to `out` when the file (or, where it is silent, `fallback`) says so.
absl::Status AddAround(const GgufFile& file, absl::string_view add_key, absl::string_view id_key,
                       bool fallback, size_t tokens, std::vector<int32_t>& out) {
  if (file.Int(add_key).value_or(fallback ? 1 : 0) == 0) return absl::OkStatus();
  const std::optional<int64_t> id = file.Int(id_key);
  if (!id) return absl::OkStatus();
  if (*id < 0 || *id >= static_cast<int64_t>(tokens)) {
    return Damaged(absl::StrCat(id_key, " is ", *id, ", but there are ", tokens, " tokens"));
  }
  out.push_back(static_cast<int32_t>(*id));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> TokenizerFromGguf(const GgufFile& file) {
  const std::optional<absl::string_view> kind = file.String("tokenizer.ggml.model");
  if (!kind) return Damaged("the metadata value tokenizer.ggml.model is missing");
  if (*kind != "gpt2") {
    absl::string_view known_as = "";
    if (*kind == "llama") known_as = " (SentencePiece)";
    if (*kind == "bert") known_as = " (WordPiece)";
    if (*kind == "t5") known_as = " (Unigram)";
    return Unsupported(absl::StrCat("a tokenizer of the kind ", *kind, known_as,
                                    " is not supported; supported is gpt2 (byte-level BPE)"));
  }
  ByteLevelParts parts;
  parts.added_text_is_literal = true;
  ByteBpe::Options options;
  const absl::string_view pre = file.String("tokenizer.ggml.pre").value_or("");
  SPRINT_RETURN_IF_ERROR(BuildSplit(pre, parts, options));
  SPRINT_RETURN_IF_ERROR(ReadVocabulary(file, parts));
  SPRINT_RETURN_IF_ERROR(ReadMerges(file, parts.bpe));
  parts.bpe.set_options(options);
  const bool adds_bos = options.ignore_merges;  // llama.cpp's default for Llama 3's split, and no other here
  SPRINT_RETURN_IF_ERROR(AddAround(file, "tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id",
                                   adds_bos, parts.tokens.size(), parts.before));
  SPRINT_RETURN_IF_ERROR(AddAround(file, "tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id", false,
                                   parts.tokens.size(), parts.after));
  return MakeByteLevelTokenizer(std::move(parts));
}

}  // namespace sprint
