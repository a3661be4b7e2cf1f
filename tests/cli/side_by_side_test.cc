#include "cli/side_by_side.h"

#include "absl/strings/str_split.h"
#include "cli/render/text.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(SideBySide, FindsWhereTextsPartWithoutCuttingACharacter) {
  EXPECT_EQ(CommonPrefix("abc", "abd"), 2u);
  EXPECT_EQ(CommonPrefix("abc", "abc"), 3u);
  EXPECT_EQ(CommonPrefix("aé", "aè"), 1u) << "é and è share their first byte";
  EXPECT_EQ(CommonPrefix("", "x"), 0u);
}

TEST(SideBySide, MarksTheFirstDifferenceInBothTexts) {
  const std::string shown = SideBySide({"baseline", "7 * 12 = 84"}, {"L3H5", "7 * 12 = 82"}, Style(), 120);
  EXPECT_THAT(shown, ::testing::HasSubstr("7 * 12 = 8▸4"));
  EXPECT_THAT(shown, ::testing::HasSubstr("7 * 12 = 8▸2"));
}

TEST(SideBySide, MarksNothingWhereTheTextsAreTheSame) {
  EXPECT_THAT(SideBySide({"a", "same"}, {"b", "same"}, Style(), 120),
              ::testing::Not(::testing::HasSubstr("▸")));
}

TEST(SideBySide, KeepsBothColumnsOnAWideScreen) {
  const std::string long_text(300, 'x');
  for (const std::string& line : std::vector<std::string>(
           absl::StrSplit(SideBySide({"a", long_text}, {"b", "short"}, Style(), 120), '\n'))) {
    EXPECT_LE(DisplayWidth(line), 120) << line;
  }
}

TEST(SideBySide, StacksOnANarrowScreen) {
  const std::string shown = SideBySide({"first", "a"}, {"second", "b"}, Style(), 80);
  EXPECT_THAT(shown, ::testing::HasSubstr("first\n  ▸a\n"));
  EXPECT_THAT(shown, ::testing::Not(::testing::HasSubstr("│")));
}

}  // namespace
}  // namespace sprint
