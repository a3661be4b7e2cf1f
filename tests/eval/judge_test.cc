#include "eval/judge.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

bool Agree(absl::string_view gold, absl::string_view answer) { return AnswersAgree(gold, answer, nullptr); }

TEST(Judge, NumbersAgreeByExactValue) {
  EXPECT_TRUE(Agree("18", "18.0"));
  EXPECT_TRUE(Agree("0.5", "\\frac12"));
  EXPECT_TRUE(Agree("1000", "1,000"));
  EXPECT_TRUE(Agree("2.5", "2\\frac{1}{2}"));
  EXPECT_TRUE(Agree("10", "\\$10"));
  EXPECT_FALSE(Agree("18", "19"));
  EXPECT_FALSE(Agree("18", "-18"));
  EXPECT_FALSE(Agree("0.333", "\\frac13"));
  EXPECT_FALSE(Agree("100000000000000000000", "100000000000000000001"));
}

TEST(Judge, UnitsAndPercentSignsMayBeLeftOutButNotChanged) {
  EXPECT_TRUE(Agree("10\\text{ units}", "10"));
  EXPECT_TRUE(Agree("5", "5 cm"));
  EXPECT_FALSE(Agree("5 cm", "5 m"));
  EXPECT_TRUE(Agree("50\\%", "50"));
  EXPECT_TRUE(Agree("50%", "0.5"));
  EXPECT_FALSE(Agree("50%", "5"));
  EXPECT_TRUE(Agree("90^\\circ", "90"));
}

TEST(Judge, TextsAgreeButForTheirLooks) {
  EXPECT_TRUE(Agree("\\text{Evelyn}", "evelyn"));
  EXPECT_TRUE(Agree("(C)", "C"));
  EXPECT_TRUE(Agree("C", "\\text{(C)}"));
  EXPECT_FALSE(Agree("x", "X"));
  EXPECT_FALSE(Agree("B", "A"));
  EXPECT_TRUE(Agree("\\frac{\\sqrt{3}}{2}", "\\dfrac{\\sqrt3}{2}"));
  EXPECT_TRUE(Agree("\\left(x-2\\right)", "(x - 2)"));
  EXPECT_FALSE(Agree("\\sqrt{2}", "\\sqrt{3}"));
  EXPECT_FALSE(Agree("", ""));
  EXPECT_FALSE(Agree("0", ""));
}

TEST(Judge, ListsAgreePartByPart) {
  EXPECT_TRUE(Agree("(1, \\frac12)", "(1.0, 0.5)"));
  EXPECT_FALSE(Agree("(1, 2)", "(2, 1)"));
  EXPECT_FALSE(Agree("(1, 2)", "[1, 2]"));
  EXPECT_FALSE(Agree("(1, 2)", "(1, 2, 3)"));
  EXPECT_TRUE(Agree("1, 2, 3", "1,2,3"));
}

TEST(Judge, ANameBeforeAnEqualsSignMayBeLeftOut) {
  EXPECT_TRUE(Agree("5", "x = 5"));
  EXPECT_TRUE(Agree("x=5", "5"));
  EXPECT_FALSE(Agree("x=5", "y=5"));
}

TEST(Judge, AVerdictSaysWhatWasFoundAndWhy) {
  const Verdict right = Judge("thus \\boxed{18}", "18");
  EXPECT_TRUE(right.correct);
  EXPECT_EQ(right.extraction.rule, "boxed");
  EXPECT_EQ(right.reason, "18 = 18 (text)");
  const Verdict wrong = Judge("thus 17", "18");
  EXPECT_FALSE(wrong.correct);
  EXPECT_EQ(wrong.reason, "17 differs from 18 (algebra)");
  EXPECT_EQ(Judge("no idea", "18").reason, "nothing extracted");
}

TEST(Judge, AGoldAnswerMayBeAWholeSolution) {
  EXPECT_TRUE(Judge("A: 18", "9 * 2 = <<9*2=18>>18\n#### 18").correct);
  EXPECT_TRUE(Judge("\\boxed{18}", "It is $\\boxed{18}$.").correct);
}

TEST(Judge, AMegabyteOfAnythingEndsInAVerdict) {
  for (const char* piece :
       {"{", "}", "(", ",", "\\frac", "\\boxed{", "\\text{", "1", "-", "$", "=", "^", "\xff", " "}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    AnswersAgree(text, "18", nullptr);
    AnswersAgree("18", text, nullptr);
    AnswersAgree(text, text + "1", nullptr);
    Judge(text, "18");
  }
}

}  // namespace
}  // namespace sprint
