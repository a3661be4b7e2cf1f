// Before a sweep: which effect so many questions can show, and how many a wished-for effect needs.
// Everything is computed, nothing simulated. Pure and thread-safe.
#ifndef SPRINT_EVAL_STATISTICS_POWER_H_
#define SPRINT_EVAL_STATISTICS_POWER_H_

#include <cstdint>
#include <optional>

namespace sprint {

struct PowerDesign {
  // The share of questions on which an arm and the baseline differ, fixed or broken. An effect cannot be
  // larger: where it is asked to be, the discordance is taken to be the effect.
  double discordance = 0.1;
  // Of one test, after the correction for many (LevelOfOneTest).
  double level = 0.05;
};

// The level that one of `arms` tests is held to when Benjamini-Hochberg keeps the false discovery rate
// at `rate` and `helpful` arms stand out together: rate * helpful / arms. With one, Bonferroni's.
// REQUIRES: arms >= 1, helpful >= 1.
double LevelOfOneTest(double rate, int64_t arms, int64_t helpful = 1);

// The chance that the exact McNemar test of `questions` single answers finds an arm of that `effect`
// (arm minus baseline, a share) better at the design's level: over how many questions differ (binomial)
// and how they split (binomial). REQUIRES: questions >= 0, 0 <= effect <= 1, 0 <= discordance <= 1.
double McNemarPower(int64_t questions, double effect, const PowerDesign& design);

// The least effect found with that `power`, to 1e-5; nullopt where none is.
std::optional<double> DetectableEffect(int64_t questions, double power, const PowerDesign& design);

// The fewest questions that find `effect` with that `power`; nullopt for an effect of 0 or where more
// than `most` would be needed. Power is taken to grow with the questions, which the steps of an exact test
// break by a question or two.
std::optional<int64_t> QuestionsNeeded(double effect, double power, const PowerDesign& design,
                                       int64_t most = 10'000'000);

// The expected largest of `count` independent standard normal numbers, to 1e-6. REQUIRES: count >= 1.
double ExpectedMaxOfNormals(int64_t count);

// What the best of `arms` arms that do nothing is expected to show, in shares: each arm's own luck is half
// the variance of its difference from the baseline, the other half is the baseline's and common to all.
double ExpectedNullBest(int64_t questions, int64_t arms, double discordance);

// The fewest discordant questions, all fixed, that are significant at `level`.
int64_t FewestFixed(double level);

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_POWER_H_
