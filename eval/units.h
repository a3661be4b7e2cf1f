// Units of measure and number words, as answers write them behind and instead of digits.
#ifndef SPRINT_EVAL_UNITS_H_
#define SPRINT_EVAL_UNITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// One spelling of the words behind a number: "square centimeters", "sq cm" and "cm^2" are "cm^2", "miles
// per hour" and "mph" are "/hour mile". Words that are no known unit stay ("red apple"); "units" are none.
// A single letter that stands at the number without a space, or that is no unit's, is a variable. nullopt: no
// unit.
std::optional<std::string> ReadUnit(absl::string_view text);

// Whether both may stand behind the same number: equal, or one says more words, none of them a known
// unit ("apples", "red apples"). No unit agrees with every unit.
bool UnitsAgree(const std::string& a, const std::string& b);

// "10^4 square units" without its unit; the text itself where nothing is left before one.
absl::string_view WithoutUnit(absl::string_view text);

// Takes "twenty-five", "three hundred and six" off the front of `rest`. nullopt leaves it alone.
std::optional<int64_t> TakeNumberWords(absl::string_view& rest);
// Takes " million" and its kin: the power of ten, or 0.
int TakeScaleWord(absl::string_view& rest);

}  // namespace sprint

#endif  // SPRINT_EVAL_UNITS_H_
