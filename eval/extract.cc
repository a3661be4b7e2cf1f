#include <algorithm>
#include <optional>
#include <utility>
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

// The same without the markup around an answer in running text: Markdown's stars, a comma or semicolon
// behind it.
Extraction CutPlain(absl::string_view text, size_t begin, size_t end, const char* rule) {
  const auto is_loose = [](char c) { return IsSpace(c) || c == '*'; };
  while (begin < end && (is_loose(text[begin]) || text[begin] == ':')) ++begin;
  while (end > begin && (is_loose(text[end - 1]) || text[end - 1] == ',' || text[end - 1] == ';')) --end;
  return Cut(text, begin, end, rule);
}

// Math in delimiters that begins at `at`: [begin, end) of what it holds, and where it ends with them.
struct MathSpan {
  size_t begin = 0;
  size_t end = 0;
  size_t after = 0;
};
std::optional<MathSpan> MathAt(absl::string_view text, size_t at) {
  constexpr size_t kMaxMath = 400;
  static constexpr std::pair<absl::string_view, absl::string_view> kDelimiters[] = {
      {"$$", "$$"}, {"\\[", "\\]"}, {"\\(", "\\)"}, {"$", "$"}};
  const absl::string_view rest = text.substr(at, kMaxMath);
  for (const auto& [open, close] : kDelimiters) {
    if (!absl::StartsWith(rest, open)) continue;
    const size_t end = rest.find(close, open.size());
    if (end == absl::string_view::npos || end == open.size()) return std::nullopt;
    return MathSpan{at + open.size(), at + end, at + end + close.size()};
  }
  return std::nullopt;
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
  return CutPlain(text, at + 4, std::min(text.find('\n', at), text.size()), "hashes");
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

// Behind the last of the words that announce an answer; npos when there are none.
size_t AfterAnnouncement(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  size_t begin = absl::string_view::npos;
  for (const absl::string_view phrase :
       {"answer is", "answer:", "answer :", "answer =", "answer**:", "answer:**", "answer**\n", "answer\n",
        "correct option is", "correct choice is"}) {
    const size_t at = lower.rfind(std::string(phrase));
    if (at == std::string::npos) continue;
    const size_t after = at + phrase.size();
    if (begin == absl::string_view::npos || after > begin) begin = after;
  }
  return begin;
}

// "The answer is 18.", "Final answer: $18$": what follows the last of these words.
Extraction AnswerIs(absl::string_view text) {
  size_t begin = AfterAnnouncement(text);
  if (begin == absl::string_view::npos) return {};
  while (begin < text.size() && (IsSpace(text[begin]) || text[begin] == ':' || text[begin] == '*')) ++begin;
  const std::optional<MathSpan> math = MathAt(text, begin);
  if (math && (text[begin] != '$' || math->end < std::min(text.find('\n', math->begin + 1), text.size()))) {
    return Cut(text, math->begin, math->end, "answer_is");
  }
  return CutPlain(text, begin, SentenceEnd(text, begin), "answer_is");
}

// "option (B)", "the best choice is B)", "(D) is correct": the last.
Extraction ChoiceLetter(absl::string_view text) {
  const auto is_choice = [&](size_t at) {
    const bool alone = at + 1 >= text.size() || !(IsLetter(text[at + 1]) || IsDigit(text[at + 1]));
    return at < text.size() && text[at] >= 'A' && text[at] <= 'J' && alone;
  };
  const std::string lower = absl::AsciiStrToLower(text);
  Extraction best;
  for (const absl::string_view word : {"option", "choice"}) {
    const size_t at = lower.rfind(std::string(word));
    if (at == std::string::npos) continue;
    size_t i = at + word.size();
    if (absl::StartsWith(absl::string_view(lower).substr(i), " is")) i += 3;
    while (i < text.size() && absl::StrContains(" :(*", text.substr(i, 1))) ++i;
    if (is_choice(i) && (best.answer.empty() || i > best.begin)) best = Cut(text, i, i + 1, "choice");
  }
  for (const absl::string_view said : {") is correct", ") is the correct", ") is right"}) {
    const size_t at = lower.rfind(std::string(said));
    if (at == std::string::npos || at == 0) continue;
    if (is_choice(at - 1) && (best.answer.empty() || at > best.begin)) best = Cut(text, at - 1, at, "choice");
  }
  return best;
}

// <answer>…</answer>, as some reward formats have it: the last.
Extraction AnswerTag(absl::string_view text) {
  constexpr absl::string_view kOpen = "<answer>";
  const size_t end = text.rfind("</answer>");
  const size_t at = end == absl::string_view::npos ? end : text.rfind(kOpen, end);
  return at == absl::string_view::npos ? Extraction() : Cut(text, at + kOpen.size(), end, "answer_tag");
}

// Whether a and b hold no letters and no commands: 64 + 67 = 131 is a calculation, x = 5 an equation.
bool IsPlainCalculation(absl::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return IsLetter(c) || c == '\\' || c == '<' || c == '>'; });
}

