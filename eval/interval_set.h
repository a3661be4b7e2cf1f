// Sets of real numbers that an answer writes: intervals, points, unions, inequalities in one unknown.
#ifndef SPRINT_EVAL_INTERVAL_SET_H_
#define SPRINT_EVAL_INTERVAL_SET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "eval/math_expr.h"

namespace sprint {

// The end of an interval.
struct Endpoint {
  int infinite = 0;                       // -1 or 1: no value
  std::shared_ptr<const MathExpr> value;  // a real constant, never null when infinite is 0
  bool closed = false;
};

struct RealInterval {
  Endpoint low;
  Endpoint high;
};

// A union of intervals in their order, none empty, none touching the next; a point is closed at both
// ends.
struct RealSet {
  std::vector<RealInterval> parts;
  std::string unknown;  // of an inequality: "x"; may be empty
};

// "(-\infty, 2) \cup \{3\}", "\mathbb{R} \setminus \{2\}", "x \neq 2", "x < 1 or x \geq 2", "1 < x <= 2",
// "x \in [0, 1]". nullopt for what is no such set, has symbols as ends, or is beyond the bounds (parts,
// depth). `text` is as CleanAnswer leaves it.
std::optional<RealSet> ReadRealSet(absl::string_view text);

// Ends are equal when they agree to 35 digits. False for inequalities in different unknowns.
bool SameRealSet(const RealSet& a, const RealSet& b);

}  // namespace sprint

#endif  // SPRINT_EVAL_INTERVAL_SET_H_
