#include "model/added_tokens.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "model/utf8.h"

namespace sprint {
namespace {

// Where the last character of `text` begins. REQUIRES: not empty.
size_t LastChar(absl::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80) --at;
  return at;
}

size_t SpacesBefore(absl::string_view text, size_t end) {
  while (end > 0) {
    const size_t last = LastChar(text.substr(0, end));
    if (!IsSpace(FirstChar(text.substr(last)).code)) break;
    end = last;
  }
  return end;
}

size_t SpacesBehind(absl::string_view text, size_t at) {
  while (at < text.size()) {
    const Utf8Char c = FirstChar(text.substr(at));
    if (!IsSpace(c.code)) break;
    at += c.size;
  }
  return at;
}

bool TouchesWord(absl::string_view text, size_t begin, size_t end) {
  if (begin > 0 && IsWord(FirstChar(text.substr(LastChar(text.substr(0, begin)))).code)) return true;
  return end < text.size() && IsWord(FirstChar(text.substr(end)).code);
}

}  // namespace

void AddedTokenMatcher::Add(const AddedToken& token) {
  if (token.content.empty()) return;
  tokens_.push_back(token);
  std::vector<size_t>& bucket = by_first_byte_[static_cast<uint8_t>(token.content[0])];
  const auto place = std::find_if(bucket.begin(), bucket.end(),
                                  [&](size_t i) { return tokens_[i].content.size() < token.content.size(); });
  bucket.insert(place, tokens_.size() - 1);
}

const AddedToken* AddedTokenMatcher::MatchAt(absl::string_view text, size_t at) const {
  for (const size_t i : by_first_byte_[static_cast<uint8_t>(text[at])]) {
    if (absl::StartsWith(text.substr(at), tokens_[i].content)) return &tokens_[i];
  }
  return nullptr;
}

std::vector<AddedTokenMatcher::Part> AddedTokenMatcher::Split(absl::string_view text,
                                                              bool parse_special) const {
  std::vector<Part> parts;
  size_t done = 0;  // up to here everything is in `parts`
  for (size_t at = 0; !tokens_.empty() && at < text.size();) {
    const AddedToken* token = MatchAt(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = at + token->content.size();
    at = end;
    // A match that is not wanted is passed over whole, as Hugging Face's tokenizers do.
    if (token->special && !parse_special) continue;
    if (token->single_word && TouchesWord(text, begin, end)) continue;
    if (begin < done) continue;  // taken by a neighbour's rstrip
    if (token->lstrip) begin = std::max(SpacesBefore(text, begin), done);
    if (token->rstrip) end = SpacesBehind(text, end);
    if (begin > done) parts.push_back({text.substr(done, begin - done), -1});
    parts.push_back({text.substr(begin, end - begin), token->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), -1});
  return parts;
}

}  // namespace sprint
