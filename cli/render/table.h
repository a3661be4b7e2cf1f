// Tables for terminals and pipes: aligned columns, no rules, cut to the screen where it is narrow.
#ifndef SPRINT_CLI_RENDER_TABLE_H_
#define SPRINT_CLI_RENDER_TABLE_H_

#include <string>
#include <vector>

#include "cli/render/color.h"
#include "cli/render/text.h"

namespace sprint {

struct TableColumn {
  std::string title;
  Align align = Align::kLeft;
  // May become narrower, down to its title or kNarrowest columns, when the table is too wide.
  bool shrinks = false;
};

struct TableCell {
  std::string text;
  Tone tone = Tone::kPlain;
  TableCell(std::string cell_text, Tone cell_tone = Tone::kPlain)  // NOLINT: cells are mostly written as text
      : text(std::move(cell_text)), tone(cell_tone) {}
  TableCell(const char* cell_text) : text(cell_text) {}  // NOLINT
};

// Not thread-safe.
class Table {
 public:
  explicit Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  // A row with fewer cells than columns is filled up with empty ones. Control characters are made
  // visible. REQUIRES: no more cells than columns.
  void AddRow(std::vector<TableCell> cells);
  size_t rows() const { return rows_.size(); }

  // Lines, each ended; no line has trailing spaces. `width` 0: as wide as it gets (a pipe). A table
  // whose unshrinkable columns alone are too wide stays too wide: no value is dropped.
  std::string Render(const Style& style, int width) const;

 private:
  std::vector<int> Widths(int width) const;
  std::vector<TableColumn> columns_;
  std::vector<std::vector<TableCell>> rows_;
};

}  // namespace sprint

#endif  // SPRINT_CLI_RENDER_TABLE_H_
