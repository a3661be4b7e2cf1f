#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/render/text.h"
#include "cli/stats.h"

namespace sprint {
namespace {

constexpr int64_t kFewQuestions = 100;
constexpr double kMuchTruncated = 0.05;
constexpr double kMuchUnanswered = 0.02;
constexpr size_t kNamed = 4;

// "3 arms (L0H1 12.0 %, …)" of the arms whose share of `count` is above `most`, the largest first.
std::string ArmsAbove(const Stats& stats, int64_t ArmTotals::*count, double most) {
  std::vector<std::pair<double, size_t>> above;
  for (size_t arm = 0; arm < stats.statistics.totals.size(); ++arm) {
    const ArmTotals& totals = stats.statistics.totals[arm];
    if (totals.cells == 0) continue;
    const double share = static_cast<double>(totals.*count) / static_cast<double>(totals.cells);
    if (share > most) above.emplace_back(share, arm);
  }
  if (above.empty()) return "";
  std::stable_sort(above.begin(), above.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(kNamed, above.size()); ++i)
    names.push_back(absl::StrCat(stats.judged.arms[above[i].second], " ", FormatPercent(above[i].first)));
  if (above.size() > kNamed) names.push_back("…");
  return absl::StrCat(Plural(static_cast<int64_t>(above.size()), "arm", "arms"), " (",
                      absl::StrJoin(names, ", "), ")");
}

}  // namespace

std::vector<StatsWarning> WarningsOf(const Stats& stats) {
  std::vector<StatsWarning> warnings;
  const SweepStatistics& statistics = stats.statistics;
  const auto warn = [&warnings](const char* kind, const std::string& text) {
    warnings.push_back({kind, text});
  };
  if (statistics.questions < kFewQuestions) {
    warn("few_questions",
         absl::StrCat("Few questions: ", statistics.questions, " are counted, ", kFewQuestions,
                      " is the least that intervals and claims of a few points need."));
  }
  const std::string truncated = ArmsAbove(stats, &ArmTotals::truncated, kMuchTruncated);
  if (!truncated.empty()) {
    warn("truncated",
         absl::StrCat("More than 5 % of the answers are cut off (length, context, a loop) for ", truncated,
                      ": they count as wrong unless an answer stands before the cut; a larger "
                      "--max-new-tokens finishes them."));
  }
  const std::string unanswered = ArmsAbove(stats, &ArmTotals::unanswered, kMuchUnanswered);
  if (!unanswered.empty()) {
    warn("unanswered",
         absl::StrCat("In more than 2 % of the answers nothing could be extracted for ", unanswered,
                      ": they count as wrong. Look at some with sprint query v_outcome."));
  }
  if (stats.judged.engine_modes.size() > 1) {
    warn("engine_modes",
         absl::StrCat("Answers of several engine modes are mixed (",
                      absl::StrJoin(stats.judged.engine_modes, ", "), "): a difference may be the mode's."));
  }
  if (stats.judged.numerics > 1) {
    warn("numerics", absl::StrCat("Answers come from ", stats.judged.numerics,
                                  " numerics classes: some flips are rounding, not an arm's doing."));
  }
  if (stats.judged.judge_versions.size() > 1) {
    warn("judge_versions", absl::StrCat("Verdicts of several judge versions are mixed (",
                                        absl::StrJoin(stats.judged.judge_versions, ", "), ")."));
  }
  if (stats.judged.alarms > 0) {
    warn("determinism",
         absl::StrCat("Determinism alarms: ", FormatCount(stats.judged.alarms),
                      " late answers differ from the kept one in the same numerics class (sprint query "
                      "\"SELECT * FROM alarm\")."));
  }
  if (stats.judged.quarantined > 0) {
    warn("quarantined", absl::StrCat(Plural(stats.judged.quarantined, "cell is", "cells are"),
                                     " quarantined and missing from the numbers: sprint retry ",
                                     stats.experiment, " tries them again."));
  }
  if (stats.judged.without_gold > 0) {
    warn("without_gold",
         absl::StrCat(Plural(stats.judged.without_gold, "question has", "questions have"),
                      " no right answer and ", stats.judged.without_gold == 1 ? "is" : "are", " left out."));
  }
  if (stats.judged.own_arms) {
    warn("own_arms",
         "Each question has arms of its own: an arm's numbers are of the questions that it was chosen for, "
         "and "
         "arms are not compared on equal questions. sprint votes compares what was chosen.");
  }
  if (!stats.judged.baseline) warn("no_baseline", "No baseline ran: arms are not compared.");
  return warnings;
}

}  // namespace sprint
