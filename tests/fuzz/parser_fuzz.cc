// The cleaner, the reader of numbers, the parser, and both comparers, on any text.
#include "eval/clean_answer.h"
#include "eval/exact_number.h"
#include "eval/math_exact.h"
#include "eval/math_expr.h"
#include "eval/math_numeric.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sprint;
  const std::string cleaned = CleanAnswer(FuzzText(data, size));
  FoldAnswer(cleaned);
  ReadNumber(cleaned);
  const std::optional<MathExpr> expr = ParseMath(cleaned);
  if (!expr) return 0;
  FUZZ_CHECK(expr->root >= 0 && static_cast<size_t>(expr->root) < expr->nodes.size());
  for (size_t i = 0; i < expr->nodes.size(); ++i) {
    for (const int kid : expr->nodes[i].kids) FUZZ_CHECK(kid >= 0 && static_cast<size_t>(kid) < i);
  }
  FUZZ_CHECK(CompareExactly(*expr, *expr) != ExactVerdict::kDifferent);
  NumericallyEqual(*expr, *expr);
  return 0;
}
