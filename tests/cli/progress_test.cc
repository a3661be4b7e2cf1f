#include "cli/render/progress.h"

#include "cli/render/text.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProgressState Half() {
  ProgressState state;
  state.label = "demo";
  state.done = 1500;
  state.total = 3000;
  state.cells_per_second = 21.3;
  state.tokens_per_second = 812;
  state.eta_seconds = 73;
  state.quarantined = 2;
  state.state = "running";
  return state;
}

TEST(ProgressLine, SaysHowFarHowFastAndHowLong) {
  const std::string line = ProgressLine(Half(), Style(), 0);
  for (const char* part :
       {"demo", " 50 %", "1,500/3,000", "21.3 cells/s", "812 tok/s", "1 min 13 s left", "2 quarantined"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
  EXPECT_THAT(line, Not(HasSubstr("running")));
}

TEST(ProgressLine, NeverClaimsAHundredPercentTooEarly) {
  ProgressState state = Half();
  state.done = 2999;
  EXPECT_THAT(ProgressLine(state, Style(), 0), HasSubstr(" 99 %"));
  state.done = 3000;
  EXPECT_THAT(ProgressLine(state, Style(), 0), HasSubstr("100 %"));
  state.total = 0;
  EXPECT_THAT(ProgressLine(state, Style(), 0), HasSubstr("  0 %"));
}

TEST(ProgressLine, FitsTheScreenAndKeepsWhatMattersMost) {
  for (int width = 20; width <= 160; ++width) {
    const std::string line = ProgressLine(Half(), Style(), width);
    EXPECT_LE(DisplayWidth(line), width) << line;
    EXPECT_THAT(line, HasSubstr("50 %"));
  }
  EXPECT_THAT(ProgressLine(Half(), Style(), 50), HasSubstr("2 quarantined"));
  EXPECT_THAT(ProgressLine(Half(), Style(), 50), Not(HasSubstr("tok/s")));
  EXPECT_THAT(ProgressLine(Half(), Style(), 80), HasSubstr("[███")) << "80 columns have room for a bar";
  EXPECT_THAT(ProgressLine(Half(), Style(), 0), Not(HasSubstr("["))) << "a line of a log has none";
}

TEST(ProgressLine, NamesAStateThatIsNotRunning) {
  ProgressState state = Half();
  state.state = "paused";
  EXPECT_THAT(ProgressLine(state, Style(), 80), HasSubstr("paused"));
}

class Printer : public ::testing::Test {
 protected:
  ProgressPrinter Make(bool redraw) {
    ProgressOptions options;
    options.redraw = redraw;
    options.width = 80;
    return ProgressPrinter(options, [this](absl::string_view text) { written_ += std::string(text); });
  }
  std::string Take() {
    std::string taken;
    taken.swap(written_);
    return taken;
  }
  absl::Time now_ = absl::FromUnixSeconds(1000);

 private:
  std::string written_;
};

TEST_F(Printer, RedrawsInPlaceOnATerminal) {
  ProgressPrinter printer = Make(true);
  printer.Update(Half(), now_);
  EXPECT_THAT(Take(), ::testing::AllOf(::testing::StartsWith("\r"), ::testing::EndsWith("\x1b[K")));
  printer.Update(Half(), now_);
  EXPECT_EQ(Take(), "") << "nothing changed";
  printer.Finish();
  EXPECT_EQ(Take(), "\n");
}

TEST_F(Printer, WritesPlainLinesEveryFewSecondsElsewhere) {
  ProgressPrinter printer = Make(false);
  ProgressState state = Half();
  printer.Update(state, now_);
  EXPECT_THAT(Take(), ::testing::EndsWith("\n"));
  state.done = 1600;
  printer.Update(state, now_ + absl::Seconds(1));
  EXPECT_EQ(Take(), "");
  state.done = 1700;
  printer.Update(state, now_ + absl::Seconds(6));
  EXPECT_THAT(Take(), HasSubstr("1,700/3,000"));
  state.done = 3000;
  printer.Update(state, now_ + absl::Seconds(7));
  printer.Finish();
  EXPECT_THAT(Take(), HasSubstr("3,000/3,000")) << "the last state is always said";
  printer.Finish();
  EXPECT_EQ(Take(), "");
}

TEST_F(Printer, PutsNotesAboveTheBar) {
  ProgressPrinter printer = Make(true);
  printer.Update(Half(), now_);
  Take();
  printer.Note("careful");
  EXPECT_THAT(Take(), ::testing::StartsWith("\r\x1b[Kcareful\ndemo"));
}

}  // namespace
}  // namespace sprint
