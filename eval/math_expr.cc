#include "eval/math_expr.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "eval/math_names.h"

namespace sprint {
namespace {

using Kind = MathNode::Kind;

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

// Recursive descent with a bounded depth. A method that fails returns -1, and all is given up.
class Parser {
 public:
  // A bar inside |…| closes it, or, if it may (`bars_open_early`), opens another where an operand follows.
  Parser(absl::string_view text, bool bars_open_early) : rest_(text), bars_open_early_(bars_open_early) {}

  std::optional<MathExpr> Run() {
    const int root = Choice();
    Skip();
    if (root < 0 || !rest_.empty()) return std::nullopt;
    expr_.root = root;
    return std::move(expr_);
  }

 private:
  // ---- Nodes ----
  int Add(MathNode node) {
    expr_.nodes.push_back(std::move(node));
    return static_cast<int>(expr_.nodes.size()) - 1;
  }
  int Make(Kind kind, std::vector<int> kids, std::string name = "") {
    for (const int kid : kids) {
      if (kid < 0) return -1;
    }
    MathNode node;
    node.kind = kind;
    node.kids = std::move(kids);
    node.name = std::move(name);
    return Add(std::move(node));
  }
  int Number(BigRational value) {
    MathNode node;
    node.value = std::move(value);
    return Add(std::move(node));
  }
  int Symbol(std::string name) { return Make(Kind::kSymbol, {}, std::move(name)); }
  int Negate(int kid) { return kid < 0 ? -1 : Make(Kind::kMul, {Number(-1), kid}); }
  bool IsInteger(int node) const {
    return node >= 0 && expr_.nodes[node].kind == Kind::kNumber && denominator(expr_.nodes[node].value) == 1;
  }

  // ---- Text ----
  void Skip() {
    while (absl::ConsumePrefix(&rest_, " ")) {
    }
  }
  bool Take(absl::string_view token) {
    Skip();
    return absl::ConsumePrefix(&rest_, token);
  }
  // A command by its whole name: "\in" is not in "\infty".
  bool TakeCommand(absl::string_view name) {
    Skip();
    if (!AtCommand(name)) return false;
    rest_.remove_prefix(name.size() + 1);
    return true;
  }
  bool AtCommand(absl::string_view name) const {
    return absl::StartsWith(rest_, "\\") && absl::StartsWith(rest_.substr(1), name) &&
           (rest_.size() == name.size() + 1 || !IsLetter(rest_[name.size() + 1]));
  }
  char Next() {
    Skip();
    return rest_.empty() ? '\0' : rest_[0];
  }
  absl::string_view LetterRun() const {
    size_t n = 0;
    while (n < rest_.size() && IsLetter(rest_[n])) ++n;
    return rest_.substr(0, n);
  }

  // ---- Grammar ----
  // Counts the depth of the rules that recur.
  struct Deeper {
    explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
    ~Deeper() { --depth_; }
    int& depth_;
  };

  // A sum, or "n \choose k", or "a \over b".
  int Choice() {
    const int above = Sum();
    if (above >= 0 && TakeCommand("choose")) return Make(Kind::kCall, {above, Sum()}, "binom");
    return above >= 0 && TakeCommand("over") ? Make(Kind::kDivide, {above, Sum()}) : above;
  }

  int Sum() {
    const Deeper deeper(depth_);
    if (depth_ > kMaxExprDepth) return -1;
    std::vector<int> terms = {Product()};
    while (terms.back() >= 0) {
      if (Take("+")) {
        terms.push_back(Product());
      } else if (Take("-")) {
        terms.push_back(Negate(Product()));
      } else {
        return terms.size() == 1 ? terms[0] : Make(Kind::kAdd, std::move(terms));
      }
    }
    return -1;
  }

