#include "eval/units.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sprint {
namespace {

bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

struct UnitName {
  absl::string_view spelled;  // lower case, singular
  absl::string_view meant;
};
constexpr UnitName kUnits[] = {
    {"mm", "mm"},         {"millimeter", "mm"},  {"millimetre", "mm"},
    {"cm", "cm"},         {"centimeter", "cm"},  {"centimetre", "cm"},
    {"m", "m"},           {"meter", "m"},        {"metre", "m"},
    {"km", "km"},         {"kilometer", "km"},   {"kilometre", "km"},
    {"in", "inch"},       {"inch", "inch"},      {"inches", "inch"},
    {"ft", "foot"},       {"foot", "foot"},      {"feet", "foot"},
    {"yd", "yard"},       {"yard", "yard"},      {"mi", "mile"},
    {"mile", "mile"},     {"mg", "mg"},          {"milligram", "mg"},
    {"g", "g"},           {"gram", "g"},         {"kg", "kg"},
    {"kilogram", "kg"},   {"oz", "ounce"},       {"ounce", "ounce"},
    {"lb", "pound"},      {"lbs", "pound"},      {"pound", "pound"},
    {"ton", "ton"},       {"ml", "ml"},          {"milliliter", "ml"},
    {"millilitre", "ml"}, {"l", "liter"},        {"liter", "liter"},
    {"litre", "liter"},   {"gal", "gallon"},     {"gallon", "gallon"},
    {"quart", "quart"},   {"pint", "pint"},      {"cup", "cup"},
    {"ms", "ms"},         {"millisecond", "ms"}, {"s", "second"},
    {"sec", "second"},    {"second", "second"},  {"min", "minute"},
    {"minute", "minute"}, {"h", "hour"},         {"hr", "hour"},
    {"hour", "hour"},     {"day", "day"},        {"week", "week"},
    {"month", "month"},   {"yr", "year"},        {"year", "year"},
    {"usd", "dollar"},    {"dollar", "dollar"},  {"buck", "dollar"},
    {"cent", "cent"},     {"euro", "euro"},      {"degree", "degree"},
    {"deg", "degree"},    {"rad", "radian"},     {"radian", "radian"},
    {"hz", "hertz"},      {"hertz", "hertz"},    {"n", "newton"},
    {"newton", "newton"}, {"j", "joule"},        {"joule", "joule"},
    {"w", "watt"},        {"watt", "watt"},      {"v", "volt"},
    {"volt", "volt"},     {"c", "coulomb"},      {"coulomb", "coulomb"},
    {"pa", "pascal"},     {"pascal", "pascal"},  {"k", "kelvin"},
    {"kelvin", "kelvin"}, {"ev", "ev"},          {"mol", "mole"},
    {"mole", "mole"},
};
// Words that join or compare numbers: what they stand behind is no number with a unit.
constexpr absl::string_view kNoUnits[] = {"and", "or", "half", "plus", "minus", "than", "pi"};

absl::string_view Meaning(absl::string_view word) {
  for (const UnitName& unit : kUnits) {
    if (unit.spelled == word) return unit.meant;
  }
  return "";
}

// The canonical word: a known unit's name, or the word without its plural s.
std::string Singular(const std::string& word) {
  if (const absl::string_view meant = Meaning(word); !meant.empty()) return std::string(meant);
  if (word.size() <= 3 || word.back() != 's') return word;
  const std::string without = word.substr(0, word.size() - 1);
  const absl::string_view meant = Meaning(without);
  return meant.empty() ? without : std::string(meant);
}

bool IsKnown(absl::string_view token) {
  absl::ConsumePrefix(&token, "/");
  token = token.substr(0, token.find('^'));
  return std::any_of(std::begin(kUnits), std::end(kUnits),
                     [&](const UnitName& u) { return u.meant == token; });
}

// "^2", "^{3}", "^{-1}" at the front, taken off.
std::string TakePower(absl::string_view& rest) {
  absl::string_view at = absl::StripLeadingAsciiWhitespace(rest);
  if (!absl::ConsumePrefix(&at, "^")) return "";
  const bool braces = absl::ConsumePrefix(&at, "{");
  const bool negative = absl::ConsumePrefix(&at, "-");
  if (at.empty() || at[0] < '1' || at[0] > '3') return "";
  std::string power(negative ? 1 : 0, '-');
  power.push_back(at[0]);
  at.remove_prefix(1);
  if (braces && !absl::ConsumePrefix(&at, "}")) return "";
  rest = at;
  return power;
}

// Gathers the words of a unit.
class UnitReader {
 public:
  bool Word(std::string word, std::string power) {
    if (std::find(std::begin(kNoUnits), std::end(kNoUnits), word) != std::end(kNoUnits)) return false;
    if (word == "per") {
      below_ = true;
    } else if (word == "square" || word == "sq") {
      power_ = '2';
    } else if (word == "cubic" || word == "cu") {
      power_ = '3';
    } else if (word == "mph" || word == "kph" || word == "kmh") {
      tokens_.emplace_back(word == "mph" ? "mile" : "km");
      tokens_.emplace_back("/hour");
    } else if (word == "unit" || word == "units") {
      power_ = 0;
    } else if (word.size() == 1 && Meaning(word).empty()) {
      return false;  // an unknown: "0.5 g t^2"
    } else {
      if (power.empty() && power_ != 0) power.push_back(power_);
      power_ = 0;
      bool below = std::exchange(below_, false);
      if (absl::StartsWith(power, "-")) {
        below = !below;
        power.erase(0, 1);
      }
      if (power == "1") power.clear();
      tokens_.push_back(absl::StrCat(below ? "/" : "", Singular(word), power.empty() ? "" : "^", power));
    }
    return true;
  }
  void Below() { below_ = true; }
  std::string Finish() {
    std::sort(tokens_.begin(), tokens_.end());
    return absl::StrJoin(tokens_, " ");
  }

