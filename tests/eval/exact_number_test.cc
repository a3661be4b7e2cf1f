#include "eval/exact_number.h"

#include "absl/strings/str_cat.h"
#include "eval/clean_answer.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// "numerator/denominator unit", reduced; "none" when it is no number.
std::string Read(absl::string_view text) {
  const auto number = ReadNumber(CleanAnswer(text));
  if (!number) return "none";
  const boost::multiprecision::cpp_rational value(number->value.numerator, number->value.denominator);
  return absl::StrCat(value.str(), number->percent ? "%" : "", number->unit.empty() ? "" : " ", number->unit);
}

TEST(ExactNumber, IntegersAndDecimalsAreExact) {
  EXPECT_EQ(Read("18"), "18");
  EXPECT_EQ(Read("-18."), "-18");
  EXPECT_EQ(Read("007"), "7");
  EXPECT_EQ(Read("0.1"), "1/10");
  EXPECT_EQ(Read(".5"), "1/2");
  EXPECT_EQ(Read("2.50"), "5/2");
  EXPECT_EQ(Read("-0"), "0");
  EXPECT_EQ(Read("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(Read("1e3"), "1000");
  EXPECT_EQ(Read("1.5 \\times 10^{-3}"), "3/2000");
  EXPECT_EQ(Read("2*10^5"), "200000");
}

TEST(ExactNumber, ThousandsSeparatorsMustBeInPlace) {
  EXPECT_EQ(Read("1,234,567"), "1234567");
  EXPECT_EQ(Read("1{,}000"), "1000");
  EXPECT_EQ(Read("10\\,000"), "10000");
  EXPECT_EQ(Read("\\$1,234.50"), "2469/2");
  EXPECT_EQ(Read("1,23"), "none");
  EXPECT_EQ(Read("0,123"), "none");
  EXPECT_EQ(Read("1234,567"), "none");
}

TEST(ExactNumber, FractionsAreReadHoweverWritten) {
  EXPECT_EQ(Read("3/4"), "3/4");
  EXPECT_EQ(Read("6/8"), "3/4");
  EXPECT_EQ(Read("\\frac{6}{8}"), "3/4");
  EXPECT_EQ(Read("\\dfrac34"), "3/4");
  EXPECT_EQ(Read("-\\tfrac{3}{4}"), "-3/4");
  EXPECT_EQ(Read("\\frac{-3}{4}"), "-3/4");
  EXPECT_EQ(Read("2\\frac{1}{2}"), "5/2");
  EXPECT_EQ(Read("-2 1/2"), "-5/2");
  EXPECT_EQ(Read("½"), "1/2");
  EXPECT_EQ(Read("1/0"), "none");
  EXPECT_EQ(Read("\\frac{1}{0}"), "none");
}

TEST(ExactNumber, WhatStandsAroundANumberIsKnown) {
  EXPECT_EQ(Read("50\\%"), "50%");
  EXPECT_EQ(Read("50 percent"), "50%");
  EXPECT_EQ(Read("$18"), "18");
  EXPECT_EQ(Read("18 dollars"), "18 dollar");
  EXPECT_EQ(Read("10\\text{ units}"), "10");
  EXPECT_EQ(Read("5 cm^2"), "5 cm^2");
  EXPECT_EQ(Read("45^\\circ"), "45");
  EXPECT_EQ(Read("45°"), "45");
}

TEST(ExactNumber, ExpressionsAreNoNumbers) {
  for (const char* text : {"", "x", "5x", "1+2", "2^3", "\\pi", "(1, 2)", "\\frac{x}{2}", "1 2", "1.2.3",
                           "--", "3i", "\\sqrt{2}"}) {
    EXPECT_EQ(Read(text), "none") << text;
  }
}

TEST(ExactNumber, SizesAreBounded) {
  EXPECT_EQ(Read(std::string(kMaxNumberDigits + 1, '1')), "none");
  EXPECT_NE(Read(std::string(kMaxNumberDigits, '1')), "none");
  EXPECT_EQ(Read("1e2001"), "none");
  EXPECT_EQ(Read("1e-99999999999999999999"), "none");
  EXPECT_EQ(Read("10^10^10"), "none");
}

}  // namespace
}  // namespace sprint