  // Products and quotients from left to right; factors side by side multiply.
  int Product() {
    int left = Factor();
    while (left >= 0) {
      if (Take("*")) {
        left = Make(Kind::kMul, {left, Factor()});
      } else if (Take("/") || TakeCommand("div")) {
        left = Make(Kind::kDivide, {left, Factor()});
      } else if (StartsFactor()) {
        left = Make(Kind::kMul, {left, Mixed()});
      } else {
        return left;
      }
    }
    return -1;
  }
  bool IsProperFraction(int node) const {
    if (node < 0 || expr_.nodes[node].kind != Kind::kDivide) return false;
    const std::vector<int>& kids = expr_.nodes[node].kids;
    return IsInteger(kids[0]) && IsInteger(kids[1]);
  }
  // "over" must not stop at \overline.
  bool AtStop(absl::string_view stop) const {
    return IsLetter(stop[0]) ? AtCommand(stop) : absl::StartsWith(rest_.substr(1), stop);
  }
  bool StartsFactor() {
    const char c = Next();
    if (bars_ > 0 && c == '|') return bars_open_early_ && rest_.size() > 1 && OpensAfterBar(rest_[1]);
    if (c == '\\') {
      for (const absl::string_view stop : {"}", "rfloor", "rceil", "choose", "over", "end", "\\", "rangle"}) {
        if (AtStop(stop)) return false;
      }
      return true;
    }
    return IsDigit(c) || IsLetter(c) || c == '.' || c == '(' || c == '[' || c == '{' || c == '|';
  }

  static bool OpensAfterBar(char c) { return IsDigit(c) || IsLetter(c) || c == '(' || c == '{' || c == '\\'; }

  int Factor() {
    const Deeper deeper(depth_);
    if (depth_ > kMaxExprDepth) return -1;
    if (Take("-")) return Negate(Factor());
    if (Take("+")) return Factor();
    return Mixed();
  }
  // A power; an integer with a fraction of integers behind it is one number.
  int Mixed() {
    const int whole = Power();
    Skip();
    if (!IsInteger(whole) || !AtCommand("frac")) return whole;
    const int part = Power();
    return part < 0 ? -1 : Make(IsProperFraction(part) ? Kind::kAdd : Kind::kMul, {whole, part});
  }

  // A primary with its subscript, exponent, factorials.
  int Power() {
    int base = Primary();
    int exponent = -1;
    while (base >= 0) {
      if (Take("_")) {
        base = WithSubscript(base);
      } else if (exponent < 0 && Take("^")) {
        if ((exponent = Script()) < 0) return -1;
      } else if (Next() == '!') {
        rest_.remove_prefix(1);
        base = Make(Kind::kCall, {base}, "factorial");
      } else if (Next() == '\'') {
        rest_.remove_prefix(1);
        if (expr_.nodes[base].kind != Kind::kSymbol) return -1;
        expr_.nodes[base].name += "'";
      } else if (Next() == '%') {
        rest_.remove_prefix(1);
        base = Make(Kind::kDivide, {base, Number(100)});
      } else {
        return exponent < 0 ? base : Make(Kind::kPower, {base, exponent});
      }
    }
    return -1;
  }

  // x_1 and x_{1} are one symbol; a number in another base is one too.
  int WithSubscript(int base) {
    const std::string script = RawScript();
    MathNode& node = expr_.nodes[base];
    if (script.empty()) return -1;
    if (node.kind == Kind::kNumber) {
      node.name = node.value.str();
      node.kind = Kind::kSymbol;
    }
    if (node.kind != Kind::kSymbol) return -1;
    absl::StrAppend(&node.name, "_{", script, "}");
    return base;
  }
  // The text of a subscript without spaces.
  std::string RawScript() {
    Skip();
    std::string out;
    if (rest_.empty() || rest_[0] == '_' || rest_[0] == '^') return out;
    if (rest_[0] != '{') {
      const size_t n =
          absl::StartsWith(rest_, "\\") ? 1 + CommandName().size() : std::min<size_t>(1, rest_.size());
      out = std::string(rest_.substr(0, n));
      rest_.remove_prefix(n);
      return out;
    }
    int depth = 0;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '{' && depth++ == 0) continue;
      if (rest_[i] == '}' && --depth == 0) {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (rest_[i] != ' ') out.push_back(rest_[i]);
    }
    return "";
  }
  absl::string_view CommandName() const {
    size_t n = 1;
    while (n < rest_.size() && IsLetter(rest_[n])) ++n;
    return rest_.substr(1, n - 1);
  }

