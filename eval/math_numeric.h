// Numeric comparison of expressions: the last resort, where exact arithmetic cannot tell.
#ifndef SPRINT_EVAL_MATH_NUMERIC_H_
#define SPRINT_EVAL_MATH_NUMERIC_H_

#include "eval/math_expr.h"

namespace sprint {

// Whether it has no unknowns and a real value below 1e30 in size.
bool IsRealConstant(const MathExpr& expr);
// -1, 0 or 1; 0 when both values agree to 35 digits. REQUIRES: IsRealConstant of both.
int CompareConstants(const MathExpr& a, const MathExpr& b);

// Whether both have the same complex value (below 1e30 in size), to 35 of 50 digits, at every one of several
// points where both are defined (at least three; symbols take values drawn by their names from a fixed seed,
// of either sign). False when there are too few such points.
bool NumericallyEqual(const MathExpr& a, const MathExpr& b);

// Whether `decimal`, one written decimal with at least six significant digits, is `exact` rounded or
// cut off to its last digit.
bool IsRoundingOf(const MathExpr& decimal, const MathExpr& exact);

}  // namespace sprint

#endif  // SPRINT_EVAL_MATH_NUMERIC_H_
