#include "model/pretokenizer.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/utf8.h"

namespace sprint {
namespace {

using Pieces = std::vector<absl::string_view>;

void SplitByRegex(absl::string_view piece, const Regex& regex, PreTokenizer::Keep keep, Pieces& out) {
  size_t last = 0;
  const auto gap = [&](size_t end) {
    if (end > last && keep != PreTokenizer::Keep::kMatches) out.push_back(piece.substr(last, end - last));
  };
  regex.ForEachMatch(piece, [&](size_t begin, size_t end) {
    gap(begin);
    if (keep != PreTokenizer::Keep::kGaps) out.push_back(piece.substr(begin, end - begin));
    last = end;
  });
  gap(piece.size());
}

void SplitByDigits(absl::string_view piece, bool individual, Pieces& out) {
  size_t start = 0;
  bool in_digits = false;
  for (size_t at = 0; at < piece.size();) {
    const Utf8Char c = FirstChar(piece.substr(at));
    const bool digit = IsNumeric(c.code);
    if (at > start && (digit != in_digits || (digit && individual))) {
      out.push_back(piece.substr(start, at - start));
      start = at;
    }
    in_digits = digit;
    at += c.size;
  }
  if (start < piece.size()) out.push_back(piece.substr(start));
}

}  // namespace

absl::Status PreTokenizer::AddRegex(absl::string_view pattern, Keep keep) {
  SPRINT_ASSIGN_OR_RETURN(auto regex, Regex::Compile(pattern));
  stages_.push_back({Stage::Kind::kRegex, std::move(regex), std::string(pattern), keep});
  return absl::OkStatus();
}

void PreTokenizer::AddDigits(bool individual) {
  stages_.push_back({individual ? Stage::Kind::kDigits : Stage::Kind::kDigitRuns, nullptr, "", Keep::kBoth});
}

void PreTokenizer::AddPrefixSpace() {
  stages_.push_back({Stage::Kind::kPrefixSpace, nullptr, "", Keep::kBoth});
}

std::vector<absl::string_view> PreTokenizer::Split(absl::string_view text,
                                                   std::list<std::string>& storage) const {
  Pieces pieces, next;
  if (!text.empty()) pieces.push_back(text);
  for (const Stage& stage : stages_) {
    next.clear();
    for (const absl::string_view piece : pieces) {
      switch (stage.kind) {
        case Stage::Kind::kRegex:
          SplitByRegex(piece, *stage.regex, stage.keep, next);
          break;
        case Stage::Kind::kDigits:
        case Stage::Kind::kDigitRuns:
          SplitByDigits(piece, stage.kind == Stage::Kind::kDigits, next);
          break;
        case Stage::Kind::kPrefixSpace:
          if (IsSpace(FirstChar(piece).code)) {
            next.push_back(piece);
          } else {
            next.push_back(storage.emplace_back(absl::StrCat(" ", piece)));
          }
          break;
      }
    }
    pieces.swap(next);
  }
  return pieces;
}

std::string PreTokenizer::Spelling() const {
  std::string out;
  for (const Stage& stage : stages_) {
    absl::StrAppend(&out, static_cast<int>(stage.kind), ":", static_cast<int>(stage.keep), ":",
                    stage.pattern.size(), ":", stage.pattern, ";");
  }
  return out;
}

std::string PreTokenizer::Name() const {
  if (stages_.size() == 1 && stages_[0].kind == Stage::Kind::kRegex) {
    if (stages_[0].pattern == kGpt2Pattern) return "gpt2";
    if (stages_[0].pattern == kLlama3Pattern) return "llama3";
    if (stages_[0].pattern == kQwen2Pattern) return "qwen2";
  }
  if (stages_.size() == 2 && stages_[0].kind == Stage::Kind::kDigits && stages_[1].pattern == kGpt2Pattern) {
    return "smollm";
  }
  return "own";
}

}  // namespace sprint
