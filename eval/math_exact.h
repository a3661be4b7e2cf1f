// Exact comparison of expressions: both sides as quotients of polynomials with rational
// coefficients, over symbols, roots of integers, i, and whatever else stands as a whole.
#ifndef SPRINT_EVAL_MATH_EXACT_H_
#define SPRINT_EVAL_MATH_EXACT_H_

#include <optional>

#include "eval/math_expr.h"

namespace sprint {

enum class ExactVerdict {
  kEqual,      // proven
  kDifferent,  // proven: polynomials over independent symbols
  kUnknown,    // functions or roots are left, or the work grew beyond its bound
};

// Bounded: terms, exponents, digits of a coefficient and the steps in all are limited; sizes are
// checked before anything is computed, so 10^10^10 costs nothing.
ExactVerdict CompareExactly(const MathExpr& a, const MathExpr& b);

// The ratio a / b when it is one rational number, neither being zero.
std::optional<BigRational> ConstantRatio(const MathExpr& a, const MathExpr& b);

}  // namespace sprint

#endif  // SPRINT_EVAL_MATH_EXACT_H_
