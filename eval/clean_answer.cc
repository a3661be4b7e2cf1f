#include "eval/clean_answer.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sprint {
namespace {

bool IsLetter(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

struct Spelling {
  absl::string_view from;
  absl::string_view to;
};

// Commands by name, without the backslash. An empty `to` drops the command.
constexpr Spelling kCommands[] = {
    {"dfrac", "\\frac"},
    {"tfrac", "\\frac"},
    {"cfrac", "\\frac"},
    {"left", ""},
    {"right", ""},
    {"quad", " "},
    {"qquad", " "},
    {"displaystyle", ""},
    {"limits", ""},
    {"cdot", "*"},
    {"times", "*"},
    {"le", "\\leq "},
    {"ge", "\\geq "},
    {"ne", "\\neq "},
    {"degree", ""},
    {"circ", ""},
    {"bigl", ""},
    {"bigr", ""},
    {"Bigl", ""},
    {"Bigr", ""},
    {"big", ""},
    {"Big", ""},
    {"lbrace", "\\{"},
    {"rbrace", "\\}"},
    {"mathrm", ""},
    {"text", ""},
    {"textbf", ""},
    {"textit", ""},
    {"textrm", ""},
    {"mbox", ""},
    {"mathbf", ""},
    {"mathit", ""},
    {"operatorname", ""},
    {"fbox", ""},
    {"textnormal", ""},
    {"vert", "|"},
    {"lvert", "|"},
    {"rvert", "|"},
    {"mid", "|"},
    {"backslash", "\\setminus "},
    {"dollar", ""},
    {"mathsf", ""},
    {"varnothing", "\\emptyset "},
    {"langle", "("},
    {"rangle", ")"},
    {"R", "\\mathbb{R}"},
    {"ang", ""},
    {"colon", ":"},
    {"bf", ""},
    {"rm", ""},
};
// Whose argument is set as words: a space stands in for the braces.
bool IsTextCommand(absl::string_view name) {
  return absl::StartsWith(name, "text") || name == "mbox" || name == "mathrm" || name == "operatorname";
}
bool Unwraps(absl::string_view name) {
  return IsTextCommand(name) || name == "mathbf" || name == "mathit" || name == "boxed" || name == "fbox" ||
         name == "mathsf" || name == "ang";
}

constexpr Spelling kUnicode[] = {
    {"−", "-"},
    {"–", "-"},
    {"×", "*"},
    {"·", "*"},
    {"÷", "/"},
    {"°", ""},
    {"π", "\\pi "},
    {"∞", "\\infty "},
    {"≤", "\\leq "},
    {"≥", "\\geq "},
    {"≠", "\\neq "},
    {"√", "\\sqrt "},
    {"½", "\\frac{1}{2}"},
    {"¼", "\\frac{1}{4}"},
    {"¾", "\\frac{3}{4}"},
    {"\u00A0", " "},
    {"\u2009", " "},
    {"’", "'"},
    {"∪", "\\cup "},
    {"∈", "\\in "},
    {"±", "\\pm "},
    {"€", "$"},
    {"£", "$"},
    {"\u202F", " "},
    {"∩", "\\cap "},
    {"∖", "\\setminus "},
    {"∅", "\\emptyset "},
    {"⅓", "\\frac{1}{3}"},
    {"⅔", "\\frac{2}{3}"},
    {"⅕", "\\frac{1}{5}"},
    {"⅛", "\\frac{1}{8}"},
    {"∛", "\\sqrt[3]"},
    {"⋅", "*"},
    {"∙", "*"},
    {"⁄", "/"},
    {"∕", "/"},
    {"ℝ", "\\mathbb{R}"},
    {"∠", "\\angle "},
    {"△", "\\triangle "},
    {"¢", " cent"},
    {"⟨", "("},
    {"⟩", ")"},
    {"≈", "\\approx "},
    {"“", ""},
    {"”", ""},
    {"‘", "'"},
    {"α", "\\alpha "},
    {"β", "\\beta "},
    {"γ", "\\gamma "},
    {"δ", "\\delta "},
    {"Δ", "\\Delta "},
    {"ε", "\\epsilon "},
    {"θ", "\\theta "},
    {"λ", "\\lambda "},
    {"μ", "\\mu "},
    {"ν", "\\nu "},
    {"ρ", "\\rho "},
    {"σ", "\\sigma "},
    {"τ", "\\tau "},
    {"φ", "\\phi "},
    {"ω", "\\omega "},
    {"Ω", "\\Omega "},
};
// A run of them is one exponent.
constexpr Spelling kSuperscripts[] = {{"⁰", "0"}, {"¹", "1"}, {"²", "2"}, {"³", "3"}, {"⁴", "4"}, {"⁵", "5"},
                                      {"⁶", "6"}, {"⁷", "7"}, {"⁸", "8"}, {"⁹", "9"}, {"⁻", "-"}, {"ⁿ", "n"}};

// One pass over the text; what a brace closes is kept on a stack, so nothing recurs.
class Cleaner {
 public:
  explicit Cleaner(absl::string_view text) : in_(text), has_rows_(absl::StrContains(text, "\\begin")) {
    out_.reserve(text.size());
  }

  std::string Run() {
    while (at_ < in_.size()) Step();
    return std::move(out_);
  }

 private:
  void Step() {
    const char c = in_[at_];
    if (c == '\\') {
      Command();
    } else if (c == '{') {
      Open("{", "}");
    } else if (c == '}') {
      Close();
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      Unicode();
    } else if (c == '^' && IsCircleBehind()) {
      at_ = in_.find("\\circ", at_) + 5;
      if (at_ < in_.size() && in_[at_] == '}') ++at_;
    } else if (c == '~' || absl::ascii_isspace(static_cast<unsigned char>(c))) {
      Space();
      ++at_;
    } else if (c == '*' && absl::StartsWith(in_.substr(at_), "**")) {
      if (IsOperandBefore() && IsOperandAt(at_ + 2)) out_.push_back('^');  // a power; else bold in Markdown
      at_ += 2;
    } else if (c == '$') {
      ++at_;
    } else if (c == '<' && ControlToken() > 0) {
      at_ += ControlToken();
    } else if (c == 'x' && IsTimesLetter()) {
      out_.push_back('*');
      ++at_;
    } else {
      out_.push_back(c);
      ++at_;
    }
  }

  // "^\circ" or "^{\circ}" at the caret.
  bool IsCircleBehind() const {
    absl::string_view rest = in_.substr(at_ + 1);
    absl::ConsumePrefix(&rest, "{");
    return absl::StartsWith(rest, "\\circ");
  }

  // The x of "3.5 x 10^4".
  bool IsTimesLetter() const {
    const absl::string_view before = absl::StripTrailingAsciiWhitespace(out_);
    const absl::string_view after = absl::StripLeadingAsciiWhitespace(in_.substr(at_ + 1));
    return !before.empty() && IsDigit(before.back()) && absl::StartsWith(after, "10^");
  }

  // The length of a model's control token, such as <|im_end|>, that was left in the text.
  size_t ControlToken() const {
    const absl::string_view rest = in_.substr(at_, 40);
    const size_t end = absl::StartsWith(rest, "<|") ? rest.find("|>", 2) : absl::string_view::npos;
    return end == absl::string_view::npos ? 0 : end + 2;
  }

  bool IsOperandBefore() const {
    return !out_.empty() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(out_.back())) || out_.back() == ')');
  }
  bool IsOperandAt(size_t at) const {
    return at < in_.size() && (absl::ascii_isalnum(static_cast<unsigned char>(in_[at])) || in_[at] == '(');
  }

