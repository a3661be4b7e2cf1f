#include "eval/math_exact.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

using boost::multiprecision::cpp_int;
using Kind = MathNode::Kind;

constexpr size_t kMaxTerms = 400;
constexpr int kMaxExponent = 64;
constexpr unsigned kMaxBits = 8'000;  // of a coefficient
constexpr int kMaxSteps = 50'000;     // products of two terms, in all, by their size
constexpr int kMaxRoot = 12;
constexpr int kTrialDivisors = 2'000;

// Atoms with their exponents, by atom, exponents above zero.
using Monomial = std::vector<std::pair<int, int>>;
// Coefficients by monomial, none zero. The empty polynomial is 0.
using Poly = std::map<Monomial, BigRational>;

struct Quotient {
  Poly above;
  Poly below;
};

unsigned Bits(const cpp_int& value) { return value == 0 ? 0 : msb(abs(value)) + 1; }
bool Fits(const BigRational& value) {
  return Bits(numerator(value)) <= kMaxBits && Bits(denominator(value)) <= kMaxBits;
}

Poly Constant(BigRational value) {
  Poly poly;
  if (value != 0) poly[Monomial()] = std::move(value);
  return poly;
}

// The value of a polynomial without atoms.
std::optional<BigRational> ValueOf(const Poly& poly) {
  if (poly.empty()) return BigRational(0);
  if (poly.size() > 1 || !poly.begin()->first.empty()) return std::nullopt;
  return poly.begin()->second;
}
std::optional<BigRational> ValueOf(const Quotient& quotient) {
  const std::optional<BigRational> above = ValueOf(quotient.above);
  const std::optional<BigRational> below = ValueOf(quotient.below);
  if (!above || !below || *below == 0) return std::nullopt;
  return *above / *below;
}

// What both sides of a comparison share: the atoms, and the budget of steps. A method that would
// exceed a bound returns nullopt, and all is given up.
class Algebra {
 public:
  // True when some atom is more than a free symbol, so that two different forms may be equal.
  bool has_dependent_atoms() const { return dependent_; }

  std::optional<Quotient> Evaluate(const MathExpr& expr) {
    std::vector<Quotient> values(expr.nodes.size());
    for (size_t i = 0; i < expr.nodes.size(); ++i) {
      std::optional<Quotient> value = EvaluateNode(expr.nodes[i], values);
      if (!value) return std::nullopt;
      values[i] = *std::move(value);
    }
    return std::move(values[expr.root]);
  }

  std::optional<Poly> Multiply(const Poly& a, const Poly& b) {
    Poly product;
    for (const auto& [left, x] : a) {
      for (const auto& [right, y] : b) {
        steps_ += 1 + static_cast<int>(Bits(numerator(x)) + Bits(denominator(x)) + Bits(numerator(y)) +
                                       Bits(denominator(y))) /
                          64;
        if (steps_ > kMaxSteps) return std::nullopt;
        BigRational coefficient = x * y;
        std::optional<Monomial> monomial = Join(left, right, coefficient);
        if (!monomial || !Fits(coefficient)) return std::nullopt;
        Accumulate(product, *std::move(monomial), coefficient);
        if (product.size() > kMaxTerms) return std::nullopt;
      }
    }
    return product;
  }

 private:
  struct Atom {
    int power = 0;  // atom^power is `radicand`; 0: no such relation
    BigRational radicand;
  };

  static void Accumulate(Poly& poly, Monomial monomial, const BigRational& coefficient) {
    const auto [it, is_new] = poly.emplace(std::move(monomial), coefficient);
    if (!is_new) it->second += coefficient;
    if (it->second == 0) poly.erase(it);
  }

