#include "eval/exact_number.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "eval/units.h"

namespace sprint {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

// Reads a number from the front of a text; every method leaves the text alone when it fails.
class NumberReader {
 public:
  explicit NumberReader(absl::string_view text) : rest_(text) {}

  absl::string_view rest() const { return rest_; }
  void SkipSpaces() {
    while (absl::ConsumePrefix(&rest_, " ")) {
    }
  }
  bool Take(absl::string_view prefix) { return absl::ConsumePrefix(&rest_, prefix); }

  // A sign of -1 or 1, and a currency on either side of it.
  int Sign() {
    int sign = 1;
    for (;;) {
      SkipSpaces();
      if (Take("-")) {
        sign = -sign;
      } else if (!Take("+") && !Take("$") && !Take("USD ")) {
        return sign;
      }
    }
  }

  // An unsigned number: mixed, a fraction or a decimal.
  std::optional<Rational> Unsigned() {
    const absl::string_view before = rest_;
    std::optional<Rational> value = Latex();
    if (!value) value = DecimalOrRatio();
    if (!value) rest_ = before;
    return value;
  }

  // Digits with separators, a point, an exponent.
  std::optional<Rational> Decimal(bool* is_integer = nullptr) {
    const absl::string_view before = rest_;
    std::string digits = Integer();
    bool any = !digits.empty();
    int scale = 0;
    if (is_integer != nullptr) *is_integer = true;
    if (absl::StartsWith(rest_, ".") && (any || (rest_.size() > 1 && IsDigit(rest_[1])))) {
      if (is_integer != nullptr) *is_integer = false;
      rest_.remove_prefix(1);
      while (!rest_.empty() && IsDigit(rest_[0])) {
        digits.push_back(rest_[0]);
        rest_.remove_prefix(1);
        ++scale;
        any = true;
      }
    }
    const std::optional<int> exponent = Exponent();
    if (!any || !exponent || digits.size() > kMaxNumberDigits) {
      rest_ = before;
      return std::nullopt;
    }
    if (is_integer != nullptr && *exponent != 0) *is_integer = false;
    return Scaled(digits, *exponent - scale);
  }

 private:
  // Digits alone, or 1,234,567.
  std::string Integer() {
    std::string digits;
    while (!rest_.empty() && IsDigit(rest_[0])) {
      digits.push_back(rest_[0]);
      rest_.remove_prefix(1);
    }
    if (digits.empty() || digits.size() > 3 || digits == "0") return digits;
    while (rest_.size() >= 4 && rest_[0] == ',' && IsDigit(rest_[1]) && IsDigit(rest_[2]) &&
           IsDigit(rest_[3]) && (rest_.size() == 4 || !IsDigit(rest_[4]))) {
      digits.append(rest_.data() + 1, 3);
      rest_.remove_prefix(4);
    }
    return digits;
  }

  // 0 when there is none; nullopt when it is too large.
  std::optional<int> Exponent() {
    absl::string_view at = rest_;
    bool braces = false;
    if (absl::ConsumePrefix(&at, "e") || absl::ConsumePrefix(&at, "E")) {
    } else {
      while (absl::ConsumePrefix(&at, " ")) {
      }
      if (!absl::ConsumePrefix(&at, "*")) return 0;
      while (absl::ConsumePrefix(&at, " ")) {
      }
      if (!absl::ConsumePrefix(&at, "10^")) return 0;
      braces = absl::ConsumePrefix(&at, "{");
    }
    const bool negative = absl::ConsumePrefix(&at, "-");
    if (!negative) absl::ConsumePrefix(&at, "+");
    if (at.empty() || !IsDigit(at[0])) return 0;
    int exponent = 0;
    for (; !at.empty() && IsDigit(at[0]); at.remove_prefix(1)) {
      exponent = std::min(kMaxNumberExponent + 1, exponent * 10 + (at[0] - '0'));
    }
    if (braces && !absl::ConsumePrefix(&at, "}")) return 0;
    if (exponent > kMaxNumberExponent) return std::nullopt;
    rest_ = at;
    return negative ? -exponent : exponent;
  }

  static Rational Scaled(absl::string_view digits, int power) {
    while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);  // or it is read as octal
    Rational value;
    value.numerator = BigInt(std::string(digits));
    const BigInt scale = boost::multiprecision::pow(BigInt(10), static_cast<unsigned>(std::abs(power)));
    (power < 0 ? value.denominator : value.numerator) *= scale;
    return value;
  }