  void Space() {
    if (!out_.empty() && out_.back() != ' ') out_.push_back(' ');
  }

  void Open(absl::string_view open, absl::string_view close) {
    absl::StrAppend(&out_, open);
    closers_.push_back(close);
    ++at_;
  }
  void Close() {
    ++at_;
    if (closers_.empty()) return;  // a stray brace
    if (closers_.back() == " ") {
      Space();
    } else {
      absl::StrAppend(&out_, closers_.back());
    }
    closers_.pop_back();
  }

  bool Superscript() {
    std::string exponent;
    for (bool found = true; found;) {
      found = false;
      for (const Spelling& spelling : kSuperscripts) {
        if (!absl::StartsWith(in_.substr(at_), spelling.from)) continue;
        absl::StrAppend(&exponent, spelling.to);
        at_ += spelling.from.size();
        found = true;
        break;
      }
    }
    if (exponent.size() == 1) absl::StrAppend(&out_, "^", exponent);
    if (exponent.size() > 1) absl::StrAppend(&out_, "^{", exponent, "}");
    return !exponent.empty();
  }

  void Unicode() {
    if (Superscript()) return;
    const absl::string_view rest = in_.substr(at_);
    for (const Spelling& spelling : kUnicode) {
      if (!absl::StartsWith(rest, spelling.from)) continue;
      absl::StrAppend(&out_, spelling.to);
      at_ += spelling.from.size();
      return;
    }
    if (absl::StartsWith(rest, "\xEF\xBC") && rest.size() > 2 && rest[2] >= '\x90' && rest[2] <= '\x99') {
      out_.push_back(static_cast<char>('0' + (rest[2] - '\x90')));  // a full-width digit
      at_ += 3;
      return;
    }
    out_.push_back(in_[at_++]);
  }

  void Command() {
    size_t end = at_ + 1;
    while (end < in_.size() && IsLetter(in_[end])) ++end;
    if (end == at_ + 1) return Symbol();
    const absl::string_view name = in_.substr(at_ + 1, end - at_ - 1);
    at_ = end;
    if (absl::EndsWith(name, "boxed")) return Unwrap("boxed");
    const Spelling* known = std::find_if(std::begin(kCommands), std::end(kCommands),
                                         [&](const Spelling& s) { return s.from == name; });
    if (known == std::end(kCommands)) {
      absl::StrAppend(&out_, "\\", name);
      if (name == "frac" || name == "sqrt") Arguments(name == "frac" ? 2 : 1);
      // Keeps "\pi r" from becoming "\pir".
      else if (at_ < in_.size() && IsLetter(in_[at_]))
        out_.push_back(' ');
      return;
    }
    absl::StrAppend(&out_, known->to);
    if (known->to == "\\frac") return Arguments(2);
    if (known->to.empty() && Unwraps(name)) Unwrap(name);
  }

