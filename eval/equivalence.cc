#include "eval/equivalence.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "eval/answer_structure.h"
#include "eval/clean_answer.h"
#include "eval/exact_number.h"
#include "eval/interval_set.h"
#include "eval/math_exact.h"
#include "eval/math_expr.h"
#include "eval/math_numeric.h"
#include "eval/units.h"

namespace sprint {
namespace {

constexpr int kMaxDepth = 6;
constexpr int kMaxCalls = 4'000;      // of Same, in one comparison of two answers
constexpr int kMaxComparisons = 100;  // of scalars
constexpr size_t kMaxNumericNodes = 4'000;
constexpr size_t kMaxUnordered = 40;  // items of a set

bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
bool HasDigit(absl::string_view text) { return text.find_first_of("0123456789") != absl::string_view::npos; }

// Equal in value. A percent sign may be left out or written as hundredths; a unit may be left out,
// but two units must agree.
bool SameNumber(const WrittenNumber& a, const WrittenNumber& b) {
  if (!UnitsAgree(a.unit, b.unit)) return false;
  if (a.value == b.value) return true;
  if (a.percent == b.percent) return false;
  const Rational& hundredths = a.percent ? a.value : b.value;
  const Rational& plain = a.percent ? b.value : a.value;
  return Rational{hundredths.numerator, hundredths.denominator * 100} == plain;
}

// Three letters or more and nothing else: a word, which must not be taken for a product of symbols.
bool IsWord(const std::string& folded) {
  return folded.size() >= 3 && std::all_of(folded.begin(), folded.end(), IsLetter);
}

// What may stand before an equals sign as the name of what follows: x, f(x), \angle APC, area.
bool IsName(absl::string_view side) {
  return !side.empty() && side.size() <= 40 && !HasDigit(side) &&
         side.find_first_of("+-*/^<>|") == absl::string_view::npos && !absl::StrContains(side, "\\frac") &&
         !absl::StrContains(side, "\\sqrt") && !absl::StrContains(side, "\\pi");
}

// FoldAnswer, with one spelling for what is said in words as often as in signs.
std::string FoldPhrase(absl::string_view text) {
  constexpr size_t kMaxPhrase = 60;
  std::string folded = FoldAnswer(text);
  if (folded.size() > kMaxPhrase) return folded;
  static constexpr std::pair<absl::string_view, absl::string_view> kPhrases[] = {
      {"nosolution", "\\emptyset"},      {"nosolutions", "\\emptyset"}, {"norealsolution", "\\emptyset"},
      {"emptyset", "\\emptyset"},        {"theemptyset", "\\emptyset"}, {"infinity", "\\infty"},
      {"+\\infty", "\\infty"},           {"infinite", "\\infty"},       {"allreals", "\\mathbb{R}"},
      {"allrealnumbers", "\\mathbb{R}"}, {"realnumbers", "\\mathbb{R}"}};
  for (const auto& [said, meant] : kPhrases) {
    if (folded == said) return std::string(meant);
  }
  for (const absl::string_view article : {"a ", "an ", "the ", "A ", "An ", "The "}) {
    const absl::string_view rest = absl::StripPrefix(text, article);
    if (rest.size() < text.size() && rest.size() > 3) return FoldAnswer(rest);
  }
  return folded;
}

class Comparer {
 public:
  bool Same(absl::string_view gold, absl::string_view answer, int depth) {
    const bool is_long = std::max(gold.size(), answer.size()) > kMaxExprBytes;
    if (++calls_ > kMaxCalls) return Decide("text", false);
    if (!is_long) {
      gold = Unwrapped(gold);
      answer = Unwrapped(answer);
    }
    if (gold.empty() || answer.empty()) return false;
    const std::string folded_gold = FoldPhrase(gold);
    const std::string folded_answer = FoldPhrase(answer);
    if (folded_gold == folded_answer) return Decide("text", true);
    const std::optional<WrittenNumber> a = ReadNumber(gold);
    const std::optional<WrittenNumber> b = ReadNumber(answer);
    if (a && b) {
      if (SameNumber(*a, *b)) return Decide("exact value", true);
      if (!a->unit.empty() || !b->unit.empty()) return Decide("exact value", false);
    }
    if (IsWord(folded_gold) || IsWord(folded_answer)) return Decide("text", false);
    if (depth >= kMaxDepth || is_long) return Decide("text", false);
    return SameStructure(gold, answer, depth);
  }

