#include "eval/math_numeric.h"

#include <algorithm>
#include <boost/multiprecision/cpp_complex.hpp>
#include <string>

#include "base/rng.h"

namespace sprint {
namespace {

using Kind = MathNode::Kind;
using Complex = boost::multiprecision::cpp_complex_50;
using Real = Complex::value_type;

constexpr int kPoints = 6;
constexpr int kNeeded = 3;
constexpr uint64_t kSeed = 0x5370726e74;

// What counts as no difference. Values beyond `size`, where `relative` could come near an integer,
// are never equal by a numeric check.
struct Limits {
  Real relative{"1e-35"};
  Real absolute{"1e-45"};
  Real size{"1e30"};
};
const Limits& TheLimits() {
  static const Limits limits;
  return limits;
}

bool IsFinite(const Complex& z) { return isfinite(z.real()) && isfinite(z.imag()); }
Real SizeOf(const Complex& z) { return abs(z); }
bool IsReal(const Complex& z) { return abs(z.imag()) <= TheLimits().absolute; }

// Arguments beyond this make exp and the trigonometric functions slow or meaningless.
bool IsModerate(const Complex& z) { return IsFinite(z) && SizeOf(z) < 100'000; }

// FNV-1a: a symbol's stream of numbers follows from its name.
uint64_t NameHash(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : name) hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

// Between 0.5 and 3 in size, of either sign.
Complex SymbolValue(const std::string& name, int point) {
  if (name == "pi") return Complex(boost::math::constants::pi<Real>());
  if (name == "e") return Complex(boost::math::constants::e<Real>());
  if (name == "i") return Complex(0, 1);
  CounterRng rng(kSeed + static_cast<uint64_t>(point), NameHash(name));
  const Real size = Real(rng.NextUint64() >> 11) / Real(uint64_t{1} << 53) * Real(5) / 2 + Real(1) / 2;
  return Complex(rng.NextBelow(2) == 0 ? size : Real(-size));
}

bool PowerOf(const Complex& base, const Complex& exponent, Complex& out) {
  if (SizeOf(base) == 0) {
    if (!IsReal(exponent) || exponent.real() <= 0) return false;
    out = Complex(0);
    return true;
  }
  const Complex log_value = exponent * log(base);
  if (!IsModerate(log_value)) return false;
  out = exp(log_value);
  return true;
}

bool RealFunction(const MathNode& node, const Complex& x, Complex& out) {
  if (!IsReal(x)) return false;
  if (node.name == "floor") {
    out = Complex(Real(floor(x.real())));
  } else if (node.name == "ceil") {
    out = Complex(Real(ceil(x.real())));
  } else if (node.name == "sgn") {
    out = Complex(Real(x.real().sign()));
  } else {
    return false;
  }
  return true;
}

bool Logarithm(const MathNode& node, const std::vector<Complex>& kids, Complex& out) {
  if (SizeOf(kids[0]) == 0) return false;
  Complex base = kids.size() > 1 ? kids[1] : Complex(10);
  out = log(kids[0]);
  if (node.name == "ln") return kids.size() == 1;
  const Complex below = log(base);
  if (SizeOf(below) == 0) return false;
  out /= below;
  return true;
}

bool CallFunction(const MathNode& node, const std::vector<Complex>& kids, Complex& out) {
  const Complex& x = kids[0];
  const std::string& name = node.name;
  if (name == "root") {
    if (SizeOf(kids[1]) == 0) return false;
    if (IsReal(x) && x.real() < 0 && kids[1] == Complex(3)) {  // the real one
      if (!PowerOf(-x, Complex(1) / kids[1], out)) return false;
      out = -out;
      return true;
    }
    return PowerOf(x, Complex(1) / kids[1], out);
  }
  if (name == "log" || name == "ln") return Logarithm(node, kids, out);
  if (kids.size() != 1 || !IsModerate(x)) return false;
  if (name == "abs")
    out = Complex(SizeOf(x));
  else if (name == "exp")
    out = exp(x);
  else if (name == "sin")
    out = sin(x);
  else if (name == "cos")
    out = cos(x);
  else if (name == "tan")
    out = sin(x) / cos(x);
  else if (name == "cot")
    out = cos(x) / sin(x);
  else if (name == "sec")
    out = Complex(1) / cos(x);
  else if (name == "csc")
    out = Complex(1) / sin(x);
  else if (name == "arcsin")
    out = asin(x);
  else if (name == "arccos")
    out = acos(x);
  else if (name == "arctan")
    out = atan(x);
  else if (name == "sinh")
    out = sinh(x);
  else if (name == "cosh")
    out = cosh(x);
  else if (name == "tanh")
    out = tanh(x);
  else
    return RealFunction(node, x, out);
  return true;
}

bool EvaluateNode(const MathNode& node, const std::vector<Complex>& values, int point, Complex& out) {
  switch (node.kind) {
    case Kind::kNumber:
      out = Complex(Real(Real(numerator(node.value)) / Real(denominator(node.value))));
      return true;
    case Kind::kSymbol:
      if (node.name == "infty") return false;
      out = SymbolValue(node.name, point);
      return true;
    case Kind::kAdd:
      out = Complex(0);
      for (const int kid : node.kids) out += values[kid];
      return true;
    case Kind::kMul:
      out = values[node.kids[0]] * values[node.kids[1]];
      return true;
    case Kind::kDivide:
      if (SizeOf(values[node.kids[1]]) <= TheLimits().absolute) return false;
      out = values[node.kids[0]] / values[node.kids[1]];
      return true;
    case Kind::kPower:
      return PowerOf(values[node.kids[0]], values[node.kids[1]], out);
    case Kind::kCall: {
      std::vector<Complex> kids;
      for (const int kid : node.kids) kids.push_back(values[kid]);
      return CallFunction(node, kids, out);
    }
  }
  return false;
}

bool Evaluate(const MathExpr& expr, int point, Complex& out) {
  std::vector<Complex> values(expr.nodes.size());
  for (size_t i = 0; i < expr.nodes.size(); ++i) {
    if (!EvaluateNode(expr.nodes[i], values, point, values[i]) || !IsFinite(values[i])) return false;
  }
  out = values[expr.root];
  return true;
}

bool IsConstant(const MathExpr& expr) {
  for (const MathNode& node : expr.nodes) {
    if (node.kind == Kind::kSymbol && node.name != "pi" && node.name != "e" && node.name != "i") return false;
  }
  return true;
}

bool Close(const Complex& a, const Complex& b) {
  const Real size = std::max(SizeOf(a), SizeOf(b));
  if (size > TheLimits().size) return false;
  const Real difference = SizeOf(a - b);
  return difference <= TheLimits().absolute || difference <= TheLimits().relative * size;
}

bool CompareNumerically(const MathExpr& a, const MathExpr& b) {
  const bool constant = IsConstant(a) && IsConstant(b);
  int agreed = 0;
  for (int point = 0; point < (constant ? 1 : kPoints); ++point) {
    Complex x;
    Complex y;
    if (!Evaluate(a, point, x) || !Evaluate(b, point, y)) continue;
    if (!Close(x, y)) return false;
    ++agreed;
  }
  return agreed >= (constant ? 1 : kNeeded);
}

}  // namespace

bool IsRealConstant(const MathExpr& expr) {
  try {
    Complex value;
    return IsConstant(expr) && Evaluate(expr, 0, value) && IsReal(value) && SizeOf(value) <= TheLimits().size;
  } catch (const std::exception&) {
    return false;
  }
}

int CompareConstants(const MathExpr& a, const MathExpr& b) {
  try {
    Complex x;
    Complex y;
    if (!Evaluate(a, 0, x) || !Evaluate(b, 0, y) || Close(x, y)) return 0;
    return x.real() < y.real() ? -1 : 1;
  } catch (const std::exception&) {
    return 0;
  }
}

bool NumericallyEqual(const MathExpr& a, const MathExpr& b) {
  try {
    return CompareNumerically(a, b);
  } catch (const std::exception&) {  // the library's, for a value outside a function's domain
    return false;
  }
}

bool IsRoundingOf(const MathExpr& decimal, const MathExpr& exact) {
  constexpr int kSignificant = 6;
  if (decimal.decimals < 1 || decimal.significant < kSignificant || !IsConstant(exact)) return false;
  try {
    Complex x;
    Complex y;
    if (!Evaluate(decimal, 0, x) || !Evaluate(exact, 0, y) || !IsReal(y)) return false;
    return abs(Real(x.real() - y.real())) < pow(Real(10), -decimal.decimals);
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace sprint
