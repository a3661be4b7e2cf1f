#include "cli/stats_conclusions.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/render/text.h"
#include "eval/statistics/power.h"

namespace sprint {
namespace {

constexpr double kLevel = 0.05;
constexpr double kPower = 0.8;
constexpr size_t kNamed = 5;

std::string Points(double share) { return absl::StrFormat("%.1f", 100 * share); }

std::string Names(const Stats& stats, const std::vector<size_t>& arms) {
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(arms.size(), kNamed); ++i) names.push_back(stats.judged.arms[arms[i]]);
  if (arms.size() > kNamed) names.push_back("…");
  return absl::StrJoin(names, ", ");
}

// Which arms q calls different from the baseline.
void Claims(const Stats& stats, const std::vector<size_t>& arms, std::vector<std::string>& sentences) {
  std::vector<size_t> better, worse;
  for (const size_t arm : arms) {
    const ArmStatistics& statistics = stats.statistics.arms[arm];
    if (statistics.q < kLevel) (statistics.difference.effect > 0 ? better : worse).push_back(arm);
  }
  std::reverse(worse.begin(), worse.end());  // the worst first
  sentences.push_back(better.empty()
                          ? "No arm is shown to be better than the baseline (q < 0.05)."
                          : absl::StrCat("Better than the baseline (q < 0.05): ",
                                         Plural(static_cast<int64_t>(better.size()), "arm", "arms"), " (",
                                         Names(stats, better), ")."));
  if (!worse.empty()) {
    sentences.push_back(absl::StrCat(
        "Worse than the baseline (q < 0.05): ", Plural(static_cast<int64_t>(worse.size()), "arm", "arms"),
        " (", Names(stats, worse), ")."));
  }
}

std::string Corrected(const Stats& stats, const std::vector<size_t>& arms) {
  const auto nominal = std::count_if(arms.begin(), arms.end(),
                                     [&](size_t arm) { return stats.statistics.arms[arm].p < kLevel; });
  const auto count = static_cast<int64_t>(arms.size());
  return absl::StrCat("q is p corrected for ", Plural(count, "comparison", "comparisons"), " (Benjamini-",
                      stats.correction == Correction::kBenjaminiHochberg ? "Hochberg" : "Yekutieli",
                      "): ", nominal, nominal == 1 ? " arm has" : " arms have",
                      " p < 0.05, and chance alone would give up to ",
                      absl::StrFormat("%.1f", kLevel * static_cast<double>(count)), ".");
}

// What luck alone makes of the top of the table; empty where all arms are shown to be worse.
std::string BestOfMany(const Stats& stats, size_t compared) {
  const SweepStatistics& statistics = stats.statistics;
  const NullBest& best = statistics.best;
  if (statistics.best_of < 2) return "";
  const bool left_aside = statistics.best_of < static_cast<int64_t>(compared);
  std::string text = absl::StrCat(
      "Had no arm done anything, the best of ", statistics.best_of,
      left_aside ? " (those shown to be worse left aside)" : "", " would still show ", Points(best.expected),
      " points on average, ", Points(best.range.low), " to ", Points(best.range.high),
      " in 95 % of sweeps. The best here, ", stats.judged.arms[*statistics.best_arm]);
  if (best.observed <= 0) {
    absl::StrAppend(
        &text, ", is ",
        best.observed < 0 ? absl::StrCat(Points(-best.observed), " points below") : std::string("level with"),
        " the baseline.");
    return text;
  }
  absl::StrAppend(&text, ", shows ", Points(best.observed), "; luck gives as much in ",
                  absl::StrFormat("%.1f", 100 * best.chance),
                  " % of sweeps. On new questions expect it nearer to the baseline.");
  return text;
}

// What this many questions cannot show.
std::string Hidden(const Stats& stats, size_t count) {
  const int64_t questions = stats.statistics.questions;
  const double discordance = stats.statistics.median_discordance;
  std::string text = absl::StrCat("With ", Plural(questions, "question", "questions"));
  if (stats.statistics.samples > 1) absl::StrAppend(&text, " (one sample of each)");
  if (discordance <= 0) return text + " no arm changed anything that could be compared.";
  absl::StrAppend(&text, ", ", FormatPercent(discordance),
                  " of them fixed or broken by the median arm, a smaller effect stays hidden than ");
  const auto found = [&](double level) {
    const std::optional<double> effect = DetectableEffect(questions, kPower, {discordance, level});
    return effect ? absl::StrCat(Points(*effect), " points") : std::string("any");
  };
  absl::StrAppend(&text, found(kLevel), " for one arm alone");
  if (count > 1) {
    absl::StrAppend(&text, ", ", found(LevelOfOneTest(kLevel, static_cast<int64_t>(count))),
                    " for the one that stands out of ", count);
  }
  return text + " (found with 80 % power).";
}

}  // namespace

std::vector<std::string> Conclusions(const Stats& stats) {
  if (!stats.judged.baseline) return {"No baseline ran: there is nothing to compare the arms with."};
  std::vector<size_t> arms = ArmsByEffect(stats);
  arms.erase(std::remove_if(arms.begin(), arms.end(),
                            [&](size_t arm) { return stats.statistics.arms[arm].difference.questions == 0; }),
             arms.end());
  if (arms.empty()) return {"Only the baseline ran: there is nothing to compare it with."};
  std::vector<std::string> sentences;
  Claims(stats, arms, sentences);
  sentences.push_back(Corrected(stats, arms));
  const std::string luck = BestOfMany(stats, arms.size());
  if (!luck.empty()) sentences.push_back(luck);
  sentences.push_back(Hidden(stats, arms.size()));
  const SweepStatistics& statistics = stats.statistics;
  sentences.push_back(absl::StrCat(
      "Some arm is right on ", FormatCount(statistics.any_right), " of ", FormatCount(statistics.questions),
      " (",
      FormatPercent(static_cast<double>(statistics.any_right) / static_cast<double>(statistics.questions)),
      "): a ceiling that only knowing the best arm of each question would reach."));
  return sentences;
}

}  // namespace sprint