  const std::string& rule() const { return rule_; }

 private:
  bool Decide(const char* rule, bool verdict) {
    rule_ = rule;
    return verdict;
  }

  bool SameStructure(absl::string_view gold, absl::string_view answer, int depth) {
    if (const std::optional<bool> same = SameReals(gold, answer)) return Decide("sets", *same);
    const Relation x = ReadRelation(gold);
    const Relation y = ReadRelation(answer);
    if (x.sides.size() > 1 || y.sides.size() > 1) {
      // "x = 1, y = 2" is a list of relations; "f(x) = (1, 2)" is a relation.
      const std::optional<Listing> list_gold = ReadListing(gold);
      const std::optional<Listing> list_answer = ReadListing(answer);
      const std::optional<std::string> equations = AsEquations(list_gold ? answer : gold);
      const bool bare =
          (list_gold ? list_gold : list_answer).value_or(Listing()).kind == Listing::Kind::kBare;
      if (equations && bare && (list_gold || list_answer)) {
        return list_gold ? Same(gold, *equations, depth + 1) : Same(*equations, answer, depth + 1);
      }
      if (list_gold && list_answer && SameListing(*list_gold, *list_answer, depth))
        return Decide("parts", true);
      if (x.sides.size() <= 1 || y.sides.size() <= 1 || !(list_gold || list_answer))
        return SameRelation(x, y, depth);
      return Decide("parts", false);
    }
    if (x.sides[0].size() != gold.size() || y.sides[0].size() != answer.size()) {  // \in and \approx
      return Same(x.sides[0], y.sides[0], depth + 1);
    }
    const auto rows_gold = ReadMatrix(gold);
    const auto rows_answer = ReadMatrix(answer);
    if (rows_gold || rows_answer) {
      return Decide("parts", rows_gold && rows_answer && SameMatrix(*rows_gold, *rows_answer, depth));
    }
    if (ReadSetOperation(gold) || ReadSetOperation(answer)) return SameSet(gold, answer, depth);
    const std::optional<Listing> list_gold = ReadListing(gold);
    const std::optional<Listing> list_answer = ReadListing(answer);
    if (list_gold && list_answer) return Decide("parts", SameListing(*list_gold, *list_answer, depth));
    if (list_gold || list_answer) return SameEmptySet(gold, answer, list_gold ? *list_gold : *list_answer);
    const bool ratio = absl::StrContains(gold, ":");
    if (ratio == absl::StrContains(answer, ":")) return SameScalar(gold, answer);
    // "3:4" as 3/4, beside something that is not written so.
    const std::string quotient = absl::StrReplaceAll(ratio ? gold : answer, {{":", "/"}});
    return SameScalar(ratio ? quotient : gold, ratio ? answer : quotient);
  }

  // Two sets of reals, at least one of them by more than a list of its members or two ends. nullopt: they
  // are no such sets.
  static std::optional<bool> SameReals(absl::string_view gold, absl::string_view answer) {
    if (!IsWrittenSet(gold) && !IsWrittenSet(answer)) return std::nullopt;
    const std::optional<RealSet> x = ReadRealSet(gold);
    const std::optional<RealSet> y = x ? ReadRealSet(answer) : std::nullopt;
    if (!y || (!x->unknown.empty() && !y->unknown.empty() && x->unknown != y->unknown)) return std::nullopt;
    return SameRealSet(*x, *y);
  }
  static bool IsWrittenSet(absl::string_view text) {
    for (const absl::string_view sign : {"\\cup", "\\cap", "\\setminus", "\\infty", "\\mathbb", "\\leq",
                                         "\\geq", "\\neq", "\\lt", "\\gt", "\\in ", "\\emptyset"}) {
      if (absl::StrContains(text, sign)) return true;
    }
    return text.find_first_of("<>") != absl::string_view::npos || absl::StrContains(text, "!=");
  }