  // An exponent, or an argument of \frac and \sqrt: a group, or one digit, letter or command.
  int Script() {
    const Deeper deeper(depth_);
    if (depth_ > kMaxExprDepth) return -1;
    const char c = Next();
    if (c == '{' || c == '(' || c == '\\') return Primary();
    if (c == '-' || c == '+') {
      rest_.remove_prefix(1);
      const int script = Script();
      return c == '-' ? Negate(script) : script;
    }
    if (IsDigit(c)) {
      return Digits(DigitRun());  // 2^10 is what LaTeX would write 2^{10}: people mean it by both
    }
    if (!IsLetter(c)) return -1;
    rest_.remove_prefix(1);
    return Symbol(std::string(1, c));
  }
  int Digits(size_t n) {
    if (n > 500) return -1;
    absl::string_view digits = rest_.substr(0, n);
    rest_.remove_prefix(n);
    while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);  // or it is read as octal
    return Number(BigRational(std::string(digits)));
  }
  size_t DigitRun() const {
    size_t n = 0;
    while (n < rest_.size() && IsDigit(rest_[n])) ++n;
    return n;
  }

  int Primary() {
    const Deeper deeper(depth_);
    if (depth_ > kMaxExprDepth) return -1;
    const char c = Next();
    if (IsDigit(c) || c == '.') return Literal();
    if (IsLetter(c)) return Word();
    if (c == '(') return Group("(", ")");
    if (c == '[') return Group("[", "]");
    if (c == '{') return Group("{", "}");
    if (c == '|') return Bars();
    if (c == '\\') return Command();
    return -1;
  }

  int Group(absl::string_view open, absl::string_view close) {
    if (!Take(open)) return -1;
    const int bars = std::exchange(bars_, 0);
    const int inside = Choice();
    bars_ = bars;
    return inside >= 0 && Take(close) ? inside : -1;
  }
  int Bars() {
    Take("|");
    ++bars_;
    const int inside = Sum();
    --bars_;
    return inside >= 0 && Take("|") ? Make(Kind::kCall, {inside}, "abs") : -1;
  }
  int Between(absl::string_view close, const char* name) {
    const int bars = std::exchange(bars_, 0);
    const int inside = Sum();
    bars_ = bars;
    return inside >= 0 && TakeCommand(close) ? Make(Kind::kCall, {inside}, name) : -1;
  }

  // Digits with a point and, where no list can be meant, thousands separators.
  int Literal() {
    std::string digits;
    int decimals = 0;
    bool point = false;
    size_t n = 0;
    for (; n < rest_.size(); ++n) {
      const char c = rest_[n];
      if (c == '.' && !point) {
        point = true;
      } else if (c == ',' && !point && !digits.empty() && ThreeDigitsAt(n + 1)) {
        continue;
      } else if (IsDigit(c)) {
        digits.push_back(c);
        decimals += point ? 1 : 0;
      } else {
        break;
      }
    }
    if (digits.empty() || digits.size() > 500 || (n < rest_.size() && rest_[n] == '.')) return -1;
    const bool whole = n == rest_.size() && expr_.nodes.empty();
    rest_.remove_prefix(n);
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    if (whole && point) {
      expr_.decimals = decimals;
      expr_.significant = static_cast<int>(digits.size());
    }
    const boost::multiprecision::cpp_int scale = pow(boost::multiprecision::cpp_int(10), decimals);
    BigRational value(boost::multiprecision::cpp_int(digits), scale);
    if (point && AtCommand("overline")) {
      const std::optional<BigRational> tail = TakePeriod(scale);
      if (!tail) return -1;
      value += *tail;
    }
    return Number(std::move(value));
  }
  std::optional<BigRational> TakePeriod(const boost::multiprecision::cpp_int& scale) {
    TakeCommand("overline");
    return RepeatedDigits(RawScript(), scale);
  }
  bool ThreeDigitsAt(size_t at) const {
    return at + 3 <= rest_.size() && IsDigit(rest_[at]) && IsDigit(rest_[at + 1]) && IsDigit(rest_[at + 2]) &&
           (at + 3 == rest_.size() || !IsDigit(rest_[at + 3]));
  }

  // A function, a word (four letters or more), or one letter of a product of symbols.
  int Word() {
    const absl::string_view run = LetterRun();
    if (run == "sqrt" || run == "cbrt") {
      rest_.remove_prefix(4);
      return Root(run[0] == 'c' ? Number(3) : -1);
    }
    if (run == "infinity") {
      rest_.remove_prefix(run.size());
      return Symbol("infty");
    }
    if (run == "pi") {
      rest_.remove_prefix(2);
      return Symbol("pi");
    }
    if (IsFunctionName(run)) {
      rest_.remove_prefix(run.size());
      return Call(run);
    }
    if (run.size() >= 4) {
      rest_.remove_prefix(run.size());
      return Symbol(absl::AsciiStrToLower(run));
    }
    const std::string letter(rest_.substr(0, 1));
    rest_.remove_prefix(1);
    const bool bracket = absl::StartsWith(rest_, "(") || absl::StartsWith(rest_, "{(");
    return bracket ? LetterBeforeBracket(letter) : Symbol(letter);
  }

