// The judge: is the answer in a text the right one?
//
// Extraction, in the order of trust: \boxed{…}, <answer>…</answer>, GSM8K's "####", "the answer is …", a
// choice letter, a text that is one expression, the last math or number. Comparison (equivalence.h):
// exact rational values, sets of reals, lists, matrices and relations part by part, algebra over symbols
// and roots, a seeded numeric check as the last resort; else by normalised text. docs/JUDGE.md has the
// rules in their order.
#ifndef SPRINT_EVAL_JUDGE_H_
#define SPRINT_EVAL_JUDGE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// Stored with every verdict; raised whenever any verdict could change.
inline constexpr int32_t kJudgeVersion = 2;

struct Extraction {
  std::string answer;  // empty: nothing found
  // "boxed", "answer_tag", "hashes", "answer_is", "choice", "whole", "last_math", "last_number"; without
  // an answer "cut_off" (the text ends inside a box) or "none".
  std::string rule;
  size_t begin = 0;  // where it stands in the text, bytes
  size_t end = 0;
};

struct Verdict {
  bool correct = false;
  Extraction extraction;
  std::string reason;  // one line: "18 = 18", "nothing extracted", "17 differs from 18"
};

// Pure and thread-safe; linear in the text, whatever the text.
Extraction ExtractAnswer(absl::string_view text);
// Why an extraction found no answer. REQUIRES: extraction.answer is empty.
std::string NothingExtracted(const Extraction& extraction);
// Whether two answers mean the same; `reason` (may be null) gets the rule that decided.
bool AnswersAgree(absl::string_view gold, absl::string_view answer, std::string* reason);
Verdict Judge(absl::string_view text, absl::string_view gold);

}  // namespace sprint

#endif  // SPRINT_EVAL_JUDGE_H_
