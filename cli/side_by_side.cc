#include "cli/side_by_side.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/render/text.h"

namespace sprint {
namespace {

constexpr int kNarrowest = 100;
constexpr char kMark[] = "▸";

// The text with its control characters visible, line breaks kept, and the mark put in at `at`.
std::string Marked(absl::string_view text, size_t at, bool differs) {
  std::string out;
  const auto append = [&out](absl::string_view part) {
    bool first = true;
    for (const absl::string_view line : absl::StrSplit(part, '\n')) {
      absl::StrAppend(&out, first ? "" : "\n", Printable(line));
      first = false;
    }
  };
  append(text.substr(0, at));
  if (differs) out += kMark;
  append(text.substr(at));
  return out;
}

// Wrapped lines; all from the mark on is painted.
std::vector<std::string> PaintedLines(const std::string& text, int width, const Style& style, int pad_to) {
  std::vector<std::string> lines;
  bool differs = false;
  for (const std::string& line : Wrap(text, width)) {
    const std::string padded = pad_to > 0 ? Pad(line, pad_to, Align::kLeft) : line;
    const size_t mark = differs ? 0 : padded.find(kMark);
    if (mark == std::string::npos) {
      lines.push_back(style.Paint(Tone::kPlain, padded));
      continue;
    }
    differs = true;
    lines.push_back(absl::StrCat(padded.substr(0, mark), style.Paint(Tone::kWarning, padded.substr(mark))));
  }
  return lines;
}

}  // namespace

size_t CommonPrefix(absl::string_view a, absl::string_view b) {
  size_t length = 0;
  while (length < a.size() && length < b.size() && a[length] == b[length]) ++length;
  // Back to the start of a character: continuation bytes are 10xxxxxx.
  const auto inside = [](absl::string_view text, size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (length > 0 && (inside(a, length) || inside(b, length))) --length;
  return length;
}

std::string SideBySide(const TitledText& left, const TitledText& right, const Style& style, int width) {
  const size_t common = CommonPrefix(left.text, right.text);
  const bool differs = common < left.text.size() || common < right.text.size();
  const std::string a = Marked(left.text, common, differs);
  const std::string b = Marked(right.text, common, differs);
  std::string out;
  if (width < kNarrowest) {
    const int columns = width > 0 ? width - 2 : 110;
    const auto add = [&](const std::string& title, const std::string& text) {
      absl::StrAppend(&out, style.Paint(Tone::kStrong, title), "\n");
      for (const std::string& line : PaintedLines(text, columns, style, 0))
        absl::StrAppend(&out, "  ", line, "\n");
    };
    add(left.title, a);
    out += "\n";
    add(right.title, b);
    return out;
  }
  const int column = (width - 3) / 2;
  absl::StrAppend(&out, style.Paint(Tone::kStrong, Pad(Truncate(left.title, column), column, Align::kLeft)),
                  " │ ", style.Paint(Tone::kStrong, Truncate(right.title, column)), "\n");
  const std::vector<std::string> lines_a = PaintedLines(a, column, style, column);
  const std::vector<std::string> lines_b = PaintedLines(b, column, style, 0);
  for (size_t i = 0; i < std::max(lines_a.size(), lines_b.size()); ++i) {
    const std::string blank(static_cast<size_t>(column), ' ');
    absl::StrAppend(&out, i < lines_a.size() ? lines_a[i] : blank, " │",
                    i < lines_b.size() && !lines_b[i].empty() ? " " : "",
                    i < lines_b.size() ? lines_b[i] : "", "\n");
  }
  return out;
}

}  // namespace sprint
