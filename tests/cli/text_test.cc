#include "cli/render/text.h"

#include "cli/render/color.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(Text, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("é"), 1);
  EXPECT_EQ(DisplayWidth("漢字"), 4);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1) << "a combining accent takes no column";
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2) << "bytes that are not UTF-8 take one each";
}

TEST(Text, TruncatesAtACharacterAndSaysSo) {
  EXPECT_EQ(Truncate("abcdef", 6), "abcdef");
  EXPECT_EQ(Truncate("abcdef", 4), "abc…");
  EXPECT_EQ(Truncate("漢字漢字", 4), "漢…") << "a wide character that does not fit whole is left out";
  EXPECT_EQ(Truncate("abc", 0), "");
}

TEST(Text, MakesControlCharactersVisible) {
  EXPECT_EQ(Printable("a\nb\tc\x1b[31m"), "a\\nb\\tc\\x1b[31m");
  EXPECT_EQ(Printable("漢"), "漢");
}

TEST(Text, WrapsAtSpacesAndBreaksLongWords) {
  EXPECT_THAT(Wrap("one two three", 7), ::testing::ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("abcdefgh", 3), ::testing::ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(Wrap("a\nb", 10), ::testing::ElementsAre("a", "b"));
  EXPECT_THAT(Wrap("漢字", 1), ::testing::ElementsAre("漢", "字")) << "wider than the line, still shown";
}

TEST(Text, WritesNumbersForPeople) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(-1000), "-1,000");
  EXPECT_EQ(FormatBytes(830), "830 B");
  EXPECT_EQ(FormatBytes(1288490189), "1.2 GiB");
  EXPECT_EQ(FormatSeconds(0.42), "0.4 s");
  EXPECT_EQ(FormatSeconds(59.6), "1 min 00 s");
  EXPECT_EQ(FormatSeconds(192), "3 min 12 s");
  EXPECT_EQ(FormatSeconds(3840), "1 h 04 min");
  EXPECT_EQ(FormatSeconds(90000), "1 d 1 h");
  EXPECT_EQ(FormatSeconds(-1), "unknown");
  EXPECT_EQ(Plural(1, "cell", "cells"), "1 cell");
  EXPECT_EQ(Plural(2000, "cell", "cells"), "2,000 cells");
}

TEST(Text, FindsTheWordThatWasMeant) {
  const std::vector<std::string> words = {"launch", "list", "resume"};
  EXPECT_EQ(NearestWord("lanch", words), "launch");
  EXPECT_EQ(NearestWord("resum", words), "resume");
  EXPECT_EQ(NearestWord("frobnicate", words), "");
}

TEST(Color, IsOnForTerminalsOnlyUnlessTold) {
  EXPECT_TRUE(UseColor(ColorMode::kAuto, {true, "", "xterm"}));
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {false, "", "xterm"}));
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {true, "1", "xterm"}));
  EXPECT_FALSE(UseColor(ColorMode::kAuto, {true, "", "dumb"}));
  EXPECT_TRUE(UseColor(ColorMode::kAlways, {false, "1", "dumb"}));
  EXPECT_FALSE(UseColor(ColorMode::kNever, {true, "", "xterm"}));
}

TEST(Color, LeavesTextAloneWhenOff) {
  EXPECT_EQ(Style(false).Paint(Tone::kBad, "x"), "x");
  EXPECT_EQ(Style(true).Paint(Tone::kBad, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(Style(true).Paint(Tone::kPlain, "x"), "x");
}

}  // namespace
}  // namespace sprint
