// The names that expressions are written with, and periods of decimals.
#ifndef SPRINT_EVAL_MATH_NAMES_H_
#define SPRINT_EVAL_MATH_NAMES_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "eval/math_expr.h"

namespace sprint {

bool IsFunctionName(absl::string_view name);
// asin and arcsin are one: "arcsin". REQUIRES: IsFunctionName(name).
std::string OneFunctionName(absl::string_view name);
// A symbol that LaTeX has a command for ("alpha").
bool IsLatexSymbol(absl::string_view name);

// What \overline{142857} adds behind a point whose last digit has the weight 1/scale. nullopt for what is
// no short run of digits.
std::optional<BigRational> RepeatedDigits(const std::string& period,
                                          const boost::multiprecision::cpp_int& scale);

}  // namespace sprint

#endif  // SPRINT_EVAL_MATH_NAMES_H_
