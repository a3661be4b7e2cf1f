#include "eval/equivalence.h"

#include <string>

#include "eval/judge.h"
#include "eval/math_exact.h"
#include "eval/math_expr.h"
#include "eval/math_numeric.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

bool Agree(absl::string_view gold, absl::string_view answer) { return AnswersAgree(gold, answer, nullptr); }
std::string RuleOf(absl::string_view gold, absl::string_view answer) {
  std::string reason;
  AnswersAgree(gold, answer, &reason);
  const size_t at = reason.rfind('(');
  return reason.substr(at + 1, reason.size() - at - 2);
}

TEST(Equivalence, PolynomialsAgreeHoweverArranged) {
  EXPECT_EQ(RuleOf("x^2+2x+1", "(x+1)^2"), "algebra");
  EXPECT_TRUE(Agree("x^2+2x+1", "(x+1)^2"));
  EXPECT_TRUE(Agree("4N^3+9N^2+6N+1", "(N+1)^2(4N+1)"));
  EXPECT_TRUE(Agree("\\frac{n^2-n}{2}", "\\frac{n(n-1)}2"));
  EXPECT_TRUE(Agree("1+x", "x + 1"));
  EXPECT_TRUE(Agree("0", "x^2 - x^2"));
  EXPECT_TRUE(Agree("\\frac{1}{x-1}-\\frac{1}{x+1}", "\\frac{2}{x^2-1}"));
  EXPECT_FALSE(Agree("x^2+2x+1", "(x-1)^2"));
  EXPECT_FALSE(Agree("x^2+2x-1", "(x+1)^2"));
  EXPECT_FALSE(Agree("x", "y"));
  EXPECT_FALSE(Agree("x_1", "x_2"));
  EXPECT_FALSE(Agree("2x", "2"));
}

TEST(Equivalence, RootsAreReducedExactly) {
  EXPECT_EQ(RuleOf("\\sqrt{117}", "3\\sqrt{13}"), "algebra");
  EXPECT_TRUE(Agree("\\sqrt{117}", "3\\sqrt{13}"));
  EXPECT_TRUE(Agree("\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}"));
  EXPECT_TRUE(Agree("2\\sqrt{2}", "\\sqrt8"));
  EXPECT_TRUE(Agree("2", "\\sqrt[3]{8}"));
  EXPECT_TRUE(Agree("2**(1/4)", "\\sqrt{\\sqrt{2}}"));
  EXPECT_TRUE(Agree("\\sqrt{-4}", "2i"));
  EXPECT_TRUE(Agree("(1+i)^2", "2i"));
  EXPECT_TRUE(Agree("\\frac{1}{\\sqrt{3}-1}", "\\frac{\\sqrt{3}+1}{2}"));
  EXPECT_TRUE(Agree("\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt{2}"));
  EXPECT_FALSE(Agree("\\sqrt{2}", "\\sqrt{3}"));
  EXPECT_FALSE(Agree("\\sqrt{2}+\\sqrt{3}", "\\sqrt{5}"));
  EXPECT_FALSE(Agree("\\sqrt{x^2}", "x"));
}

TEST(Equivalence, FunctionsAreCheckedNumerically) {
  EXPECT_EQ(RuleOf("\\sin^2 x+\\cos^2 x", "1"), "numeric check");
  EXPECT_TRUE(Agree("\\sin^2 x+\\cos^2 x", "1"));
  EXPECT_TRUE(Agree("\\sin(2x)", "2\\sin x\\cos x"));
  EXPECT_TRUE(Agree("\\frac{\\pi}{3}", "\\arccos\\frac12"));
  EXPECT_TRUE(Agree("\\log_2 8", "3"));
  EXPECT_TRUE(Agree("e^{\\ln 5}", "5"));
  EXPECT_TRUE(Agree("\\frac{2}{\\pi}-1", "\\frac2\\pi-1"));
  EXPECT_FALSE(Agree("\\sin x", "\\cos x"));
  EXPECT_FALSE(Agree("|x|", "x"));
  EXPECT_FALSE(Agree("\\pi", "\\frac{22}{7}"));
  EXPECT_FALSE(Agree("\\pi", "3.14"));
}

TEST(Equivalence, ALongDecimalMayStandForAnExactValue) {
  EXPECT_TRUE(Agree("\\sqrt{2}", "1.4142135623730951"));
  EXPECT_TRUE(Agree("\\frac{2}{3}", "0.6666667"));
  EXPECT_TRUE(Agree("\\frac{\\sqrt{3}}{3}", "\\frac{\\sqrt{3}}{3} \\approx 0.577"));
  EXPECT_FALSE(Agree("\\sqrt{2}", "1.41"));
  EXPECT_FALSE(Agree("\\frac{2}{3}", "0.67"));
  EXPECT_FALSE(Agree("\\sqrt{2}", "1.4142165"));
  EXPECT_FALSE(Agree("3.14159265", "3.14159266"));
}

