#include "model/byte_level_tokenizer.h"

#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

class ByteLevelTokenizer : public Tokenizer {
 public:
  explicit ByteLevelTokenizer(ByteLevelParts parts);
  std::vector<int32_t> Encode(absl::string_view text, const EncodeOptions& options) const override;
  std::string Decode(absl::Span<const int32_t> ids, bool skip_special) const override;
  std::string TokenBytes(int32_t id) const override;
  std::optional<int32_t> TokenId(absl::string_view token) const override;
  bool IsSpecial(int32_t id) const override;
  int32_t vocab_size() const override { return static_cast<int32_t>(bytes_.size()); }
  Hash256 Fingerprint() const override;
  std::string Describe() const override;

 private:
  bool Knows(int32_t id) const { return id >= 0 && id < vocab_size(); }
  // Each takes valid UTF-8 and goes one step nearer to the merges.
  void EncodeText(absl::string_view text, bool parse_special, std::vector<int32_t>& out) const;
  void EncodeNormalized(absl::string_view text, bool parse_special, std::vector<int32_t>& out) const;
  void EncodeWords(absl::string_view text, std::vector<int32_t>& out) const;

  ByteLevelParts parts_;
  AddedTokenMatcher in_raw_text_, in_normalized_text_;
  std::vector<std::string> bytes_;  // by id
  std::vector<bool> special_;       // by id
  absl::flat_hash_map<std::string, int32_t> added_ids_;
};

ByteLevelTokenizer::ByteLevelTokenizer(ByteLevelParts parts) : parts_(std::move(parts)) {
  bytes_.reserve(parts_.tokens.size());
  for (const std::string& token : parts_.tokens) bytes_.push_back(BytesOfSpelling(token).value_or(token));
  special_.resize(bytes_.size());
  for (const AddedToken& token : parts_.added) {
    const auto id = static_cast<size_t>(token.id);
    special_[id] = token.special;
    if (parts_.added_text_is_literal) bytes_[id] = token.content;
    added_ids_.emplace(token.content, token.id);
    AddedToken sought = token;
    const bool in_normalized = token.normalized && parts_.normal_form.has_value();
    if (in_normalized) sought.content = Normalize(token.content, *parts_.normal_form);
    (token.normalized ? in_normalized_text_ : in_raw_text_).Add(sought);
  }
}

std::vector<int32_t> ByteLevelTokenizer::Encode(absl::string_view text, const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  if (options.add_special) ids = parts_.before;
  while (!text.empty()) {
    const size_t valid = ValidPrefix(text);
    if (valid > 0) EncodeText(text.substr(0, valid), options.parse_special, ids);
    text.remove_prefix(valid);
    if (text.empty()) break;
    // Bytes that are not UTF-8 are no text to split: they are merged as a word of their own.
    const size_t invalid = FirstChar(text).size;
    parts_.bpe.Append(text.substr(0, invalid), ids);
    text.remove_prefix(invalid);
  }
  if (options.add_special) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
  return ids;
}

void ByteLevelTokenizer::EncodeText(absl::string_view text, bool parse_special,
                                    std::vector<int32_t>& out) const {
  for (const AddedTokenMatcher::Part& part : in_raw_text_.Split(text, parse_special)) {
    if (part.id >= 0) {
      out.push_back(part.id);
    } else if (parts_.normal_form) {
      EncodeNormalized(Normalize(part.text, *parts_.normal_form), parse_special, out);
    } else {
      EncodeNormalized(part.text, parse_special, out);
    }
  }
}

void ByteLevelTokenizer::EncodeNormalized(absl::string_view text, bool parse_special,
                                          std::vector<int32_t>& out) const {
  for (const AddedTokenMatcher::Part& part : in_normalized_text_.Split(text, parse_special)) {
    if (part.id >= 0) {
      out.push_back(part.id);
    } else {
      EncodeWords(part.text, out);
    }
  }
}

void ByteLevelTokenizer::EncodeWords(absl::string_view text, std::vector<int32_t>& out) const {
  std::list<std::string> storage;
  for (const absl::string_view word : parts_.split.Split(text, storage)) parts_.bpe.Append(word, out);
}

std::string ByteLevelTokenizer::Decode(absl::Span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!Knows(id) || (skip_special && special_[static_cast<size_t>(id)])) continue;
    bytes += bytes_[static_cast<size_t>(id)];
  }
  return ToValidUtf8(bytes);
}

std::string ByteLevelTokenizer::TokenBytes(int32_t id) const {
  return Knows(id) ? bytes_[static_cast<size_t>(id)] : std::string();
}

std::optional<int32_t> ByteLevelTokenizer::TokenId(absl::string_view token) const {
  const auto it = added_ids_.find(token);
  if (it != added_ids_.end()) return it->second;
  return parts_.bpe.Find(token);
}

bool ByteLevelTokenizer::IsSpecial(int32_t id) const {
  return Knows(id) && special_[static_cast<size_t>(id)];
}

Hash256 ByteLevelTokenizer::Fingerprint() const {
  Hasher hasher("tokenizer/1");
  hasher.Add("kind", "byte-level BPE");
  parts_.bpe.AddTo(hasher);
  hasher.Add("split", parts_.split.Spelling());
  hasher.AddInt("normal_form", parts_.normal_form ? static_cast<int64_t>(*parts_.normal_form) : -1);
  hasher.AddInts("before", parts_.before).AddInts("after", parts_.after);
  hasher.AddInt("literal", parts_.added_text_is_literal);
  for (const AddedToken& token : parts_.added) {
    hasher.AddInt("added", token.id)
        .Add("content", token.content)
        .AddInts("flags", {token.special, token.single_word, token.lstrip, token.rstrip, token.normalized});
  }
  return hasher.Finish();
}

std::string ByteLevelTokenizer::Describe() const {
  const std::string name = parts_.split_name.empty() ? parts_.split.Name() : parts_.split_name;
  return absl::StrCat("byte-level BPE, ", name, " split, ", vocab_size(), " tokens");
}

}  // namespace

std::unique_ptr<Tokenizer> MakeByteLevelTokenizer(ByteLevelParts parts) {
  return std::make_unique<ByteLevelTokenizer>(std::move(parts));
}

}  // namespace sprint