  // f(x) and V(0) apply a function; n(n-1) and x(y+1) are products.
  int LetterBeforeBracket(const std::string& letter) {
    const int symbol = Symbol(letter);
    const int inside = Primary();
    if (inside < 0) return -1;
    const bool applied =
        letter == "f" || letter == "g" || letter == "h" || expr_.nodes[inside].kind == Kind::kNumber;
    return applied ? Make(Kind::kCall, {inside}, "apply " + letter) : Make(Kind::kMul, {symbol, inside});
  }

  int Command() {
    if (absl::StartsWith(rest_, "\\{")) return Group("\\{", "\\}");
    const absl::string_view name = CommandName();
    if (name.empty()) return -1;
    rest_.remove_prefix(1 + name.size());
    if (name == "frac") {
      const int above = Script();
      return above < 0 ? -1 : Make(Kind::kDivide, {above, Script()});
    }
    if (name == "sqrt") return Root(Next() == '[' ? Group("[", "]") : -1);
    if (name == "binom" || name == "dbinom" || name == "tbinom") {
      const int above = Script();
      return above < 0 ? -1 : Make(Kind::kCall, {above, Script()}, "binom");
    }
    if (name == "lfloor") return Between("rfloor", "floor");
    if (name == "lceil") return Between("rceil", "ceil");
    if (IsFunctionName(name)) return Call(name);
    if (name == "mathbb" || name == "overline" || name == "vec" || name == "mathcal" || name == "hat" ||
        name == "bar") {
      return Symbol(absl::StrCat(name, " ", RawScript()));
    }
    return IsLatexSymbol(name) ? Symbol(std::string(name)) : -1;
  }

  // The radicand of a root whose index (-1: 2) has been read.
  int Root(int index) {
    int inside;
    if (IsDigit(Next())) {
      inside = Digits(DigitRun());  // "√12"; LaTeX's \sqrt12 has got its braces before
    } else {
      inside = Script();
    }
    if (inside < 0) return -1;
    return Make(Kind::kCall, {inside, index < 0 ? Number(2) : index}, "root");
  }

  // A function with its power, base and argument: \sin^2 x, \log_2 8, \sin 2x.
  int Call(absl::string_view name) {
    int power = -1;
    int base = -1;
    for (;;) {
      if (power < 0 && Take("^")) {
        if ((power = Script()) < 0) return -1;
      } else if (base < 0 && Take("_")) {
        if ((base = Script()) < 0) return -1;
      } else {
        break;
      }
    }
    const int argument = Argument();
    if (argument < 0) return -1;
    std::vector<int> kids = {argument};
    if (base >= 0) kids.push_back(base);
    const int call = Make(Kind::kCall, std::move(kids), OneFunctionName(name));
    return power < 0 ? call : Make(Kind::kPower, {call, power});
  }
  int Argument() {
    const char c = Next();
    if (c == '(' || c == '{' || c == '[' || absl::StartsWith(rest_, "\\{")) return Primary();
    int product = c == '-' ? Factor() : Power();
    while (product >= 0 && StartsFactor() && Next() != '(' && Next() != '{' && Next() != '[' &&
           !(Next() == '\\' && IsFunctionName(CommandName()))) {
      product = Make(Kind::kMul, {product, Power()});
    }
    return product;
  }

  absl::string_view rest_;
  MathExpr expr_;
  int depth_ = 0;
  const bool bars_open_early_;
  int bars_ = 0;  // open |…| whose end is due before anything else's
};

}  // namespace

std::optional<MathExpr> ParseMath(absl::string_view cleaned) {
  if (cleaned.empty() || cleaned.size() > kMaxExprBytes) return std::nullopt;
  std::optional<MathExpr> expr = Parser(cleaned, false).Run();
  if (!expr && absl::StrContains(cleaned, "|")) expr = Parser(cleaned, true).Run();
  return expr;
}

}  // namespace sprint
