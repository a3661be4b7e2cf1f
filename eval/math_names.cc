#include "eval/math_names.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

constexpr std::array<absl::string_view, 25> kFunctions = {
    "sin",  "cos",  "tan", "sec", "csc", "cot", "arcsin", "arccos", "arctan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "ln",  "log", "exp", "abs", "floor",  "ceil",   "det",    "gcd",  "lcm",  "sgn"};
// Symbols that LaTeX has a command for. Others make the text no expression.
constexpr std::array<absl::string_view, 40> kSymbols = {
    "alpha", "beta",   "gamma",  "delta", "epsilon", "varepsilon", "zeta",  "eta",   "theta",    "vartheta",
    "iota",  "kappa",  "lambda", "mu",    "nu",      "xi",         "rho",   "sigma", "tau",      "upsilon",
    "phi",   "varphi", "chi",    "psi",   "omega",   "Gamma",      "Delta", "Theta", "Lambda",   "Xi",
    "Pi",    "Sigma",  "Phi",    "Psi",   "Omega",   "pi",         "infty", "ell",   "emptyset", "hbar"};

}  // namespace

bool IsFunctionName(absl::string_view name) {
  return std::find(kFunctions.begin(), kFunctions.end(), name) != kFunctions.end();
}

std::string OneFunctionName(absl::string_view name) {
  if (name == "asin" || name == "acos" || name == "atan") return absl::StrCat("arc", name.substr(1));
  return std::string(name);
}

bool IsLatexSymbol(absl::string_view name) {
  return std::find(kSymbols.begin(), kSymbols.end(), name) != kSymbols.end();
}

std::optional<BigRational> RepeatedDigits(const std::string& period,
                                          const boost::multiprecision::cpp_int& scale) {
  using boost::multiprecision::cpp_int;
  constexpr size_t kMaxPeriod = 40;
  if (period.empty() || period.size() > kMaxPeriod) return std::nullopt;
  if (period.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const size_t zeros = std::min(period.find_first_not_of('0'), period.size() - 1);  // or it is read as octal
  const cpp_int nines = pow(cpp_int(10), static_cast<unsigned>(period.size())) - 1;
  return BigRational(cpp_int(period.substr(zeros)), nines * scale);
}

}  // namespace sprint
