// Exact rational numbers, read from the ways answers write them.
#ifndef SPRINT_EVAL_EXACT_NUMBER_H_
#define SPRINT_EVAL_EXACT_NUMBER_H_

#include <boost/multiprecision/cpp_int.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

using BigInt = boost::multiprecision::cpp_int;

// numerator / denominator, not reduced; denominator > 0.
struct Rational {
  BigInt numerator;
  BigInt denominator = 1;
  friend bool operator==(const Rational& a, const Rational& b) {
    return a.numerator * b.denominator == b.numerator * a.denominator;
  }
};

// A number as an answer writes it, and what stood around it.
struct WrittenNumber {
  Rational value;
  bool percent = false;
  std::string unit;  // as ReadUnit (units.h) has it; may be empty
};

// Beyond these a number is not read (the caller compares texts): no input makes it slow.
inline constexpr size_t kMaxNumberDigits = 2'000;
inline constexpr int kMaxNumberExponent = 2'000;

// Reads the whole of `text` (as CleanAnswer leaves it) as one number: an integer with or without
// thousands separators, a decimal, a/b, \frac{a}{b}, a mixed number, a power of ten times a decimal;
// number words ("twenty-five"), a number of thousands or millions; with an optional sign, currency,
// percent sign and unit. nullopt for anything else.
std::optional<WrittenNumber> ReadNumber(absl::string_view text);

}  // namespace sprint

#endif  // SPRINT_EVAL_EXACT_NUMBER_H_