  // The product of two monomials; powers of roots go into the coefficient.
  std::optional<Monomial> Join(const Monomial& a, const Monomial& b, BigRational& coefficient) {
    std::map<int, int> exponents(a.begin(), a.end());
    for (const auto& [atom, exponent] : b) exponents[atom] += exponent;
    Monomial out;
    for (auto& [atom, exponent] : exponents) {
      const Atom& known = atoms_[atom];
      while (known.power > 0 && exponent >= known.power) {
        coefficient *= known.radicand;
        exponent -= known.power;
        if (!Fits(coefficient)) return std::nullopt;
      }
      if (exponent > kMaxExponent) return std::nullopt;
      if (exponent > 0) out.emplace_back(atom, exponent);
    }
    return out;
  }

  int AtomOf(const std::string& key, Atom atom, bool dependent) {
    const auto [it, is_new] = by_key_.emplace(key, static_cast<int>(atoms_.size()));
    if (is_new) atoms_.push_back(std::move(atom));
    dependent_ |= dependent;
    return it->second;
  }
  Quotient Whole(const std::string& key, Atom atom, bool dependent) {
    Poly poly;
    poly[Monomial{{AtomOf(key, std::move(atom), dependent), 1}}] = 1;
    return {std::move(poly), Constant(1)};
  }

  // One spelling of a quotient, for the key of an atom.
  static std::string Spell(const Quotient& quotient) {
    const auto spell = [](const Poly& poly) {
      std::string out;
      for (const auto& [monomial, coefficient] : poly) {
        absl::StrAppend(&out, "+", coefficient.str());
        for (const auto& [atom, exponent] : monomial) absl::StrAppend(&out, "a", atom, "^", exponent);
      }
      return out;
    };
    return absl::StrCat(spell(quotient.above), "/", spell(quotient.below));
  }

  std::optional<Quotient> Normal(std::optional<Poly> above, std::optional<Poly> below) {
    if (!above || !below || below->empty()) return std::nullopt;
    const BigRational lead = below->begin()->second;
    if (lead != 1) {
      for (auto& [monomial, coefficient] : *above) coefficient /= lead;
      for (auto& [monomial, coefficient] : *below) coefficient /= lead;
    }
    if (*above == *below) return Quotient{Constant(1), Constant(1)};
    return Quotient{*std::move(above), *std::move(below)};
  }

  std::optional<Quotient> Times(const Quotient& a, const Quotient& b) {
    return Normal(Multiply(a.above, b.above), Multiply(a.below, b.below));
  }
  std::optional<Quotient> Plus(const Quotient& a, const Quotient& b) {
    std::optional<Poly> sum = a.below == b.below ? a.above : Multiply(a.above, b.below);
    const std::optional<Poly> more = a.below == b.below ? b.above : Multiply(b.above, a.below);
    if (!sum || !more) return std::nullopt;
    for (const auto& [monomial, coefficient] : *more) Accumulate(*sum, monomial, coefficient);
    return Normal(std::move(sum), a.below == b.below ? a.below : Multiply(a.below, b.below));
  }

  std::optional<Quotient> EvaluateNode(const MathNode& node, const std::vector<Quotient>& values) {
    switch (node.kind) {
      case Kind::kNumber:
        if (!Fits(node.value)) return std::nullopt;
        return Quotient{Constant(node.value), Constant(1)};
      case Kind::kSymbol:
        if (node.name == "infty") return std::nullopt;
        if (node.name == "i") return Whole("i", {2, -1}, false);
        // π and e are transcendental; that they are independent of each other is not known, nor
        // needed: a numeric check follows.
        return Whole("s " + node.name, {}, node.name == "pi" || node.name == "e");
      case Kind::kAdd: {
        std::optional<Quotient> sum = values[node.kids[0]];
        for (size_t i = 1; i < node.kids.size() && sum; ++i) sum = Plus(*sum, values[node.kids[i]]);
        return sum;
      }
      case Kind::kMul:
        return Times(values[node.kids[0]], values[node.kids[1]]);
      case Kind::kDivide: {
        const Quotient& by = values[node.kids[1]];
        return Times(values[node.kids[0]], {by.below, by.above});
      }
      case Kind::kPower:
        return Power(values[node.kids[0]], values[node.kids[1]]);
      case Kind::kCall:
        return Call(node, values);
    }
    return std::nullopt;
  }

