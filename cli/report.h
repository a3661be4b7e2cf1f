// What a sweep says: accuracy per arm with its interval, what each arm fixed and broke, and what cannot be
// concluded.
#ifndef SPRINT_CLI_REPORT_H_
#define SPRINT_CLI_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/render/color.h"
#include "eval/statistics/intervals.h"
#include "sprint/v1/control.pb.h"
#include "storage/reader.h"

namespace sprint {

struct ArmResult {
  std::string name;
  bool baseline = false;
  int64_t cells = 0;
  int64_t done = 0;
  int64_t judged = 0;
  int64_t correct = 0;
  int64_t truncated = 0;
  double mean_tokens = 0;
  Interval interval;  // Wilson, 95 %, of correct of judged
  int64_t fixed = 0;  // wrong under the baseline, right under the arm
  int64_t broken = 0;
  double p = 1;  // exact McNemar of fixed against broken
  double q = 1;  // p after Benjamini-Hochberg over all arms but the baseline
  double accuracy() const {
    return judged == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(judged);
  }
};

struct Report {
  int64_t experiment = 0;
  std::string name;
  std::string state;
  int64_t cells = 0;
  int64_t done = 0;
  int64_t quarantined = 0;
  std::vector<ArmResult> arms;  // in the experiment's order
  bool flips_known = false;     // false: only a coordinator's counters were at hand
  int64_t problems = 0;         // judged under any arm
  int64_t any_right = 0;        // problems that some arm gets right
};

absl::StatusOr<Report> LoadReport(Reader& reader, ExperimentId id);
// From a coordinator's counters, where its database is out of reach: without flips.
Report ReportOf(const v1::ExperimentStatus& status);

// The fewest discordant questions, all in one direction, that would be significant at 0.05 for one arm
// alone, and for the best of `arms` (Bonferroni's bound, which holds for the first of Benjamini-Hochberg).
int64_t FewestOneSidedFlips(int64_t arms);

struct ReportStyle {
  Style style = Style();
  int width = 0;          // 0: not cut
  size_t most_arms = 40;  // more are shown as the best and the worst
  std::string database;   // for the commands to try; empty: none are shown
};
std::string FormatReport(const Report& report, const ReportStyle& options);
std::string ReportJson(const Report& report);

}  // namespace sprint

#endif  // SPRINT_CLI_REPORT_H_
