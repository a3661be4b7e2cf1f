#include "eval/answer_structure.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace sprint {
namespace {

bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }

// Whether the command `name` stands at `at`, whole.
bool CommandAt(absl::string_view text, size_t at, absl::string_view name) {
  const absl::string_view rest = text.substr(at);
  return absl::StartsWith(rest, "\\") && absl::StartsWith(rest.substr(1), name) &&
         (rest.size() == name.size() + 1 || !IsLetter(rest[name.size() + 1]));
}

// Follows the nesting of brackets and environments along a text. Any bracket closes any: half-open
// intervals close with another kind.
class Nesting {
 public:
  // The depth after the character at `at`. Called for each in turn.
  int Step(absl::string_view text, size_t at) {
    const char c = text[at];
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if (c == ')' || c == ']' || c == '}') --depth_;
    if (c == '\\') {
      if (CommandAt(text, at, "begin")) ++depth_;
      if (CommandAt(text, at, "end")) --depth_;
    }
    return depth_;
  }
  int depth() const { return depth_; }

 private:
  int depth_ = 0;
};

// Cuts at depth 0 wherever `separator(text, at)` gives a length above 0.
std::vector<absl::string_view> SplitTop(absl::string_view text,
                                        const std::function<size_t(absl::string_view, size_t)>& separator) {
  std::vector<absl::string_view> parts;
  Nesting nesting;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t length = nesting.depth() == 0 ? separator(text, i) : 0;
    if (length > 0) {
      parts.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
      begin = i + length;
      i = begin - 1;
      continue;
    }
    nesting.Step(text, i);
  }
  parts.push_back(absl::StripAsciiWhitespace(text.substr(std::min(begin, text.size()))));
  return parts;
}

// The length of the bracket that opens `text`, when it closes at the very end; else 0.
size_t WrappingBracket(absl::string_view text) {
  const size_t open = absl::StartsWith(text, "\\{") ? 2 : 1;
  if (text.size() < 2 * open || (text[open - 1] != '(' && text[open - 1] != '[' && text[open - 1] != '{'))
    return 0;
  const char last = text.back();
  if (last != ')' && last != ']' && last != '}') return 0;
  if (open == 2 && text[text.size() - 2] != '\\') return 0;
  Nesting nesting;
  for (size_t i = 0; i < text.size(); ++i) {
    if (nesting.Step(text, i) == 0 && i >= open - 1) return i + 1 == text.size() ? open : 0;
  }
  return 0;
}

size_t ListSeparator(absl::string_view text, size_t at) {
  if (text[at] == ',' || text[at] == ';') return 1;
  for (const absl::string_view word : {" and ", " or "}) {
    if (absl::StartsWith(text.substr(at), word)) return word.size();
  }
  return 0;
}

std::vector<std::string> Items(absl::string_view text) {
  std::vector<std::string> items;
  for (const absl::string_view part : SplitTop(text, ListSeparator)) {
    if (part.empty()) continue;  // ", and"
    if (!absl::StrContains(part, "\\pm") && !absl::StrContains(part, "\\mp")) {
      items.emplace_back(part);
      continue;
    }
    items.push_back(absl::StrReplaceAll(part, {{"\\pm", "+"}, {"\\mp", "-"}}));
    items.push_back(absl::StrReplaceAll(part, {{"\\pm", "-"}, {"\\mp", "+"}}));
  }
  return items;
}

}  // namespace

absl::string_view Unwrapped(absl::string_view text) {
  for (;;) {
    text = absl::StripAsciiWhitespace(text);
    const size_t open = WrappingBracket(text);
    if (open != 1 || (text[0] == '(' ? text.back() != ')' : text[0] == '{' ? text.back() != '}' : true))
      return text;
    const absl::string_view inside = text.substr(1, text.size() - 2);
    if (SplitTop(inside, ListSeparator).size() > 1 || absl::StrContains(inside, "\\pm")) return text;
    text = inside;
  }
}

std::optional<Listing> ReadListing(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  Listing listing;
  const size_t open = WrappingBracket(text);
  if (open > 0) {
    listing.open = text[open - 1];
    listing.close = text.back();
    listing.kind = listing.open == '{' ? Listing::Kind::kSet : Listing::Kind::kTuple;
    listing.items = Items(text.substr(open, text.size() - 2 * open));
    if (listing.items.size() > 1 || listing.kind == Listing::Kind::kSet) return listing;
    return std::nullopt;
  }
  listing.items = Items(text);
  if (listing.items.size() < 2) return std::nullopt;
  return listing;
}