TEST(Equivalence, IntegersNeverHideInATolerance) {
  EXPECT_FALSE(Agree("\\sqrt{10^{80}+1}", "10^{40}"));
  EXPECT_FALSE(Agree("10^{40}+1", "10^{40}"));
  EXPECT_FALSE(Agree("2^{100}", "2^{100}+1"));
  EXPECT_TRUE(Agree("2^{10}", "1024"));
  EXPECT_TRUE(Agree("120", "\\binom{16}{2}"));
  EXPECT_TRUE(Agree("604800", "5!7!"));
}

TEST(Equivalence, ListsSetsAndTuplesAgreePartByPart) {
  EXPECT_TRUE(Agree("\\{1,2,3\\}", "\\{3, 2, 1\\}"));
  EXPECT_TRUE(Agree("-2,1", "1, -2"));
  EXPECT_TRUE(Agree("1 \\pm \\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"));
  EXPECT_TRUE(Agree("(\\frac12, \\sqrt{8})", "(0.5, 2\\sqrt{2})"));
  EXPECT_TRUE(Agree("1 \\text{ and } 2", "1, 2"));
  EXPECT_FALSE(Agree("(1, 2)", "(2, 1)"));
  EXPECT_FALSE(Agree("\\{1,2,2\\}", "\\{1,1,2\\}"));
  EXPECT_FALSE(Agree("10, 4, 2", "4, 12, 2"));
  EXPECT_FALSE(Agree("1, 2", "1"));
  EXPECT_TRUE(Agree("\\emptyset", "\\{\\}"));
}

TEST(Equivalence, IntervalsKeepTheirBrackets) {
  EXPECT_TRUE(Agree("x \\in [-2,7]", "[-2, 7]"));
  EXPECT_TRUE(Agree("(-\\infty, 2) \\cup (3, \\infty)", "(3,\\infty) \\cup (-\\infty,2)"));
  EXPECT_TRUE(Agree("(1, 2]", "1 < x \\le 2"));
  EXPECT_FALSE(Agree("[0, 1)", "[0, 1]"));
  EXPECT_FALSE(Agree("(1, 2]", "1 \\le x \\le 2"));
}

TEST(Equivalence, FiniteSetsAreComputed) {
  EXPECT_TRUE(Agree("\\{1,2,3\\}", "{1,2} \\cup {2,3}"));
  EXPECT_TRUE(Agree("\\{2\\}", "\\{1,2\\} \\cap \\{2,3\\}"));
  EXPECT_TRUE(Agree("\\{1\\}", "\\{1,2\\} \\setminus \\{2\\}"));
  EXPECT_FALSE(Agree("\\{1,2,3\\}", "\\{1,2\\} \\cup \\{3,4\\}"));
}

TEST(Equivalence, MatricesAgreeCellByCell) {
  EXPECT_TRUE(
      Agree("\\begin{pmatrix} 1/5 \\\\ -18/5 \\end{pmatrix}", "\\begin{bmatrix}0.2\\\\-3.6\\end{bmatrix}"));
  EXPECT_FALSE(Agree("\\begin{pmatrix}1 & 2 \\\\ 3 & 5\\end{pmatrix}",
                     "\\begin{pmatrix}1 & 2 \\\\ 3 & 4\\end{pmatrix}"));
  EXPECT_FALSE(Agree("\\begin{pmatrix}1 & 2\\end{pmatrix}", "\\begin{pmatrix}1 \\\\ 2\\end{pmatrix}"));
}

TEST(Equivalence, EquationsAgreeUpToAFactor) {
  EXPECT_TRUE(Agree("x - (y+2) = 0", "x = y + 2"));
  EXPECT_TRUE(Agree("y = 2x+3", "2x - y + 3 = 0"));
  EXPECT_TRUE(Agree("2x+4y=6", "x+2y=3"));
  EXPECT_TRUE(Agree("y = x^2+2x+1", "2x+1+x^2"));
  EXPECT_TRUE(Agree("2=x", "2"));
  EXPECT_FALSE(Agree("5x - 7y + 11z + 4 = 0", "x + y - z + 2 = 0"));
  EXPECT_FALSE(Agree("x = 5", "y = 5"));
  EXPECT_FALSE(Agree("x + y = 5", "5"));
}

