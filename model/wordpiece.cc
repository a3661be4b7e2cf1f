#include "model/wordpiece.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/json.h"
#include "model/utf8.h"

namespace sprint {
namespace {

constexpr absl::string_view kContinues = "##";

absl::Status Damaged(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kTokenizerDamaged,
               absl::StrCat("tokenizer.json: ", message));
}

absl::Status Unsupported(absl::string_view message) {
  return Error(absl::StatusCode::kUnimplemented, Reason::kTokenizerUnsupported,
               absl::StrCat("tokenizer.json: ", message, "; a sentence encoder needs BERT's WordPiece"));
}

// The part `key` of `json`, when its type is `type`.
absl::StatusOr<const Json*> PartOfType(const Json& json, const char* key, absl::string_view type) {
  const Json* part = FindMember(json, key);
  const Json* found = part == nullptr ? nullptr : FindMember(*part, "type");
  const std::string name = found != nullptr && found->is_string() ? found->get<std::string>() : "(none)";
  if (name != type) return Unsupported(absl::StrCat("the ", key, " is ", name, ", not ", type));
  return part;
}

bool Flag(const Json& object, absl::string_view key, bool fallback) {
  const Json* value = FindMember(object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : fallback;
}

// The blocks of CJK ideographs that BERT puts spaces around.
bool IsIdeograph(uint32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

bool IsBreak(uint32_t c) { return c == '\t' || c == '\n' || c == '\r'; }

// Calls `f` with each character. REQUIRES: valid UTF-8.
template <typename F>
void ForEachChar(absl::string_view text, F f) {
  while (!text.empty()) {
    const Utf8Char c = FirstChar(text);
    f(c.code, text.substr(0, c.size));
    text.remove_prefix(c.size);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<WordPiece>> WordPiece::Parse(absl::string_view tokenizer_json) {
  SPRINT_ASSIGN_OR_RETURN(const Json json,
                          ParseJson(tokenizer_json, "tokenizer.json", Reason::kTokenizerDamaged));
  SPRINT_ASSIGN_OR_RETURN(const Json* model, PartOfType(json, "model", "WordPiece"));
  SPRINT_ASSIGN_OR_RETURN(const Json* normalizer, PartOfType(json, "normalizer", "BertNormalizer"));
  SPRINT_RETURN_IF_ERROR(PartOfType(json, "pre_tokenizer", "BertPreTokenizer").status());
  const Json* vocabulary = FindMember(*model, "vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) return Damaged("model.vocab is missing");
  const Json* prefix = FindMember(*model, "continuing_subword_prefix");
  if (prefix == nullptr || !prefix->is_string() || StringOf(*prefix) != kContinues)
    return Unsupported("pieces inside a word do not begin with ##");

  std::unique_ptr<WordPiece> result(new WordPiece());
  WordPiece& piece = *result;
  std::map<int32_t, std::string> by_id;
  for (const auto& [token, value] : vocabulary->items()) {
    const std::optional<int64_t> id = IntegerOf(value);
    if (!id || *id < 0 || *id > INT32_MAX || !by_id.try_emplace(static_cast<int32_t>(*id), token).second)
      return Damaged(absl::StrCat("the id of ", token, " is ", ShowJson(value), ", no number of its own"));
    piece.ids_.emplace(token, static_cast<int32_t>(*id));
  }
  for (const auto& [name, id] : {std::pair("[UNK]", &piece.unknown_), std::pair("[CLS]", &piece.first_),
                                 std::pair("[SEP]", &piece.last_)}) {
    const auto found = piece.ids_.find(name);
    if (found == piece.ids_.end()) return Damaged(absl::StrCat("the vocabulary lacks ", name));
    *id = found->second;
  }
  for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    const auto found = piece.ids_.find(name);
    if (found != piece.ids_.end()) piece.special_.Add({found->second, name, true});
  }
  const Json* longest = FindMember(*model, "max_input_chars_per_word");
  if (longest != nullptr) piece.longest_word_ = static_cast<size_t>(IntegerOf(*longest).value_or(100));
  piece.clean_ = Flag(*normalizer, "clean_text", true);
  piece.chinese_ = Flag(*normalizer, "handle_chinese_chars", true);
  piece.lower_ = Flag(*normalizer, "lowercase", true);
  piece.strip_accents_ = Flag(*normalizer, "strip_accents", piece.lower_);
  Hasher hasher("wordpiece/1");
  hasher.AddInts("flags", {piece.clean_, piece.chinese_, piece.lower_, piece.strip_accents_})
      .AddInt("longest", static_cast<int64_t>(piece.longest_word_));
  for (const auto& [id, token] : by_id) hasher.AddInt("id", id).Add("token", token);
  piece.fingerprint_ = hasher.Finish();
  return result;
}

std::string WordPiece::Normalise(absl::string_view text) const {
  std::string clean;
  ForEachChar(text, [&](uint32_t c, absl::string_view bytes) {
    if (clean_ && (c == 0 || c == 0xfffd || (!IsBreak(c) && IsOther(c)))) return;
    const bool ideograph = chinese_ && IsIdeograph(c);
    if (clean_ && IsSpace(c)) bytes = " ";
    absl::StrAppend(&clean, ideograph ? " " : "", bytes, ideograph ? " " : "");
  });
  std::string bare;
  if (strip_accents_) {
    ForEachChar(Normalize(clean, NormalForm::kNfd), [&](uint32_t c, absl::string_view bytes) {
      if (!IsNonspacingMark(c)) absl::StrAppend(&bare, bytes);
    });
  } else {
    bare = std::move(clean);
  }
  if (!lower_) return bare;
  std::string lower;
  ForEachChar(bare, [&](uint32_t c, absl::string_view) { AppendUtf8(ToLower(c), lower); });
  return lower;
}

void WordPiece::AppendWord(absl::string_view word, std::vector<int32_t>& ids) const {
  std::vector<size_t> ends;  // of each character
  ForEachChar(word, [&](uint32_t, absl::string_view bytes) {
    ends.push_back(static_cast<size_t>(bytes.data() - word.data()) + bytes.size());
  });
  const size_t before = ids.size();
  if (ends.size() > longest_word_) {
    ids.push_back(unknown_);
    return;
  }
  size_t begin = 0;
  while (begin < word.size()) {
    // The longest piece that begins here.
    auto found = ids_.end();
    size_t end = 0;
    for (size_t i = ends.size(); i-- > 0 && ends[i] > begin && found == ids_.end();) {
      end = ends[i];
      found = ids_.find(absl::StrCat(begin > 0 ? kContinues : "", word.substr(begin, end - begin)));
    }
    if (found == ids_.end()) {
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(found->second);
    begin = end;
  }
}

std::vector<int32_t> WordPiece::Encode(absl::string_view text, size_t most) const {
  std::vector<int32_t> ids = {first_};
  const std::string valid = ToValidUtf8(text);
  for (const AddedTokenMatcher::Part& part : special_.Split(valid, /*parse_special=*/true)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    std::string word;
    const auto finish = [&] {
      if (!word.empty()) AppendWord(word, ids);
      word.clear();
    };
    const std::string normal = Normalise(part.text);
    ForEachChar(normal, [&](uint32_t c, absl::string_view bytes) {
      const bool punctuation = IsPunctuation(c);
      if (punctuation || IsSpace(c)) finish();
      if (punctuation) AppendWord(bytes, ids);
      if (!punctuation && !IsSpace(c)) absl::StrAppend(&word, bytes);
    });
    finish();
  }
  if (ids.size() >= most) ids.resize(most - 1);
  ids.push_back(last_);
  return ids;
}

}  // namespace sprint