// A text that is nothing but an expression: short, one line, no words. Of a calculation, its result.
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
  const size_t equals = text.rfind('=');
  if (equals != absl::string_view::npos && equals > begin && IsPlainCalculation(text.substr(begin)) &&
      equals + 1 < text.size()) {
    return CutPlain(text, equals + 1, text.size(), "whole");
  }
  return Cut(text, begin, text.size(), "whole");
}

// Whether a span is math and no money: no words, and, between single dollars, no space inside them and
// no digit behind.
bool IsMath(absl::string_view text, const MathSpan& span, bool dollars) {
  const absl::string_view inside = text.substr(span.begin, span.end - span.begin);
  if (absl::StrContains(inside, "\n\n")) return false;
  if (dollars) {
    if (IsSpace(inside.front()) || IsSpace(inside.back())) return false;
    if (span.after < text.size() && IsDigit(text[span.after])) return false;
    if (inside.find_first_of("=.,;:") == inside.size() - 1) return false;
  }
  for (size_t i = 0; i + 3 < inside.size(); ++i) {
    if (inside[i] == '\\') {
      while (i + 1 < inside.size() && IsLetter(inside[i + 1])) ++i;
      if (i + 1 < inside.size() && inside[i + 1] == '{') {  // \text{words}
        i = std::min(inside.find('}', i), inside.size());
      }
      continue;
    }
    if (IsLetter(inside[i]) && IsLetter(inside[i + 1]) && IsLetter(inside[i + 2])) return false;
  }
  return true;
}

// The last math in delimiters, when no number follows it.
Extraction LastMath(absl::string_view text) {
  Extraction best;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\';
    if (text[i] != '$' && !escape) continue;
    if (escape && (i + 1 >= text.size() || (text[i + 1] != '[' && text[i + 1] != '('))) {
      ++i;  // "\$" opens nothing
      continue;
    }
    const std::optional<MathSpan> span = MathAt(text, i);
    if (!span) {
      if (escape) ++i;
      continue;
    }
    const bool dollars = !escape && span->begin == i + 1;
    if (IsMath(text, *span, dollars)) {
      best = Cut(text, span->begin, span->end, "last_math");
      i = span->after - 1;
    } else if (!dollars) {
      i = span->begin - 1;
    }
  }
  return best;
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

// Whichever stands later; a number inside the last math is part of it.
Extraction LastMathOrNumber(absl::string_view text) {
  Extraction number = LastNumber(text);
  Extraction math = LastMath(text);
  return !math.answer.empty() && (number.answer.empty() || number.begin < math.end) ? math : number;
}

}  // namespace

Extraction ExtractAnswer(absl::string_view text) {
  for (const auto rule : {Boxed, AnswerTag, Hashes, AnswerIs, ChoiceLetter, Whole, LastMathOrNumber}) {
    Extraction found = rule(text);
    if (!found.answer.empty() || found.rule == "cut_off") return found;
  }
  Extraction none;
  none.rule = "none";
  return none;
}

}  // namespace sprint