  bool SameEmptySet(absl::string_view gold, absl::string_view answer, const Listing& list) {
    const auto is_empty = [](absl::string_view text) { return text == "\\emptyset"; };
    const bool same =
        list.kind == Listing::Kind::kSet && list.items.empty() && (is_empty(gold) || is_empty(answer));
    if (same || list.kind == Listing::Kind::kBare || list.items.size() != 1) return Decide("parts", same);
    return Decide("parts", false);
  }

  bool SameListing(const Listing& x, const Listing& y, int depth) {
    using Kind = Listing::Kind;
    if ((x.kind == Kind::kTuple) != (y.kind == Kind::kTuple)) return false;
    if (x.kind == Kind::kTuple) {
      if (x.open != y.open || x.close != y.close || x.items.size() != y.items.size()) return false;
      for (size_t i = 0; i < x.items.size(); ++i) {
        if (!Same(x.items[i], y.items[i], depth + 1)) return false;
      }
      return true;
    }
    return SameUnordered(x.items, y.items, depth);
  }

  // Each item of one has its own partner in the other.
  bool SameUnordered(const std::vector<std::string>& x, const std::vector<std::string>& y, int depth) {
    if (x.size() != y.size() || x.size() > kMaxUnordered) return false;
    std::vector<bool> taken(y.size());
    for (const std::string& item : x) {
      size_t j = 0;
      while (j < y.size() && (taken[j] || !Same(item, y[j], depth + 1))) ++j;
      if (j == y.size()) return false;
      taken[j] = true;
    }
    return true;
  }

  bool SameMatrix(const Matrix& x, const Matrix& y, int depth) {
    if (x.size() != y.size()) return false;
    for (size_t row = 0; row < x.size(); ++row) {
      if (x[row].size() != y[row].size()) return false;
      for (size_t column = 0; column < x[row].size(); ++column) {
        if (!Same(x[row][column], y[row][column], depth + 1)) return false;
      }
    }
    return true;
  }

  // Finite sets are computed; unions of anything else are compared part by part.
  bool SameSet(absl::string_view gold, absl::string_view answer, int depth) {
    const auto x = FiniteSet(gold, depth);
    const auto y = FiniteSet(answer, depth);
    if (x && y) return Decide("parts", SameUnordered(*x, *y, depth));
    std::vector<std::string> parts_gold;
    std::vector<std::string> parts_answer;
    if (!Union(gold, parts_gold) || !Union(answer, parts_answer)) return Decide("parts", false);
    return Decide("parts", SameUnordered(parts_gold, parts_answer, depth));
  }
  static bool Union(absl::string_view text, std::vector<std::string>& parts) {
    std::optional<SetOperation> operation = ReadSetOperation(text);
    while (operation && parts.size() < kMaxUnordered) {
      if (operation->name != "cup") return false;
      parts.emplace_back(operation->right);
      text = operation->left;
      operation = ReadSetOperation(text);
    }
    parts.emplace_back(text);
    return true;
  }
  std::optional<std::vector<std::string>> FiniteSet(absl::string_view text, int depth) {
    if (depth >= kMaxDepth) return std::nullopt;
    text = Unwrapped(text);
    const std::optional<SetOperation> operation = ReadSetOperation(text);
    if (!operation) {
      const std::optional<Listing> list = ReadListing(text);
      if (list && list->kind == Listing::Kind::kSet) return list->items;
      // {2} alone has been unwrapped.
      if (!list && !text.empty() && ParseMath(text)) return std::vector<std::string>{std::string(text)};
      return std::nullopt;
    }
    const auto left = FiniteSet(operation->left, depth + 1);
    const auto right = FiniteSet(operation->right, depth + 1);
    if (!left || !right || left->size() * right->size() > kMaxComparisons) return std::nullopt;
    const auto holds = [&](const std::vector<std::string>& set, const std::string& item) {
      return std::any_of(set.begin(), set.end(),
                         [&](const std::string& other) { return Same(item, other, depth + 1); });
    };
    std::vector<std::string> result = operation->name == "cup" ? *right : std::vector<std::string>();
    for (const std::string& item : *left) {
      if (holds(*right, item) == (operation->name == "cap")) result.push_back(item);
    }
    return result;
  }

