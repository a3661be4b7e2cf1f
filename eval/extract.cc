#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "eval/judge.h"

namespace sprint {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// `text` from `begin` to `end` without spaces around it.
Extraction Cut(absl::string_view text, size_t begin, size_t end, const char* rule) {
  while (begin < end && IsSpace(text[begin])) ++begin;
  while (end > begin && IsSpace(text[end - 1])) --end;
  return {std::string(text.substr(begin, end - begin)), begin < end ? rule : "none", begin, end};
}

// Where a \boxed or \fbox that begins at `at` ends before its argument; 0 when there is none.
size_t BoxAt(absl::string_view text, size_t at) {
  for (const absl::string_view name : {"\\boxed", "\\fbox"}) {
    if (absl::StartsWith(text.substr(at), name)) return at + name.size();
  }
  return 0;
}

// The last box whose braces close. One that was cut off says nothing (\boxed{12 may have become
// 120); without a closed one the rule is then "cut_off", and no other is tried. One pass: open braces
// stand on a stack, so a megabyte of them costs a megabyte.
Extraction Boxed(absl::string_view text) {
  struct Brace {
    size_t inside;
    bool boxed;
  };
  std::vector<Brace> open;
  Extraction best = Cut(text, 0, 0, "none");
  bool cut_off = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      size_t after = BoxAt(text, i);
      if (after == 0) {
        ++i;  // whatever is escaped is no brace
        continue;
      }
      while (after < text.size() && text[after] == ' ') ++after;
      if (after < text.size() && text[after] == '{') {
        open.push_back({after + 1, true});
        cut_off = true;
        i = after;
      } else if (after < text.size() && text[after - 1] == ' ' &&
                 (IsDigit(text[after]) || text[after] == '-')) {
        const size_t end = std::min(text.find_first_of(" $\n.", after), text.size());  // \boxed 5
        best = Cut(text, after, end, "boxed");
        i = std::max(i, end - 1);
      } else {
        i = after - 1;
      }
    } else if (c == '{') {
      open.push_back({i + 1, false});
    } else if (c == '}' && !open.empty()) {
      if (open.back().boxed) {
        cut_off = false;
        if (i > open.back().inside) best = Cut(text, open.back().inside, i, "boxed");
      }
      open.pop_back();
    }
  }
  if (best.answer.empty() && cut_off) best.rule = "cut_off";
  return best;
}

// GSM8K's "#### 18".
Extraction Hashes(absl::string_view text) {
  const size_t at = text.rfind("####");
  if (at == absl::string_view::npos) return {};
  return Cut(text, at + 4, std::min(text.find('\n', at), text.size()), "hashes");
}

// Where a sentence that begins at `begin` ends: a line's end, a full stop before a space or the end,
// an exclamation mark behind a last word (behind a number it may be a factorial).
size_t SentenceEnd(absl::string_view text, size_t begin) {
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '\n') return i;
    if (text[i] == '.' && (i + 1 == text.size() || IsSpace(text[i + 1]))) return i;
    if (text[i] == '!' && i > 0 && IsLetter(text[i - 1]) && i + 1 == text.size()) return i;
  }
  return text.size();
}

// "The answer is 18.", "Final answer: $18$": what follows the last of these words.
Extraction AnswerIs(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  size_t begin = absl::string_view::npos;
  for (const absl::string_view phrase :
       {"answer is", "answer:", "answer :", "answer =", "answer**:", "answer:**"}) {
    const size_t at = lower.rfind(std::string(phrase));
    if (at == std::string::npos) continue;
    const size_t after = at + phrase.size();
    if (begin == absl::string_view::npos || after > begin) begin = after;
  }
  if (begin == absl::string_view::npos) return {};
  while (begin < text.size() && (IsSpace(text[begin]) || text[begin] == ':' || text[begin] == '*')) ++begin;
  if (begin < text.size() && text[begin] == '$') {
    const size_t close = text.find('$', begin + 1);
    const size_t line = text.find('\n', begin);
    if (close != absl::string_view::npos && close < line && close > begin + 1) {
      return Cut(text, begin + 1, close, "answer_is");
    }
  }
  return Cut(text, begin, SentenceEnd(text, begin), "answer_is");
}

// <answer>…</answer>, as some reward formats have it: the last.
Extraction AnswerTag(absl::string_view text) {
  constexpr absl::string_view kOpen = "<answer>";
  const size_t end = text.rfind("</answer>");
  const size_t at = end == absl::string_view::npos ? end : text.rfind(kOpen, end);
  return at == absl::string_view::npos ? Extraction() : Cut(text, at + kOpen.size(), end, "answer_tag");
}

// A text that is nothing but an expression: short, one line, no words.
Extraction Whole(absl::string_view text) {
  constexpr size_t kMaxWhole = 200;
  text = absl::StripTrailingAsciiWhitespace(text);
  const size_t begin = text.size() - absl::StripLeadingAsciiWhitespace(text).size();
  if (text.size() - begin > kMaxWhole || text.find_first_of("\n:#", begin) != absl::string_view::npos ||
      absl::StrContains(text, "\\boxed"))
    return {};
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '\\') {
      while (i + 1 < text.size() && IsLetter(text[i + 1])) ++i;
      continue;
    }
    if (IsLetter(text[i]) && i + 1 < text.size() && IsLetter(text[i + 1])) return {};
  }
  return Cut(text, begin, text.size(), "whole");
}

// "½", "2½": the last, when no digit follows it.
Extraction LastVulgarFraction(absl::string_view text, size_t after) {
  for (const absl::string_view fraction : {"½", "¼", "¾"}) {
    const size_t at = text.rfind(fraction);
    if (at == absl::string_view::npos || at < after) continue;
    size_t begin = at;
    while (begin > 0 && IsDigit(text[begin - 1])) --begin;
    return Cut(text, begin, at + fraction.size(), "last_number");
  }
  return {};
}

// The last run of digits, with its sign, separators, point, fraction and percent sign.
Extraction LastNumber(absl::string_view text) {
  size_t end = text.size();
  while (end > 0 && !IsDigit(text[end - 1])) --end;
  Extraction vulgar = LastVulgarFraction(text, end);
  if (end == 0 || !vulgar.answer.empty()) return vulgar;
  size_t begin = end;
  const auto inside = [&](size_t i) {
    const char c = text[i];
    return IsDigit(c) ||
           ((c == ',' || c == '.' || c == '/') && i > 0 && IsDigit(text[i - 1]) && IsDigit(text[i + 1])) ||
           (c == '.' && IsDigit(text[i + 1]));
  };
  while (begin > 0 && inside(begin - 1)) --begin;
  if (begin > 0 && (text[begin - 1] == '$')) --begin;
  if (begin > 0 && text[begin - 1] == '-' &&
      (begin < 2 || !(IsDigit(text[begin - 2]) || text[begin - 2] == ')'))) {
    const bool subtraction = begin >= 3 && text[begin - 2] == ' ' && IsDigit(text[begin - 3]);
    if (!subtraction) --begin;
  }
  if (end < text.size() && text[end] == '%') ++end;
  return Cut(text, begin, end, "last_number");
}

}  // namespace

Extraction ExtractAnswer(absl::string_view text) {
  for (const auto rule : {Boxed, AnswerTag, Hashes, AnswerIs, Whole, LastNumber}) {
    Extraction found = rule(text);
    if (!found.answer.empty() || found.rule == "cut_off") return found;
  }
  Extraction none;
  none.rule = "none";
  return none;
}

}  // namespace sprint