  std::optional<Quotient> Power(const Quotient& base, const Quotient& exponent) {
    const std::optional<BigRational> power = ValueOf(exponent);
    if (power && denominator(*power) == 1) return IntegerPower(base, numerator(*power));
    const std::optional<BigRational> constant = ValueOf(base);
    if (power && constant && denominator(*power) <= kMaxRoot && abs(numerator(*power)) <= kMaxExponent) {
      const std::optional<Quotient> root = RootOf(*constant, static_cast<int>(denominator(*power)));
      return root ? IntegerPower(*root, numerator(*power)) : std::nullopt;
    }
    return Whole(absl::StrCat("pow ", Spell(base), " ", Spell(exponent)), {}, true);
  }

  std::optional<Quotient> IntegerPower(const Quotient& base, const cpp_int& exponent) {
    const std::optional<BigRational> constant = ValueOf(base);
    if (constant && *constant == 0) {
      if (exponent <= 0) return std::nullopt;
      return base;
    }
    if (constant && abs(*constant) != 1) {
      const cpp_int bits = abs(exponent) * std::max(Bits(numerator(*constant)), Bits(denominator(*constant)));
      if (bits > kMaxBits) return std::nullopt;
    }
    // A constant of absolute value 1 needs the exponent's parity only.
    const cpp_int needed = constant && abs(*constant) == 1 ? cpp_int(abs(exponent) % 2) : abs(exponent);
    if (needed > (constant ? kMaxBits : kMaxExponent)) return std::nullopt;
    std::optional<Quotient> result = Quotient{Constant(1), Constant(1)};
    std::optional<Quotient> square = exponent < 0 ? Normal(base.below, base.above) : base;
    for (unsigned n = static_cast<unsigned>(needed); n > 0 && result && square; n /= 2) {
      if (n % 2 == 1) result = Times(*result, *square);
      if (n > 1) square = Times(*square, *square);
    }
    return square ? result : std::nullopt;
  }

  // The principal root of a rational number: √(a/b) = √(a b^(n-1)) / b, with the powers that trial
  // division finds taken out.
  std::optional<Quotient> RootOf(const BigRational& value, int n) {
    if (n == 1) return Quotient{Constant(value), Constant(1)};
    if (value == 0) return Quotient{Poly(), Constant(1)};
    if (value < 0 && n != 2) return std::nullopt;
    cpp_int inside = abs(numerator(value));
    for (int i = 1; i < n; ++i) inside *= denominator(value);
    if (Bits(inside) > kMaxBits) return std::nullopt;
    cpp_int outside = 1;
    for (int p = 2; p < kTrialDivisors; ++p) {
      const cpp_int power = pow(cpp_int(p), n);
      if (power > inside) break;
      while (inside % power == 0) {
        inside /= power;
        outside *= p;
      }
    }
    if (n == 2) {
      const cpp_int root = sqrt(inside);
      if (root * root == inside) {
        outside *= root;
        inside = 1;
      }
    }
    std::optional<Quotient> result =
        Quotient{Constant(BigRational(outside, denominator(value))), Constant(1)};
    if (inside != 1) {
      result =
          Times(*result, Whole(absl::StrCat("root ", n, " ", inside.str()), {n, BigRational(inside)}, true));
    }
    if (value < 0 && result) result = Times(*result, Whole("i", {2, -1}, false));
    return result;
  }

