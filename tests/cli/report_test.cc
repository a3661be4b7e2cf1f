#include "cli/report.h"

#include "absl/strings/str_cat.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ArmResult Arm(const std::string& name, int64_t correct, int64_t fixed, int64_t broken, double p, double q) {
  ArmResult arm;
  arm.name = name;
  arm.baseline = name == "baseline";
  arm.cells = arm.done = arm.judged = 100;
  arm.correct = correct;
  arm.interval = WilsonInterval(correct, 100);
  arm.fixed = fixed;
  arm.broken = broken;
  arm.p = p;
  arm.q = q;
  return arm;
}

Report TwoArms() {
  Report report;
  report.experiment = 3;
  report.name = "demo";
  report.state = "finished";
  report.cells = report.done = 300;
  report.flips_known = true;
  report.problems = 100;
  report.any_right = 81;
  report.arms = {Arm("baseline", 64, 0, 0, 1, 1), Arm("L0H0", 66, 5, 3, 0.727, 0.727),
                 Arm("L3H5", 30, 2, 36, 1e-9, 2e-9)};
  return report;
}

TEST(Report, ShowsIntervalsAndFlips) {
  const std::string text = FormatReport(TwoArms(), {});
  EXPECT_THAT(text, HasSubstr("64/100    64.0 %"));
  EXPECT_THAT(text, HasSubstr("54.2 - 72.7")) << "Wilson's interval of 64 of 100";
  EXPECT_THAT(text, HasSubstr("<0.001"));
}

TEST(Report, ClaimsNoMoreThanTheNumbersAllow) {
  const std::string text = FormatReport(TwoArms(), {});
  EXPECT_THAT(text, HasSubstr("No arm is shown to be better than the baseline"));
  EXPECT_THAT(text, HasSubstr("Worse than the baseline (q < 0.05): 1 arm (L3H5)"));
  EXPECT_THAT(text, HasSubstr("an arm that breaks none has to fix 6 to count alone, 7 as"));
  EXPECT_THAT(text, HasSubstr("was picked after the fact"));
  EXPECT_THAT(text, HasSubstr("81 of 100 (81.0 %)"));
}

TEST(Report, KnowsTheSmallestEffectThatCounts) {
  // Six of six by chance: 2 / 64 = 0.031; five of five: 0.0625.
  EXPECT_EQ(FewestOneSidedFlips(1), 6);
  // 2 / 2^n x 24 < 0.05 from n = 10 on.
  EXPECT_EQ(FewestOneSidedFlips(24), 10);
}

TEST(Report, NamesTheNextCommandsForItsDatabase) {
  ReportStyle style;
  style.database = "sweeps/a.db";
  EXPECT_THAT(FormatReport(TwoArms(), style), HasSubstr("sprint export --db sweeps/a.db 3 --out results/"));
  EXPECT_THAT(FormatReport(TwoArms(), {}), Not(HasSubstr("Next:")));
}

TEST(Report, SaysThatFlipsNeedTheDatabase) {
  v1::ExperimentStatus status;
  status.set_name("remote");
  v1::ArmStatus& arm = *status.add_arms();
  arm.set_name("baseline");
  arm.set_cells(10);
  arm.set_done(10);
  arm.set_correct(5);
  const std::string text = FormatReport(ReportOf(status), {});
  EXPECT_THAT(text, HasSubstr("5/10"));
  EXPECT_THAT(text, HasSubstr("sprint report --db FILE"));
  EXPECT_THAT(text, Not(HasSubstr("fixed  broken")));
}

TEST(Report, ShowsTheBestAndTheWorstOfVeryMany) {
  Report report = TwoArms();
  for (int i = 0; i < 100; ++i) report.arms.push_back(Arm(absl::StrCat("M", i), 40 + i % 20, 1, 1, 1, 1));
  ReportStyle style;
  style.most_arms = 12;
  const std::string text = FormatReport(report, style);
  EXPECT_THAT(text, HasSubstr("(91 more)"));
  EXPECT_THAT(text, HasSubstr("L3H5")) << "the worst";
  EXPECT_THAT(text, HasSubstr("baseline"));
}

}  // namespace
}  // namespace sprint
