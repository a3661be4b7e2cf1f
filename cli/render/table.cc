#include "cli/render/table.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sprint {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 8;

}  // namespace

void Table::AddRow(std::vector<TableCell> cells) {
  assert(cells.size() <= columns_.size());
  for (TableCell& cell : cells) cell.text = Printable(cell.text);
  cells.resize(columns_.size(), TableCell(""));
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::Widths(int width) const {
  std::vector<int> widths;
  for (const TableColumn& column : columns_) widths.push_back(DisplayWidth(column.title));
  std::vector<int> floors = widths;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
  }
  if (width <= 0) return widths;
  int excess = std::accumulate(widths.begin(), widths.end(), 0) +
               kGap * static_cast<int>(widths.empty() ? 0 : widths.size() - 1) - width;
  // One column off the widest that may shrink, until the table fits or nothing may.
  for (; excess > 0; --excess) {
    int widest = -1;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].shrinks || widths[i] <= std::max(floors[i], kNarrowest)) continue;
      if (widest < 0 || widths[i] > widths[static_cast<size_t>(widest)]) widest = static_cast<int>(i);
    }
    if (widest < 0) break;
    --widths[static_cast<size_t>(widest)];
  }
  return widths;
}

std::string Table::Render(const Style& style, int width) const {
  const std::vector<int> widths = Widths(width);
  std::string out;
  const auto add_line = [&](const auto& text_of, const auto& tone_of) {
    std::string line;
    std::string pending;  // spaces that are written only when something follows
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = Pad(Truncate(text_of(i), widths[i]), widths[i], columns_[i].align);
      const absl::string_view shown = absl::StripTrailingAsciiWhitespace(cell);
      const size_t leading = shown.size() - absl::StripLeadingAsciiWhitespace(shown).size();
      if (!shown.empty()) {
        absl::StrAppend(&line, pending, shown.substr(0, leading),
                        style.Paint(tone_of(i), shown.substr(leading)));
        pending.clear();
      }
      absl::StrAppend(&pending, std::string(cell.size() - shown.size() + kGap, ' '));
    }
    absl::StrAppend(&out, line, "\n");
  };
  add_line([&](size_t i) { return columns_[i].title; }, [](size_t) { return Tone::kDim; });
  for (const auto& row : rows_) {
    add_line([&](size_t i) { return row[i].text; }, [&](size_t i) { return row[i].tone; });
  }
  return out;
}

}  // namespace sprint
