#include "eval/judge.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "eval/clean_answer.h"
#include "eval/equivalence.h"

namespace sprint {
namespace {

constexpr size_t kMaxShown = 60;

std::string Shown(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  size_t end = std::min(text.size(), kMaxShown);
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;  // not inside a character
  std::string out(text.substr(0, end));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text.size() > end ? absl::StrCat(out, "…") : out;
}

// The gold answer of a dataset that keeps it at the end of a solution.
absl::string_view GoldOf(absl::string_view gold, Extraction& holder) {
  if (!absl::StrContains(gold, "####") && !absl::StrContains(gold, "\\boxed")) return gold;
  holder = ExtractAnswer(gold);
  return holder.answer.empty() ? gold : absl::string_view(holder.answer);
}

// A text that is the gold answer and nothing else.
bool IsGoldItself(absl::string_view text, absl::string_view gold) {
  constexpr size_t kMaxAnswer = 1'000;
  if (text.size() > kMaxAnswer || gold.size() > kMaxAnswer) return false;
  const std::string cleaned = CleanAnswer(text);
  return !cleaned.empty() && cleaned == CleanAnswer(gold);
}

}  // namespace

std::string NothingExtracted(const Extraction& extraction) {
  return extraction.rule == "cut_off" ? "nothing extracted: the text ends inside \\boxed{"
                                      : "nothing extracted";
}

bool AnswersAgree(absl::string_view gold, absl::string_view answer, std::string* reason) {
  std::string rule = "text";
  const std::string clean_gold = CleanAnswer(gold);
  const std::string clean_answer = CleanAnswer(answer);
  const bool agree = !clean_answer.empty() && Answers(clean_gold, clean_answer, rule);
  if (reason != nullptr) {
    *reason = absl::StrCat(Shown(answer), agree ? " = " : " differs from ", Shown(gold), " (", rule, ")");
  }
  return agree;
}

Verdict Judge(absl::string_view text, absl::string_view gold) {
  Verdict verdict;
  verdict.extraction = ExtractAnswer(text);
  const bool cut_off = verdict.extraction.rule == "cut_off";
  if (!cut_off && IsGoldItself(text, gold)) {
    const absl::string_view whole = absl::StripAsciiWhitespace(text);
    const size_t begin = static_cast<size_t>(whole.data() - text.data());
    verdict.correct = true;
    verdict.extraction = {std::string(whole), "whole", begin, begin + whole.size()};
    verdict.reason = absl::StrCat(Shown(whole), " = ", Shown(gold), " (text)");
    return verdict;
  }
  if (verdict.extraction.answer.empty()) {
    verdict.reason = NothingExtracted(verdict.extraction);
    return verdict;
  }
  Extraction holder;
  verdict.correct = AnswersAgree(GoldOf(gold, holder), verdict.extraction.answer, &verdict.reason);
  return verdict;
}

}  // namespace sprint