  // \frac{a}{b}, a and b decimals with a sign.
  std::optional<Rational> Latex() {
    if (!Take("\\frac")) return std::nullopt;
    const std::optional<Rational> above = Braced();
    const std::optional<Rational> below = above ? Braced() : std::nullopt;
    return below ? Ratio(*above, *below) : std::nullopt;
  }
  std::optional<Rational> Braced() {
    if (!Take("{")) return std::nullopt;
    const int sign = Sign();
    std::optional<Rational> value = Decimal();
    SkipSpaces();
    if (!value || !Take("}")) return std::nullopt;
    value->numerator *= sign;
    return value;
  }

  // a/b, a decimal, or an integer with a proper fraction behind it.
  std::optional<Rational> DecimalOrRatio() {
    bool is_integer = false;
    std::optional<Rational> value = Decimal(&is_integer);
    if (!value) return std::nullopt;
    const absl::string_view after = rest_;
    SkipSpaces();
    if (Take("/")) {
      SkipSpaces();
      Take("$");
      const std::optional<Rational> below = Decimal();
      if (below) return Ratio(*value, *below);
    } else if (is_integer) {
      const bool spaced = rest_.size() != after.size();
      const std::optional<Rational> part =
          spaced || absl::StartsWith(rest_, "\\frac") ? ProperFraction() : std::nullopt;
      if (part) return Rational{value->numerator * part->denominator + part->numerator, part->denominator};
    }
    rest_ = after;
    return value;
  }
  std::optional<Rational> ProperFraction() {
    if (absl::StartsWith(rest_, "\\frac")) {
      const std::optional<Rational> part = Latex();
      return part && part->numerator >= 0 ? part : std::nullopt;
    }
    bool integers = false;
    const std::optional<Rational> above = Decimal(&integers);
    if (!above || !integers || !Take("/")) return std::nullopt;
    const std::optional<Rational> below = Decimal(&integers);
    return below && integers ? Ratio(*above, *below) : std::nullopt;
  }

  static std::optional<Rational> Ratio(const Rational& a, const Rational& b) {
    if (b.numerator == 0) return std::nullopt;
    Rational ratio{a.numerator * b.denominator, a.denominator * b.numerator};
    if (ratio.denominator < 0) {
      ratio.denominator = -ratio.denominator;
      ratio.numerator = -ratio.numerator;
    }
    return ratio;
  }

  absl::string_view rest_;
};

// "th" of 12th and 12^{th}, unless it begins a word.
void SkipOrdinal(absl::string_view& rest) {
  absl::string_view at = rest;
  const bool braces = absl::ConsumePrefix(&at, "^{");
  const bool raised = braces || absl::ConsumePrefix(&at, "^");
  at = absl::StripLeadingAsciiWhitespace(at);
  if (!raised && at.size() != rest.size()) return;
  for (const absl::string_view ending : {"th", "st", "nd", "rd"}) {
    if (!absl::ConsumePrefix(&at, ending)) continue;
    if (!at.empty() && IsLetter(at[0])) return;
    if (braces) {
      at = absl::StripLeadingAsciiWhitespace(at);
      absl::ConsumePrefix(&at, "}");
    }
    rest = at;
    return;
  }
}

}  // namespace

std::optional<WrittenNumber> ReadNumber(absl::string_view text) {
  NumberReader reader(text);
  WrittenNumber number;
  const int sign = reader.Sign();
  absl::string_view rest = reader.rest();
  if (const std::optional<Rational> value = reader.Unsigned()) {
    number.value = *value;
    rest = reader.rest();
  } else if (const std::optional<int64_t> words = TakeNumberWords(rest)) {
    number.value.numerator = *words;
  } else {
    return std::nullopt;
  }
  number.value.numerator *= sign;
  number.value.numerator *= boost::multiprecision::pow(BigInt(10), TakeScaleWord(rest));
  SkipOrdinal(rest);
  const absl::string_view packed = absl::StripLeadingAsciiWhitespace(rest);
  for (const absl::string_view percent : {"%", "percent", "per cent"}) {
    if (!absl::StartsWith(packed, percent)) continue;
    number.percent = true;
    rest = packed.substr(percent.size());
  }
  const std::optional<std::string> unit = ReadUnit(rest);
  if (!unit) return std::nullopt;
  number.unit = *unit;
  return number;
}

}  // namespace sprint
