#include <string>

#include "absl/strings/str_cat.h"
#include "eval/judge.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// "rule: answer"
std::string Found(absl::string_view text) {
  const Extraction found = ExtractAnswer(text);
  EXPECT_LE(found.begin, found.end);
  EXPECT_LE(found.end, text.size());
  if (!found.answer.empty()) {
    EXPECT_EQ(found.answer, text.substr(found.begin, found.end - found.begin));
  }
  return absl::StrCat(found.rule, ": ", found.answer);
}

std::string Repeat(absl::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out.append(text.data(), text.size());
  return out;
}

TEST(Extract, TheLastClosedBoxWins) {
  EXPECT_EQ(Found("so \\boxed{12}."), "boxed: 12");
  EXPECT_EQ(Found("\\boxed{1} no, \\boxed{2}, the answer is 3"), "boxed: 2");
  EXPECT_EQ(Found("\\boxed{\\frac{1}{\\sqrt{2}}}"), "boxed: \\frac{1}{\\sqrt{2}}");
  EXPECT_EQ(Found("\\boxed{\\{1, 2\\}}"), "boxed: \\{1, 2\\}");
  EXPECT_EQ(Found("\\fbox{7}"), "boxed: 7");
  EXPECT_EQ(Found("\\boxed { 7 }"), "boxed: 7");
  EXPECT_EQ(Found("$\\boxed 7$"), "boxed: 7");
  EXPECT_EQ(Found("{ \\boxed{7}"), "boxed: 7");
  EXPECT_EQ(Found("} \\boxed{7} }"), "boxed: 7");
}

TEST(Extract, ABoxThatWasCutOffSaysNothing) {
  EXPECT_EQ(Found("thus \\boxed{12"), "cut_off: ");
  EXPECT_EQ(Found("the answer is 5, so \\boxed{\\frac{1}{2"), "cut_off: ");
  EXPECT_EQ(Found("\\boxed{3} and \\boxed{12"), "boxed: 3");
}

TEST(Extract, AnEmptyBoxIsPassedOver) {
  EXPECT_EQ(Found("the answer is 5 \\boxed{}"), "answer_is: 5 \\boxed{}");
  EXPECT_EQ(Found("\\boxed{4} \\boxed{}"), "boxed: 4");
}

TEST(Extract, HashesEndAnAnswerOfGsm8k) {
  EXPECT_EQ(Found("She has 3 + 4 = 7.\n#### 7"), "hashes: 7");
  EXPECT_EQ(Found("#### 1\n#### 1,234 \nbye 9"), "hashes: 1,234");
}

TEST(Extract, TheAnswerIsWhatTheLastSentenceSaysItIs) {
  EXPECT_EQ(Found("The answer is 18."), "answer_is: 18");
  EXPECT_EQ(Found("The answer is 3.5. Good day."), "answer_is: 3.5");
  EXPECT_EQ(Found("First the answer is 4.\nThe final answer is: $x+1$. I hope so."), "answer_is: x+1");
  EXPECT_EQ(Found("**Answer:** 12\nmore 13"), "answer_is: 12");
}

TEST(Extract, TheLastNumberIsTheLastResort) {
  EXPECT_EQ(Found("3 + 4 makes 7 apples"), "last_number: 7");
  EXPECT_EQ(Found("costs $1,234.50 in all."), "last_number: $1,234.50");
  EXPECT_EQ(Found("it is -5"), "last_number: -5");
  EXPECT_EQ(Found("so 8 -5"), "last_number: 5");
  EXPECT_EQ(Found("about 12.5%!"), "last_number: 12.5%");
  EXPECT_EQ(Found("A: 3/4"), "last_number: 3/4");
}

TEST(Extract, NothingIsFoundWhereThereIsNothing) {
  EXPECT_EQ(Found(""), "none: ");
  EXPECT_EQ(Found("I do not know"), "none: ");
  EXPECT_EQ(Found("\\boxed{}"), "none: ");
}

TEST(Extract, HostileTextsCostLinearTime) {
  for (const char* piece : {"{", "}", "\\boxed{", "\\boxed", "\\boxed ", "\\", "$", "####", "answer is", "1",
                            "1,", "-", ".", "\n"}) {
    ExtractAnswer(Repeat(piece, 1'000'000 / std::string(piece).size()));
  }
  EXPECT_EQ(Found(Repeat("{", 500'000) + "\\boxed{5}"), "boxed: 5");
}

}  // namespace
}  // namespace sprint
