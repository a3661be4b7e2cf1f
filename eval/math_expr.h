// Scalar mathematical expressions: LaTeX, and the plain forms programs write ("2*sqrt(3)"), as a tree.
//
// Goals: what competition answers hold (fractions, roots, powers, the elementary functions, symbols
// with subscripts); bounded work on hostile text. Non-goals: sets, lists, relations (answer_value.h),
// integrals, sums, units.
#ifndef SPRINT_EVAL_MATH_EXPR_H_
#define SPRINT_EVAL_MATH_EXPR_H_

#include <boost/multiprecision/cpp_int.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sprint {

using BigRational = boost::multiprecision::cpp_rational;

struct MathNode {
  enum class Kind {
    kNumber,  // value
    kSymbol,  // name: "x", "x_{1}", "pi", "e", "i", or a whole word
    kAdd,     // kids
    kMul,     // kids
    kDivide,  // kids[0] / kids[1]
    kPower,   // kids[0] ^ kids[1]
    kCall,    // name, kids: "sin", "sqrt" (kids[0], index kids[1]), "abs", "floor", "binom", …
  };
  Kind kind = Kind::kNumber;
  BigRational value;
  std::string name;
  std::vector<int> kids;
};

// A tree in one vector; a node comes after its kids, so it is evaluated by one loop.
struct MathExpr {
  std::vector<MathNode> nodes;
  int root = 0;
  // The digits behind the point when the whole expression is one written decimal, else -1; and its
  // significant digits.
  int decimals = -1;
  int significant = 0;
};

inline constexpr size_t kMaxExprBytes = 2'000;  // longer ones are compared as text
inline constexpr int kMaxExprDepth = 60;

// Reads the whole of `cleaned` (as CleanAnswer leaves it). nullopt for what it does not understand.
// Linear in the text.
std::optional<MathExpr> ParseMath(absl::string_view cleaned);

}  // namespace sprint

#endif  // SPRINT_EVAL_MATH_EXPR_H_
