#include "eval/judge.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "eval/clean_answer.h"
#include "eval/exact_number.h"

namespace sprint {
namespace {

constexpr int kMaxListDepth = 16;
constexpr size_t kMaxShown = 60;

std::string Shown(absl::string_view text) {
  std::string out(absl::StripAsciiWhitespace(text).substr(0, kMaxShown));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text.size() > kMaxShown ? absl::StrCat(out, "…") : out;
}

// Equal in value. A percent sign may be left out or written as hundredths; a unit may be left out,
// but two units must be the same.
bool SameNumber(const WrittenNumber& a, const WrittenNumber& b) {
  if (!a.unit.empty() && !b.unit.empty() && a.unit != b.unit) return false;
  if (a.value == b.value) return true;
  if (a.percent == b.percent) return false;
  const Rational& hundredths = a.percent ? a.value : b.value;
  const Rational& plain = a.percent ? b.value : a.value;
  return Rational{hundredths.numerator, hundredths.denominator * 100} == plain;
}

// "x = 5" and "f(x) = 5" to "5" when the other side is no equation.
absl::string_view WithoutName(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0 ||
      text.find('=', equals + 1) != absl::string_view::npos) {
    return text;
  }
  const absl::string_view name = absl::StripAsciiWhitespace(text.substr(0, equals));
  const bool is_name = !name.empty() && name.size() <= 8 &&
                       absl::ascii_isalpha(static_cast<unsigned char>(name[0])) &&
                       name.find_first_of("+-*/^<>\\ ") == absl::string_view::npos;
  return is_name ? absl::StripAsciiWhitespace(text.substr(equals + 1)) : text;
}

// The parts of a list at its top level, and its brackets ("" for a bare list). One part: no list.
struct List {
  std::string open, close;
  std::vector<absl::string_view> parts;
};

List SplitList(absl::string_view text) {
  List list;
  for (const auto& [open, close] :
       {std::pair("\\{", "\\}"), {"(", ")"}, {"[", "]"}, {"(", "]"}, {"[", ")"}}) {
    if (absl::StartsWith(text, open) && absl::EndsWith(text, close) && text.size() > 2) {
      list.open = open;
      list.close = close;
      text = text.substr(list.open.size(), text.size() - list.open.size() - list.close.size());
      break;
    }
  }
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (c != ',' || depth != 0) continue;
    list.parts.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  list.parts.push_back(absl::StripAsciiWhitespace(text.substr(begin)));
  return list;
}

bool Agree(absl::string_view gold, absl::string_view answer, int depth, std::string& rule) {
  const std::optional<WrittenNumber> a = ReadNumber(gold);
  const std::optional<WrittenNumber> b = ReadNumber(answer);
  if (a && b) {
    rule = "exact value";
    return SameNumber(*a, *b);
  }
  rule = "text";
  const std::string folded_gold = FoldAnswer(gold);
  const std::string folded_answer = FoldAnswer(answer);
  if (folded_gold == folded_answer) return true;
  const bool equations = absl::StrContains(gold, "=") && absl::StrContains(answer, "=");
  const absl::string_view bare_gold = equations ? gold : WithoutName(gold);
  const absl::string_view bare_answer = equations ? answer : WithoutName(answer);
  if (bare_gold.size() != gold.size() || bare_answer.size() != answer.size()) {
    return depth < kMaxListDepth && Agree(bare_gold, bare_answer, depth + 1, rule);
  }
  const List x = SplitList(gold);
  const List y = SplitList(answer);
  if (x.parts.size() < 2 || x.parts.size() != y.parts.size() || depth >= kMaxListDepth) return false;
  if (x.open != y.open || x.close != y.close) return false;
  for (size_t i = 0; i < x.parts.size(); ++i) {
    if (!Agree(x.parts[i], y.parts[i], depth + 1, rule)) return false;
  }
  rule = "parts of a list";
  return true;
}

// The gold answer of a dataset that keeps it at the end of a solution.
absl::string_view GoldOf(absl::string_view gold, Extraction& holder) {
  if (!absl::StrContains(gold, "####") && !absl::StrContains(gold, "\\boxed")) return gold;
  holder = ExtractAnswer(gold);
  return holder.answer.empty() ? gold : absl::string_view(holder.answer);
}

}  // namespace

bool AnswersAgree(absl::string_view gold, absl::string_view answer, std::string* reason) {
  std::string rule = "text";
  const std::string clean_gold = CleanAnswer(gold);
  const std::string clean_answer = CleanAnswer(answer);
  const bool agree = !clean_answer.empty() && Agree(clean_gold, clean_answer, 0, rule);
  if (reason != nullptr) {
    *reason = absl::StrCat(Shown(answer), agree ? " = " : " differs from ", Shown(gold), " (", rule, ")");
  }
  return agree;
}

Verdict Judge(absl::string_view text, absl::string_view gold) {
  Verdict verdict;
  verdict.extraction = ExtractAnswer(text);
  if (verdict.extraction.answer.empty()) {
    verdict.reason = verdict.extraction.rule == "cut_off" ? "nothing extracted: the text ends inside \\boxed{"
                                                          : "nothing extracted";
    return verdict;
  }
  Extraction holder;
  verdict.correct = AnswersAgree(GoldOf(gold, holder), verdict.extraction.answer, &verdict.reason);
  return verdict;
}

}  // namespace sprint