  // ---- Relations ----
  bool SameRelation(const Relation& x, const Relation& y, int depth) {
    if (x.sides.size() == 1 || y.sides.size() == 1) {
      const bool gold_is_relation = x.sides.size() > 1;
      const Relation& relation = gold_is_relation ? x : y;
      const absl::string_view value = gold_is_relation ? y.sides[0] : x.sides[0];
      const std::optional<std::string> interval = AsInterval(relation);
      if (interval)
        return Same(gold_is_relation ? *interval : std::string(value),
                    gold_is_relation ? std::string(value) : *interval, depth + 1);
      const absl::string_view meant = MeantSide(relation);
      if (meant.empty()) return Decide("relation", false);
      return gold_is_relation ? Same(meant, value, depth + 1) : Same(value, meant, depth + 1);
    }
    if (x.sides.size() != y.sides.size()) return Decide("relation", false);
    if (SameSides(x, y, depth) || SameSides(x, Reversed(y), depth)) return Decide("relation", true);
    return Decide("relation", x.sides.size() == 2 && SameDifference(x, y));
  }

  // The side of an equation that is its value, when the other names it; of a chain, the last. Empty:
  // neither is.
  static absl::string_view MeantSide(const Relation& relation) {
    for (const std::string& op : relation.operators) {
      if (op != "=") return "";
    }
    if (IsName(relation.sides.front())) return relation.sides.back();
    if (relation.sides.size() == 2 && IsName(relation.sides.back())) return relation.sides.front();
    return "";
  }

  // "1 < x <= 2" as "(1, 2]".
  static std::optional<std::string> AsInterval(const Relation& relation) {
    const auto upwards = [](const std::string& op) { return op == "<" || op == "<="; };
    if (relation.sides.size() != 3 || !upwards(relation.operators[0]) || !upwards(relation.operators[1])) {
      return std::nullopt;
    }
    return absl::StrCat(relation.operators[0] == "<" ? "(" : "[", relation.sides[0], ", ", relation.sides[2],
                        relation.operators[1] == "<" ? ")" : "]");
  }

  static std::string Mirrored(const std::string& op) {
    if (op[0] == '<') return absl::StrCat(">", op.substr(1));
    if (op[0] == '>') return absl::StrCat("<", op.substr(1));
    return op;
  }
  static Relation Reversed(const Relation& relation) {
    Relation reversed;
    reversed.sides.assign(relation.sides.rbegin(), relation.sides.rend());
    for (auto it = relation.operators.rbegin(); it != relation.operators.rend(); ++it) {
      reversed.operators.push_back(Mirrored(*it));
    }
    return reversed;
  }
  bool SameSides(const Relation& x, const Relation& y, int depth) {
    if (x.operators != y.operators) return false;
    for (size_t i = 0; i < x.sides.size(); ++i) {
      if (!Same(x.sides[i], y.sides[i], depth + 1)) return false;
    }
    return true;
  }
  // a = b and c = d when a - b is a multiple of c - d; of an inequality, a positive one.
  bool SameDifference(const Relation& x, const Relation& y) {
    const auto difference = [](const Relation& r) {
      return ParseMath(absl::StrCat("(", r.sides[0], ")-(", r.sides[1], ")"));
    };
    const std::optional<MathExpr> a = difference(x);
    const std::optional<MathExpr> b = difference(y);
    const std::optional<BigRational> ratio = a && b ? ConstantRatio(*a, *b) : std::nullopt;
    if (!ratio) return false;
    const std::string& op = y.operators[0];
    return x.operators[0] == (*ratio > 0 ? op : Mirrored(op));
  }

  // ---- Scalars ----
  bool SameScalar(absl::string_view gold, absl::string_view answer) {
    if (++comparisons_ > kMaxComparisons) return Decide("text", false);
    const std::optional<MathExpr> a = ParseMath(gold);
    const std::optional<MathExpr> b = ParseMath(answer);
    if (!a || !b) return Decide("text", false);
    switch (CompareExactly(*a, *b)) {
      case ExactVerdict::kEqual:
        return Decide("algebra", true);
      case ExactVerdict::kUnknown:
        numeric_nodes_ += a->nodes.size() + b->nodes.size();
        if (numeric_nodes_ > kMaxNumericNodes) return Decide("text", false);
        if (NumericallyEqual(*a, *b)) return Decide("numeric check", true);
        break;
      case ExactVerdict::kDifferent:
        break;
    }
    if (a->decimals >= 0 && b->decimals >= 0) return Decide("algebra", false);
    if (IsRoundingOf(*a, *b) || IsRoundingOf(*b, *a)) return Decide("rounding", true);
    return Decide("algebra", false);
  }