  std::optional<Quotient> Call(const MathNode& node, const std::vector<Quotient>& values) {
    const std::optional<BigRational> first = ValueOf(values[node.kids[0]]);
    const std::optional<BigRational> second =
        node.kids.size() > 1 ? ValueOf(values[node.kids[1]]) : std::nullopt;
    if (node.name == "root") {
      const bool index = second && denominator(*second) == 1 && *second >= 1 && *second <= kMaxRoot;
      if (first && index) {
        const int n = static_cast<int>(numerator(*second));
        if (*first < 0 && n % 2 == 1) {
          const std::optional<Quotient> root = RootOf(-*first, n);
          return root ? Times(*root, {Constant(-1), Constant(1)}) : std::nullopt;
        }
        return RootOf(*first, n);
      }
    }
    if (node.name == "exp") return Power(Whole("s e", {}, true), values[node.kids[0]]);
    if (node.name == "abs" && first) return Quotient{Constant(abs(*first)), Constant(1)};
    if ((node.name == "floor" || node.name == "ceil") && first) {
      cpp_int whole = numerator(*first) / denominator(*first);
      if (whole > *first) --whole;
      if (node.name == "ceil" && whole < *first) ++whole;
      return Quotient{Constant(BigRational(whole)), Constant(1)};
    }
    if (node.name == "factorial" && first) return Factorial(*first);
    if (node.name == "binom" && first && second) return Binomial(*first, *second);
    std::string key = node.name;
    for (const int kid : node.kids) absl::StrAppend(&key, " ", Spell(values[kid]));
    return Whole(key, {}, true);
  }
  std::optional<Quotient> Factorial(const BigRational& n) {
    if (denominator(n) != 1 || n < 0 || n > 400) return std::nullopt;
    cpp_int product = 1;
    for (int k = 2; k <= n; ++k) product *= k;
    return Quotient{Constant(BigRational(product)), Constant(1)};
  }
  std::optional<Quotient> Binomial(const BigRational& n, const BigRational& k) {
    if (denominator(n) != 1 || denominator(k) != 1 || n < 0 || k < 0 || n > 1'000) return std::nullopt;
    cpp_int product = k > n ? 0 : 1;
    for (int i = 1; i <= k && k <= n; ++i) product = product * (numerator(n) - i + 1) / i;
    return Quotient{Constant(BigRational(product)), Constant(1)};
  }

  std::vector<Atom> atoms_;
  std::map<std::string, int> by_key_;
  bool dependent_ = false;
  int steps_ = 0;
};

}  // namespace

ExactVerdict CompareExactly(const MathExpr& a, const MathExpr& b) {
  Algebra algebra;
  const std::optional<Quotient> x = algebra.Evaluate(a);
  const std::optional<Quotient> y = x ? algebra.Evaluate(b) : std::nullopt;
  if (!y) return ExactVerdict::kUnknown;
  const std::optional<Poly> left = algebra.Multiply(x->above, y->below);
  const std::optional<Poly> right = algebra.Multiply(y->above, x->below);
  if (!left || !right) return ExactVerdict::kUnknown;
  if (*left == *right) return ExactVerdict::kEqual;
  return algebra.has_dependent_atoms() ? ExactVerdict::kUnknown : ExactVerdict::kDifferent;
}

std::optional<BigRational> ConstantRatio(const MathExpr& a, const MathExpr& b) {
  Algebra algebra;
  const std::optional<Quotient> x = algebra.Evaluate(a);
  const std::optional<Quotient> y = x ? algebra.Evaluate(b) : std::nullopt;
  if (!y || x->above.empty() || y->above.empty()) return std::nullopt;
  const std::optional<Poly> left = algebra.Multiply(x->above, y->below);
  std::optional<Poly> right = algebra.Multiply(y->above, x->below);
  if (!left || !right || left->size() != right->size() || left->empty()) return std::nullopt;
  const auto other = right->find(left->begin()->first);
  if (other == right->end()) return std::nullopt;
  const BigRational ratio = left->begin()->second / other->second;
  for (auto& [monomial, coefficient] : *right) coefficient *= ratio;
  return *left == *right ? std::optional<BigRational>(ratio) : std::nullopt;
}

}  // namespace sprint
