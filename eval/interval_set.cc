#include "eval/interval_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "eval/answer_structure.h"
#include "eval/math_expr.h"
#include "eval/math_numeric.h"

namespace sprint {
namespace {

constexpr size_t kMaxParts = 40;
constexpr int kMaxDepth = 12;

using Parts = std::vector<RealInterval>;

Endpoint Infinite(int sign) { return {sign, nullptr, false}; }
Parts Line() { return {{Infinite(-1), Infinite(1)}}; }

// -1, 0 or 1, by value alone.
int Compare(const Endpoint& a, const Endpoint& b) {
  if (a.infinite != 0 || b.infinite != 0) return (a.infinite > b.infinite) - (a.infinite < b.infinite);
  return CompareConstants(*a.value, *b.value);
}

bool IsEmpty(const RealInterval& part) {
  const int order = Compare(part.low, part.high);
  if (order != 0) return order > 0;
  return part.low.infinite != 0 || !part.low.closed || !part.high.closed;
}

// Whether the one ends before the other begins with a gap (of a point, at least) between.
bool Apart(const Endpoint& high, const Endpoint& low) {
  const int order = Compare(high, low);
  return order < 0 || (order == 0 && !high.closed && !low.closed);
}

Parts Normal(Parts parts) {
  parts.erase(std::remove_if(parts.begin(), parts.end(), IsEmpty), parts.end());
  std::sort(parts.begin(), parts.end(), [](const RealInterval& a, const RealInterval& b) {
    const int order = Compare(a.low, b.low);
    return order != 0 ? order < 0 : a.low.closed && !b.low.closed;
  });
  Parts out;
  for (RealInterval& part : parts) {
    if (out.empty() || Apart(out.back().high, part.low)) {
      out.push_back(std::move(part));
      continue;
    }
    Endpoint& high = out.back().high;
    const int order = Compare(high, part.high);
    if (order < 0) high = part.high;
    if (order == 0) high.closed |= part.high.closed;
  }
  return out;
}

Parts Complement(const Parts& parts) {
  Parts out;
  Endpoint low = Infinite(-1);
  for (const RealInterval& part : parts) {
    Endpoint high = part.low;
    high.closed = high.infinite == 0 && !high.closed;
    out.push_back({low, high});
    low = part.high;
    low.closed = low.infinite == 0 && !low.closed;
  }
  out.push_back({low, Infinite(1)});
  return Normal(std::move(out));
}

Parts Union(Parts a, const Parts& b) {
  a.insert(a.end(), b.begin(), b.end());
  return Normal(std::move(a));
}
Parts Intersection(const Parts& a, const Parts& b) { return Complement(Union(Complement(a), Complement(b))); }

class SetReader {
 public:
  std::optional<Parts> Read(absl::string_view text, int depth) {
    text = absl::StripAsciiWhitespace(text);
    if (text.empty() || depth > kMaxDepth) return std::nullopt;
    for (const absl::string_view word : {" or ", " and "}) {
      const std::optional<std::pair<absl::string_view, absl::string_view>> cut = CutAtWord(text, word);
      if (cut) return Join(word == " or " ? "cup" : "cap", cut->first, cut->second, depth);
    }
    if (const std::optional<SetOperation> operation = ReadSetOperation(text)) {
      inside_operation_ = true;
      return Join(operation->name, operation->left, operation->right, depth);
    }
    if (std::optional<Parts> parts = Inequality(text, depth)) return parts;
    return Leaf(text, depth);
  }

  const std::string& unknown() const { return unknown_; }

 private:
  std::optional<Parts> Join(const std::string& name, absl::string_view left, absl::string_view right,
                            int depth) {
    const std::optional<Parts> a = Read(left, depth + 1);
    const std::optional<Parts> b = a ? Read(right, depth + 1) : std::nullopt;
    if (!b || a->size() + b->size() > kMaxParts) return std::nullopt;
    if (name == "cup") return Union(*a, *b);
    if (name == "cap") return Intersection(*a, *b);
    return Intersection(*a, Complement(*b));
  }

  std::optional<Parts> Leaf(absl::string_view text, int depth) {
    const std::string folded = FoldedName(text);
    if (folded == "\\mathbb{r}" || folded == "\\mathbbr" || folded == "\\reals" || folded == "allreals" ||
        folded == "allrealnumbers") {
      return Line();
    }
    if (folded == "\\emptyset" || folded == "\\varnothing") return Parts();
    const absl::string_view inside = Unwrapped(text);
    const std::optional<Listing> list = ReadListing(inside);
    if (list && list->kind == Listing::Kind::kTuple) return Between(*list);
    if (list && list->kind == Listing::Kind::kSet) return Points(list->items);
    if (list) return std::nullopt;
    if (inside.size() < text.size() && text[0] == '(') return Read(inside, depth + 1);
    if (inside_operation_ || inside.size() < text.size()) return Points({std::string(inside)});
    return std::nullopt;
  }
  static std::string FoldedName(absl::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 40)) {
      if (c != ' ') out.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    }
    return out;
  }