  // \text{…}: its braces go, and words stay words.
  void Unwrap(absl::string_view name) {
    while (at_ < in_.size() && in_[at_] == ' ') ++at_;
    if (at_ >= in_.size() || in_[at_] != '{') return;
    if (IsTextCommand(name)) Space();
    Open("", IsTextCommand(name) ? " " : "");
  }

  // \frac12 and \sqrt2: single characters get their braces.
  void Arguments(int count) {
    for (int i = 0; i < count; ++i) {
      while (at_ < in_.size() && in_[at_] == ' ') ++at_;
      if (at_ >= in_.size() || !absl::ascii_isalnum(static_cast<unsigned char>(in_[at_]))) return;
      absl::StrAppend(&out_, "{", in_.substr(at_, 1), "}");
      ++at_;
    }
  }

  // A backslash before something that is no letter.
  void Symbol() {
    const char c = at_ + 1 < in_.size() ? in_[at_ + 1] : ' ';
    at_ += 2;
    switch (c) {
      case '!':
        while (at_ < in_.size() && in_[at_] == ' ') ++at_;
        return;
      case '(':
      case ')':
      case '[':
      case ']':
      case '$':
        return;
      case ',':
        // A thin space: between digits it parts thousands.
        if (!out_.empty() && IsDigit(out_.back()) && at_ < in_.size() && IsDigit(in_[at_])) return;
        return Space();
      case ';':
      case ':':
      case ' ':
        return Space();
      case '%':
        out_.push_back('%');
        return;
      case '\\':
        // A row's end; where there are no rows, a command that was escaped twice.
        if (!has_rows_ && at_ < in_.size() && IsLetter(in_[at_])) {
          --at_;
        } else {
          out_ += "\\\\";
        }
        return;
      default:
        out_.push_back('\\');
        out_.push_back(c);
    }
  }

  absl::string_view in_;
  const bool has_rows_;  // \\\\ ends a row of a matrix
  size_t at_ = 0;
  std::string out_;
  std::vector<absl::string_view> closers_;
};

// Whether each line holds an answer of its own: several, none of them open at its end.
bool IsParted(absl::string_view text) {
  constexpr size_t kMaxParted = 1'000;
  text = absl::StripAsciiWhitespace(text);
  if (text.size() > kMaxParted || !absl::StrContains(text, "\n")) return false;
  if (absl::StrContains(text, "\\begin") || absl::StrContains(text, "\\[")) return false;
  int depth = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    for (const char c : line)
      depth += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
    if (depth != 0) return false;
    if (line.empty()) continue;
    const char first = line.front();
    const char last = line.back();
    if (line == "$" || line == "$$" || absl::StrContains("+-*/=<>,;:&|\\$", std::string(1, last)))
      return false;
    if (absl::StrContains("+*/=<>,;:&|", std::string(1, first))) return false;
  }
  return true;
}
std::string PartLines(absl::string_view text) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(absl::StripAsciiWhitespace(text), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) absl::StrAppend(&out, out.empty() ? "" : ", ", line);
  }
  return out;
}

// 1{,}000 as 1,000.
void JoinThousands(std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (absl::StartsWith(absl::string_view(text).substr(i), "{,}")) {
      out.push_back(',');
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  text = std::move(out);
}

}  // namespace

std::string CleanAnswer(absl::string_view text) {
  std::string parted;
  if (IsParted(text)) {
    parted = PartLines(text);
    text = parted;
  }
  std::string out = Cleaner(text).Run();
  JoinThousands(out);
  absl::string_view view = absl::StripAsciiWhitespace(out);
  while (absl::ConsumeSuffix(&view, ".") || absl::ConsumeSuffix(&view, ",") ||
         absl::ConsumeSuffix(&view, ";") || absl::ConsumeSuffix(&view, " ")) {
  }
  if (view.size() > 2 && view.front() == '"' && view.back() == '"') view = view.substr(1, view.size() - 2);
  while (absl::ConsumePrefix(&view, ":") || absl::ConsumePrefix(&view, " ") ||
         absl::ConsumePrefix(&view, "=")) {
  }
  return std::string(view);
}

std::string FoldAnswer(absl::string_view cleaned) {
  std::string out;
  out.reserve(cleaned.size());
  for (size_t i = 0; i < cleaned.size(); ++i) {
    const char c = cleaned[i];
    if (c == ' ' || c == '$') continue;
    const bool in_word = IsLetter(c) && ((i > 0 && IsLetter(cleaned[i - 1])) ||
                                         (i + 1 < cleaned.size() && IsLetter(cleaned[i + 1])));
    out.push_back(in_word ? absl::ascii_tolower(static_cast<unsigned char>(c)) : c);
  }
  if (out.size() == 3 && out.front() == '(' && out.back() == ')' && IsLetter(out[1])) return out.substr(1, 1);
  return out;
}

}  // namespace sprint