  std::string rule_ = "text";
  int calls_ = 0;
  int comparisons_ = 0;
  size_t numeric_nodes_ = 0;
};

// "The area of triangle ABC is 5" as "5".
absl::string_view AfterIs(absl::string_view text) {
  const size_t at = text.rfind(" is ");
  return at == absl::string_view::npos ? text : absl::StripAsciiWhitespace(text.substr(at + 4));
}

// The choice letter of the gold answer, in lower case, behind "option", or with the choice's text: "b",
// "(B) 12", "B. 12", "Option B".
bool IsChoice(const std::string& gold, absl::string_view answer) {
  if (gold.size() != 1 || gold[0] < 'A' || gold[0] > 'J') return false;
  std::string text(answer.substr(0, 40));
  for (const absl::string_view name : {"option ", "choice ", "answer "}) {
    if (absl::StartsWithIgnoreCase(text, name)) text.erase(0, name.size());
  }
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  const bool open = absl::ConsumePrefix(&rest, "(");
  rest = absl::StripLeadingAsciiWhitespace(rest);
  if (rest.empty() || absl::ascii_toupper(static_cast<unsigned char>(rest[0])) != gold[0]) return false;
  const bool is_lower = rest[0] != gold[0];
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(1));
  if (rest.empty() || rest == ")") return true;
  if (is_lower) return false;
  return rest[0] == ')' || (!open && (absl::StartsWith(rest, ". ") || absl::StartsWith(rest, ": ")));
}

// Whether no side of a calculation but the last holds an unknown, as far as the sides can be read:
// x^2 + y^2 = 13 is an equation and does not state 13.
bool IsCalculation(const Relation& relation) {
  if (relation.sides.size() < 2) return false;
  for (const std::string& op : relation.operators) {
    if (op != "=") return false;
  }
  for (size_t i = 0; i + 1 < relation.sides.size(); ++i) {
    const std::optional<MathExpr> side = ParseMath(relation.sides[i]);
    if (!side) continue;
    for (const MathNode& node : side->nodes) {
      const bool unknown = node.name != "pi" && node.name != "e" && node.name != "i";
      if (node.kind == MathNode::Kind::kSymbol && unknown) return false;
    }
  }
  return true;
}

}  // namespace

bool Answers(absl::string_view gold, absl::string_view answer, std::string& rule) {
  if (Equivalent(gold, answer, rule)) return true;
  if (std::max(gold.size(), answer.size()) > kMaxExprBytes) return false;
  if (IsChoice(FoldAnswer(gold), answer)) return true;
  const Relation relation = ReadRelation(answer);
  return IsCalculation(relation) && ReadRelation(gold).sides.size() == 1 &&
         Equivalent(gold, relation.sides.back(), rule);
}

bool Equivalent(absl::string_view gold, absl::string_view answer, std::string& rule) {
  if (answer < gold) std::swap(gold, answer);  // so that no bound or order can make it asymmetric
  const std::string folded = FoldAnswer(gold);
  if (folded == FoldAnswer(answer)) {
    rule = "text";
    return !folded.empty();
  }
  Comparer comparer;
  bool same = comparer.Same(gold, answer, 0);
  rule = comparer.rule();
  if (same || std::max(gold.size(), answer.size()) > kMaxExprBytes) return same;
  const std::optional<WrittenNumber> a = ReadNumber(gold);
  const std::optional<WrittenNumber> b = ReadNumber(answer);
  if (a && b && !a->unit.empty() && !b->unit.empty()) return false;  // two numbers with units that differ
  const absl::string_view short_gold = WithoutUnit(AfterIs(gold));
  const absl::string_view short_answer = WithoutUnit(AfterIs(answer));
  // Two endings that differ must not both be dropped.
  const bool both = short_gold.size() != gold.size() && short_answer.size() != answer.size();
  if (both || (short_gold.size() == gold.size() && short_answer.size() == answer.size())) return false;
  same = comparer.Same(short_gold, short_answer, 0);
  if (same) rule = comparer.rule();
  return same;
}

}  // namespace sprint