Relation ReadRelation(absl::string_view text) {
  struct Spelling {
    absl::string_view written;
    absl::string_view meant;
  };
  static constexpr Spelling kOperators[] = {
      {"leq", "<="}, {"geq", ">="}, {"leqslant", "<="}, {"geqslant", ">="}, {"lt", "<"},
      {"gt", ">"},   {"neq", "!="}, {"in", "in"},       {"approx", "~"},    {"equiv", "="}};
  Relation relation;
  std::vector<std::string> operators;
  const auto separator = [&](absl::string_view all, size_t at) -> size_t {
    const absl::string_view rest = all.substr(at);
    for (const absl::string_view plain : {"<=", ">=", "!=", "==", "=", "<", ">"}) {
      if (!absl::StartsWith(rest, plain)) continue;
      operators.emplace_back(plain == "==" ? "=" : plain);
      return plain.size();
    }
    for (const Spelling& spelling : kOperators) {
      if (!CommandAt(all, at, spelling.written)) continue;
      operators.emplace_back(spelling.meant);
      return spelling.written.size() + 1;
    }
    return 0;
  };
  relation.sides = SplitTop(text, separator);
  relation.operators = std::move(operators);
  for (size_t i = 0; i < relation.operators.size(); ++i) {
    if (relation.operators[i] == "in" && i == 0) {
      relation.sides.erase(relation.sides.begin());
      relation.operators.erase(relation.operators.begin());
      break;
    }
    if (relation.operators[i] == "~" || relation.operators[i] == "in") {
      relation.sides.resize(i + 1);
      relation.operators.resize(i);
      break;
    }
  }
  return relation;
}

namespace {

// "[[1, 2], [3, 4]]": the rows of a list of lists of one length.
std::optional<Matrix> ReadNestedLists(absl::string_view text) {
  const size_t open = WrappingBracket(text);
  if (open == 0) return std::nullopt;
  Matrix rows;
  const auto comma = [](absl::string_view all, size_t at) { return all[at] == ',' ? 1u : 0u; };
  for (const absl::string_view row : SplitTop(text.substr(open, text.size() - 2 * open), comma)) {
    if (row.empty() || row[0] != '[' || WrappingBracket(row) != 1 || row.back() != ']') return std::nullopt;
    rows.push_back(SplitTop(row.substr(1, row.size() - 2), comma));
    if (rows.back().size() != rows.front().size()) return std::nullopt;
  }
  return rows;
}

}  // namespace

std::optional<Matrix> ReadMatrix(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (absl::StartsWith(text, "[[")) return ReadNestedLists(text);
  const bool wrapped = WrappingBracket(text) == 1 && (text[0] == '[' || text[0] == '(');
  if (wrapped && absl::StartsWith(absl::StripLeadingAsciiWhitespace(text.substr(1)), "\\begin{")) {
    text = absl::StripAsciiWhitespace(text.substr(1, text.size() - 2));
  }
  const size_t name_end = text.find('}');
  if (!absl::StartsWith(text, "\\begin{") || name_end == absl::string_view::npos) return std::nullopt;
  const absl::string_view name = text.substr(7, name_end - 7);
  const std::string end = absl::StrCat("\\end{", name, "}");
  const bool known =
      absl::EndsWith(name, "matrix") || name == "array" || name == "cases" || name == "aligned";
  if (!known || !absl::EndsWith(text, end)) return std::nullopt;
  absl::string_view body = text.substr(name_end + 1, text.size() - name_end - 1 - end.size());
  if (name == "array" && absl::StartsWith(body, "{"))
    body.remove_prefix(std::min(body.find('}'), body.size() - 1) + 1);
  Matrix rows;
  const auto row_end = [](absl::string_view all, size_t at) {
    return absl::StartsWith(all.substr(at), "\\\\") ? 2u : 0u;
  };
  const auto cell_end = [](absl::string_view all, size_t at) { return all[at] == '&' ? 1u : 0u; };
  for (const absl::string_view row : SplitTop(body, row_end)) {
    if (!row.empty()) rows.push_back(SplitTop(row, cell_end));
  }
  return rows;
}

std::optional<std::string> AsEquations(absl::string_view text) {
  const Relation relation = ReadRelation(text);
  if (relation.sides.size() != 2 || relation.operators[0] != "=") return std::nullopt;
  const std::optional<Listing> names = ReadListing(relation.sides[0]);
  const std::optional<Listing> values = ReadListing(relation.sides[1]);
  if (!names || !values || names->kind != Listing::Kind::kTuple || values->kind != Listing::Kind::kTuple ||
      names->items.size() != values->items.size()) {
    return std::nullopt;
  }
  std::string out;
  for (size_t i = 0; i < names->items.size(); ++i) {
    if (names->items[i].size() > 8 || !IsLetter(names->items[i][0])) return std::nullopt;
    absl::StrAppend(&out, i == 0 ? "" : ", ", names->items[i], " = ", values->items[i]);
  }
  return out;
}

std::optional<SetOperation> ReadSetOperation(absl::string_view text) {
  for (const char* const name : {"cup", "cap", "setminus"}) {
    std::vector<size_t> at;
    Nesting nesting;
    for (size_t i = 0; i < text.size(); ++i) {
      if (nesting.depth() == 0 && CommandAt(text, i, name)) at.push_back(i);
      nesting.Step(text, i);
    }
    if (at.empty()) continue;
    return SetOperation{name, text.substr(0, at.back()),
                        text.substr(at.back() + 1 + absl::string_view(name).size())};
  }
  return std::nullopt;
}

}  // namespace sprint
