// Whether two cleaned answers mean the same: structure by structure, scalars exactly where possible.
#ifndef SPRINT_EVAL_EQUIVALENCE_H_
#define SPRINT_EVAL_EQUIVALENCE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// `gold` and `answer` are as CleanAnswer leaves them. `rule` gets what decided: "text", "exact value",
// "algebra", "numeric check", "rounding", "parts", "relation". Texts longer than kMaxExprBytes are
// compared as texts; the work on shorter ones is bounded.
// Symmetric.
bool Equivalent(absl::string_view gold, absl::string_view answer, std::string& rule);

// Whether `answer` is a right way to give `gold`: equivalent to it, or a calculation that ends in it
// ("3 + 2 = 5"), or its choice letter in lower case. Not symmetric.
bool Answers(absl::string_view gold, absl::string_view answer, std::string& rule);

}  // namespace sprint

#endif  // SPRINT_EVAL_EQUIVALENCE_H_
