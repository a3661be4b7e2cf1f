#include "cli/render/table.h"

#include "absl/strings/str_split.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(Table, AlignsByColumnsOnTheScreen) {
  Table table({{"name"}, {"n", Align::kRight}});
  table.AddRow({"漢字", "5"});
  table.AddRow({"abc", "1,234"});
  EXPECT_EQ(table.Render(Style(), 0),
            "name      n\n"
            "漢字      5\n"
            "abc   1,234\n");
}

TEST(Table, LeavesNoSpacesAtTheEndOfALine) {
  Table table({{"a"}, {"b"}});
  table.AddRow({"long text"});
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(table.Render(Style(), 0), '\n'))) {
    EXPECT_FALSE(!line.empty() && line.back() == ' ') << "\"" << line << "\"";
  }
}

TEST(Table, ShrinksOnlyWhatMayShrinkToTheScreen) {
  Table table({{"id", Align::kRight}, {"text", Align::kLeft, true}});
  table.AddRow({"12345", "a sentence that is too long for so narrow a screen"});
  const std::vector<std::string> lines = absl::StrSplit(table.Render(Style(), 20), '\n');
  EXPECT_EQ(lines[1], "12345  a sentence t…");
  EXPECT_EQ(DisplayWidth(lines[1]), 20);
}

TEST(Table, StaysTooWideRatherThanDropAValue) {
  Table table({{"id"}, {"n"}});
  table.AddRow({"a-very-long-identifier", "1"});
  EXPECT_THAT(table.Render(Style(), 10), ::testing::HasSubstr("a-very-long-identifier  1"));
}

TEST(Table, KeepsARowOnItsLine) {
  Table table({{"text"}});
  table.AddRow({"two\nlines"});
  EXPECT_EQ(table.Render(Style(), 0), "text\ntwo\\nlines\n");
}

TEST(Table, PaintsTheTextAndNotTheSpacesAroundIt) {
  Table table({{"a", Align::kRight}, {"b"}});
  table.AddRow({{"1", Tone::kGood}, "x"});
  table.AddRow({"100", "x"});
  EXPECT_THAT(table.Render(Style(true), 0), ::testing::HasSubstr("  \x1b[32m1\x1b[0m  x\n"));
}

}  // namespace
}  // namespace sprint