 private:
  std::vector<std::string> tokens_;
  char power_ = 0;  // of the word that follows: '2' or '3'
  bool below_ = false;
};

struct NumberWord {
  absl::string_view word;
  int64_t value;
};
constexpr NumberWord kNumberWords[] = {
    {"zero", 0},           {"one", 1},      {"two", 2},        {"three", 3},     {"four", 4},
    {"five", 5},           {"six", 6},      {"seven", 7},      {"eight", 8},     {"nine", 9},
    {"ten", 10},           {"eleven", 11},  {"twelve", 12},    {"thirteen", 13}, {"fourteen", 14},
    {"fifteen", 15},       {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19},
    {"twenty", 20},        {"thirty", 30},  {"forty", 40},     {"fifty", 50},    {"sixty", 60},
    {"seventy", 70},       {"eighty", 80},  {"ninety", 90},    {"hundred", 100}, {"thousand", 1'000},
    {"million", 1'000'000}};

std::string FirstWord(absl::string_view text) {
  size_t n = 0;
  while (n < text.size() && n < 20 && IsLetter(text[n])) ++n;
  return absl::AsciiStrToLower(text.substr(0, n));
}

}  // namespace

std::optional<std::string> ReadUnit(absl::string_view text) {
  if (text.empty()) return "";
  const bool spaced = text[0] == ' ';
  UnitReader reader;
  size_t letters = 0;
  while (!text.empty()) {
    const char c = text[0];
    if (IsLetter(c)) {
      size_t n = 0;
      while (n < text.size() && IsLetter(text[n])) ++n;
      letters += n;
      std::string word = absl::AsciiStrToLower(text.substr(0, n));
      text.remove_prefix(n);
      if (!reader.Word(std::move(word), TakePower(text))) return std::nullopt;
      continue;
    }
    if (c == '/') reader.Below();
    if (c != ' ' && c != '/' && c != '.' && c != '-' && c != '*') return std::nullopt;
    text.remove_prefix(1);
  }
  if (letters < 2 && !(spaced && letters == 1)) return std::nullopt;
  return reader.Finish();
}

bool UnitsAgree(const std::string& a, const std::string& b) {
  if (a == b || a.empty() || b.empty()) return true;
  const std::vector<std::string> x = absl::StrSplit(a, ' ');
  const std::vector<std::string> y = absl::StrSplit(b, ' ');
  const std::vector<std::string>& more = x.size() > y.size() ? x : y;
  const std::vector<std::string>& less = x.size() > y.size() ? y : x;
  if (!std::includes(more.begin(), more.end(), less.begin(), less.end())) return false;
  std::vector<std::string> extra;
  std::set_difference(more.begin(), more.end(), less.begin(), less.end(), std::back_inserter(extra));
  return std::none_of(extra.begin(), extra.end(), [](const std::string& token) { return IsKnown(token); });
}

absl::string_view WithoutUnit(absl::string_view text) {
  absl::string_view left = text;
  for (;;) {
    left = absl::StripTrailingAsciiWhitespace(left);
    absl::string_view word = left;
    bool raised = false;
    for (const absl::string_view power : {"^2", "^3", "^{2}", "^{3}"}) {
      if (absl::ConsumeSuffix(&word, power)) raised = true;
    }
    word = absl::StripTrailingAsciiWhitespace(word);
    size_t n = word.size();
    while (n > 0 && IsLetter(word[n - 1])) --n;
    const std::string name = absl::AsciiStrToLower(word.substr(n));
    if (name.size() < 2 || n == 0 || word[n - 1] != ' ') break;
    if (raised && !IsKnown(Singular(name))) break;
    left = word.substr(0, n);
  }
  return left.find_first_of("0123456789") != absl::string_view::npos ? left : text;
}

std::optional<int64_t> TakeNumberWords(absl::string_view& rest) {
  absl::string_view at = rest;
  int64_t total = 0;
  int64_t group = 0;
  int64_t last = 0;
  bool any = false;
  for (int words = 0; words < 12; ++words) {
    const std::string word = FirstWord(at);
    const NumberWord* known = std::find_if(std::begin(kNumberWords), std::end(kNumberWords),
                                           [&](const NumberWord& w) { return w.word == word; });
    if (known == std::end(kNumberWords)) break;
    const int64_t value = known->value;
    if (value >= 1'000) {
      if (!any || group == 0) return std::nullopt;
      total += group * value;
      group = 0;
    } else if (value == 100) {
      if (!any || group == 0 || group > 9) return std::nullopt;
      group *= 100;
    } else {
      // "twenty five" is one number, "five six" two.
      const bool fits = !any || last >= 100 || (last >= 20 && value < 10 && value > 0);
      if (!fits) return std::nullopt;
      group += value;
    }
    last = value;
    any = true;
    at.remove_prefix(word.size());
    rest = at;
    absl::string_view next = at;
    if (!absl::ConsumePrefix(&next, "-")) next = absl::StripLeadingAsciiWhitespace(next);
    if (last == 100 && FirstWord(next) == "and") next = absl::StripLeadingAsciiWhitespace(next.substr(3));
    at = next;
  }
  return any ? std::optional<int64_t>(total + group) : std::nullopt;
}

int TakeScaleWord(absl::string_view& rest) {
  const absl::string_view at = absl::StripLeadingAsciiWhitespace(rest);
  const std::string word = FirstWord(at);
  const int power = word == "hundred"    ? 2
                    : word == "thousand" ? 3
                    : word == "million"  ? 6
                    : word == "billion"  ? 9
                    : word == "trillion" ? 12
                                         : 0;
  if (power > 0) rest = at.substr(word.size());
  return power;
}

}  // namespace sprint