  static std::optional<Endpoint> ReadEnd(absl::string_view text, bool closed) {
    text = absl::StripAsciiWhitespace(text);
    int sign = 1;
    absl::string_view rest = text;
    if (absl::ConsumePrefix(&rest, "-")) sign = -1;
    absl::ConsumePrefix(&rest, "+");
    rest = absl::StripAsciiWhitespace(rest);
    if (rest == "\\infty" || rest == "infinity" || rest == "oo") return Infinite(sign);
    std::optional<MathExpr> expr = ParseMath(text);
    if (!expr || !IsRealConstant(*expr)) return std::nullopt;
    return Endpoint{0, std::make_shared<const MathExpr>(*std::move(expr)), closed};
  }
  static std::optional<Parts> Between(const Listing& list) {
    if (list.items.size() != 2) return std::nullopt;
    const std::optional<Endpoint> low = ReadEnd(list.items[0], list.open == '[');
    const std::optional<Endpoint> high = ReadEnd(list.items[1], list.close == ']');
    if (!low || !high || low->infinite > 0 || high->infinite < 0) return std::nullopt;
    if (IsEmpty({*low, *high})) return std::nullopt;  // (2, 1) is a pair, no interval
    return Parts{{*low, *high}};
  }
  static std::optional<Parts> Points(const std::vector<std::string>& items) {
    Parts parts;
    if (items.size() > kMaxParts) return std::nullopt;
    for (const std::string& item : items) {
      const std::optional<Endpoint> at = ReadEnd(item, true);
      if (!at || at->infinite != 0) return std::nullopt;
      parts.push_back({*at, *at});
    }
    return Normal(std::move(parts));
  }

  // ---- Inequalities ----
  std::optional<Parts> Inequality(absl::string_view text, int depth) {
    const Relation relation = ReadRelation(text);
    if (relation.sides.size() == 1) {  // "x \in S" is S
      const absl::string_view side = relation.sides[0];
      const size_t at = text.size() - side.size();
      if (side.size() == text.size() || side.data() != text.data() + at) return std::nullopt;
      const absl::string_view name = text.substr(0, text.find("\\in"));
      return Names(absl::StripAsciiWhitespace(name)) ? Read(side, depth + 1) : std::nullopt;
    }
    if (relation.sides.size() > 3) return std::nullopt;
    std::optional<Parts> parts = Line();
    for (size_t i = 0; i + 1 < relation.sides.size() && parts; ++i) {
      const std::optional<Parts> one = Half(relation.sides[i], relation.operators[i], relation.sides[i + 1]);
      if (!one) return std::nullopt;
      parts = Intersection(*parts, *one);
    }
    return parts;
  }
  std::optional<Parts> Half(absl::string_view left, std::string op, absl::string_view right) {
    const bool swapped = !Names(left);
    if (swapped) {
      if (!Names(right)) return std::nullopt;
      std::swap(left, right);
      if (op[0] == '<' || op[0] == '>') op[0] = op[0] == '<' ? '>' : '<';
    }
    const std::optional<Endpoint> at = ReadEnd(right, op == "<=" || op == ">=" || op == "=" || op == "!=");
    if (!at) return std::nullopt;
    if (op == "=" || op == "!=") {
      if (at->infinite != 0) return std::nullopt;
      const Parts point = {{*at, *at}};
      return op == "=" ? point : Complement(point);
    }
    return op[0] == '<' ? Parts{{Infinite(-1), *at}} : Parts{{*at, Infinite(1)}};
  }
  // Whether `side` is the unknown: one letter, the same throughout.
  bool Names(absl::string_view side) {
    if (side.size() != 1 || !absl::ascii_isalpha(static_cast<unsigned char>(side[0])) || side == "e" ||
        side == "i") {
      return false;
    }
    if (unknown_.empty()) unknown_ = std::string(side);
    return unknown_ == side;
  }

  static std::optional<std::pair<absl::string_view, absl::string_view>> CutAtWord(absl::string_view text,
                                                                                  absl::string_view word) {
    const size_t at = text.find(word);
    if (at == absl::string_view::npos) return std::nullopt;
    return std::pair(text.substr(0, at), text.substr(at + word.size()));
  }

  std::string unknown_;
  bool inside_operation_ = false;
};

}  // namespace

std::optional<RealSet> ReadRealSet(absl::string_view text) {
  if (text.size() > kMaxExprBytes) return std::nullopt;
  SetReader reader;
  std::optional<Parts> parts = reader.Read(text, 0);
  if (!parts) return std::nullopt;
  return RealSet{*std::move(parts), reader.unknown()};
}

bool SameRealSet(const RealSet& a, const RealSet& b) {
  if (!a.unknown.empty() && !b.unknown.empty() && a.unknown != b.unknown) return false;
  if (a.parts.size() != b.parts.size()) return false;
  const auto same = [](const Endpoint& x, const Endpoint& y) {
    return Compare(x, y) == 0 && x.closed == y.closed;
  };
  for (size_t i = 0; i < a.parts.size(); ++i) {
    if (!same(a.parts[i].low, b.parts[i].low) || !same(a.parts[i].high, b.parts[i].high)) return false;
  }
  return true;
}

}  // namespace sprint