TEST(Equivalence, ACalculationStatesItsLastSideAndAnEquationDoesNot) {
  EXPECT_TRUE(Agree("5", "3+2 = 5"));
  EXPECT_TRUE(Agree("2/3", "\\frac{\\frac12}{\\frac34} = \\frac23"));
  EXPECT_TRUE(Agree("1", "\\lim_{x \\to 0} \\frac{\\sin x}{x} = 1"));
  EXPECT_FALSE(Agree("13", "x^2 + y^2 = 13"));
  EXPECT_FALSE(Agree("-50", "4x-5y=-50"));
  EXPECT_FALSE(Agree("3", "3+2 = 5"));
}

TEST(Equivalence, AFunctionOfANumberIsNoProduct) {
  EXPECT_FALSE(Agree("I(0) e^{-\\frac{t}{R C}}", "I(0)"));
  EXPECT_FALSE(Agree("f(0)", "g(0)"));
  EXPECT_TRUE(Agree("n(n-1)", "n^2-n"));
}

TEST(Equivalence, InequalitiesKeepTheirDirection) {
  EXPECT_TRUE(Agree("2>x", "x<2"));
  EXPECT_TRUE(Agree("x \\le 2", "2x \\le 4"));
  EXPECT_TRUE(Agree("-x < 2", "x > -2"));
  EXPECT_FALSE(Agree("x<2", "x>2"));
  EXPECT_FALSE(Agree("x<2", "x \\le 2"));
}

TEST(Equivalence, WordsAreNoProducts) {
  EXPECT_FALSE(Agree("east", "seat"));
  EXPECT_FALSE(Agree("act", "cat"));
  EXPECT_TRUE(Agree("\\text{East}", "east"));
  EXPECT_FALSE(Agree("\\text{odd}", "\\text{even}"));
}

TEST(Equivalence, UnitsMayBeLeftOutButNotChanged) {
  EXPECT_TRUE(Agree("10000", "10^4 \\text{ square units}"));
  EXPECT_TRUE(Agree("12", "12^{\\mathrm{th}} \\text{ grade}"));
  EXPECT_FALSE(Agree("12\\text{ cm}", "12\\text{ m}"));
}

TEST(Equivalence, WorkIsBoundedWhateverIsAsked) {
  EXPECT_FALSE(Agree("5", "10^{10^{10}}"));
  EXPECT_FALSE(Agree("1", "9^{9^{9^{9}}}"));
  EXPECT_FALSE(Agree("0", "(a+b+c+d+e+f+g+h)^{64}"));
  EXPECT_FALSE(Agree("5", "100000!"));
  EXPECT_FALSE(Agree("5", "\\binom{1000000}{500000}"));
  EXPECT_FALSE(Agree("5", "\\sin(10^{1000})"));
  EXPECT_FALSE(Agree("5", "\\sqrt[1000000]{2}"));
  std::string nested = "x";
  for (int i = 0; i < 300; ++i) nested = "\\sqrt{" + nested + "+1}";
  EXPECT_FALSE(Agree("5", nested));
  std::string tower = "2";
  for (int i = 0; i < 40; ++i) tower = "2^{" + tower + "}";
  EXPECT_FALSE(Agree("5", tower));
  EXPECT_FALSE(Agree("5", std::string(900, '(') + "4" + std::string(900, ')')));
  std::string set = "\\{1";
  for (int i = 2; i < 300; ++i) set += ",\\sin(" + std::to_string(i) + ")";
  EXPECT_FALSE(Agree(set + "\\}", set + ",1\\}"));
}

TEST(MathExpr, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {"", "+", "(", "x)", "1..2", "\\unknown", "\\frac{1}", "x^", "a=b", "1,2", "|x", "\\sqrt", "x__y"}) {
    EXPECT_FALSE(ParseMath(text).has_value()) << text;
  }
}

TEST(MathExact, TellsProvenDifferenceFromDoubt) {
  const auto compare = [](const char* a, const char* b) {
    return CompareExactly(*ParseMath(a), *ParseMath(b));
  };
  EXPECT_EQ(compare("(x+1)^2", "x^2+2x+1"), ExactVerdict::kEqual);
  EXPECT_EQ(compare("x+1", "x"), ExactVerdict::kDifferent);
  EXPECT_EQ(compare("\\sin x", "\\cos x"), ExactVerdict::kUnknown);
  EXPECT_EQ(compare("10^{10^{10}}", "1"), ExactVerdict::kUnknown);
  EXPECT_EQ(ConstantRatio(*ParseMath("2x+4"), *ParseMath("x+2")), BigRational(2));
  EXPECT_EQ(ConstantRatio(*ParseMath("2x+4"), *ParseMath("x+3")), std::nullopt);
}

}  // namespace
}  // namespace sprint
