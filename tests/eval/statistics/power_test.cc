#include "eval/statistics/power.h"

#include <cmath>

#include "eval/statistics/paired_tests.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// Over every table of n pairs: fixed, broken, neither.
double PowerByEnumeration(int n, double effect, double discordance, double level) {
  const double fixed_share = (discordance + effect) / 2, broken_share = (discordance - effect) / 2;
  double power = 0;
  for (int fixed = 0; fixed <= n; ++fixed) {
    for (int broken = 0; fixed + broken <= n; ++broken) {
      if (fixed <= broken || McNemarExact(fixed, broken) > level) continue;
      power += std::exp(std::lgamma(n + 1) - std::lgamma(fixed + 1) - std::lgamma(broken + 1) -
                        std::lgamma(n - fixed - broken + 1)) *
               std::pow(fixed_share, fixed) * std::pow(broken_share, broken) *
               std::pow(1 - discordance, n - fixed - broken);
    }
  }
  return power;
}

TEST(McNemarPower, EqualsTheEnumerationOfAllTables) {
  for (const int n : {5, 20, 60}) {
    for (const double discordance : {0.1, 0.4, 1.0}) {
      for (const double effect : {0.0, 0.05, 0.1}) {
        for (const double level : {0.05, 0.001}) {
          EXPECT_NEAR(McNemarPower(n, effect, {discordance, level}),
                      PowerByEnumeration(n, effect, discordance, level), 1e-9)
              << n << " " << discordance << " " << effect << " " << level;
        }
      }
    }
  }
}

TEST(McNemarPower, KeepsItsLevelWithoutAnEffect) {
  for (const int64_t n : {10, 100, 1000, 100'000}) EXPECT_LE(McNemarPower(n, 0, {0.2, 0.05}), 0.025);
  EXPECT_EQ(McNemarPower(0, 0.1, {}), 0);
  EXPECT_EQ(McNemarPower(100, 0, {0, 0.05}), 0);
}

TEST(McNemarPower, TakesAnEffectForTheLeastDiscordance) {
  EXPECT_EQ(McNemarPower(100, 0.3, {0.1, 0.05}), McNemarPower(100, 0.3, {0.3, 0.05}));
}

TEST(DetectableEffect, IsTheOneThatIsFoundWithThatPower) {
  const PowerDesign design{0.2, LevelOfOneTest(0.05, 270)};
  const std::optional<double> effect = DetectableEffect(500, 0.8, design);
  ASSERT_TRUE(effect.has_value());
  EXPECT_GE(McNemarPower(500, *effect, design), 0.8);
  EXPECT_LT(McNemarPower(500, *effect - 1e-4, design), 0.8);
  EXPECT_FALSE(DetectableEffect(3, 0.8, design).has_value()) << "three questions never show anything";
}

TEST(QuestionsNeeded, TurnsTheDetectableEffectRound) {
  const PowerDesign design{0.15, 0.05};
  const std::optional<int64_t> needed = QuestionsNeeded(0.05, 0.8, design);
  ASSERT_TRUE(needed.has_value());
  EXPECT_GE(McNemarPower(*needed, 0.05, design), 0.8);
  EXPECT_LT(McNemarPower(*needed - 1, 0.05, design), 0.8);
  EXPECT_NEAR(*DetectableEffect(*needed, 0.8, design), 0.05, 1e-3);
  // Lachin's formula without continuity correction (Statistics in Medicine 11, 1992) is a little below an
  // exact test: (1.96 sqrt(0.15) + 0.8416 sqrt(0.15 - 0.0025))^2 / 0.0025.
  const double lachin = std::pow(1.95996 * std::sqrt(0.15) + 0.84162 * std::sqrt(0.1475), 2) / 0.0025;
  EXPECT_GT(static_cast<double>(*needed), lachin);
  EXPECT_LT(static_cast<double>(*needed), 1.1 * lachin);
  EXPECT_FALSE(QuestionsNeeded(0, 0.8, design).has_value());
  EXPECT_FALSE(QuestionsNeeded(0.0001, 0.8, design, 1000).has_value());
}

TEST(LevelOfOneTest, IsSharedAmongAllArms) {
  EXPECT_DOUBLE_EQ(LevelOfOneTest(0.05, 1), 0.05);
  EXPECT_DOUBLE_EQ(LevelOfOneTest(0.05, 100), 0.0005);
  EXPECT_DOUBLE_EQ(LevelOfOneTest(0.05, 100, 5), 0.0025);
  EXPECT_DOUBLE_EQ(LevelOfOneTest(0.05, 2, 5), 0.05);
}

TEST(ExpectedMaxOfNormals, EqualsThePublishedTable) {
  // Harter, "Expected values of normal order statistics", Biometrika 48 (1961).
  EXPECT_NEAR(ExpectedMaxOfNormals(1), 0, 1e-6);
  EXPECT_NEAR(ExpectedMaxOfNormals(2), 0.56419, 5e-6);
  EXPECT_NEAR(ExpectedMaxOfNormals(3), 0.84628, 5e-6);
  EXPECT_NEAR(ExpectedMaxOfNormals(10), 1.53875, 5e-6);
  EXPECT_NEAR(ExpectedMaxOfNormals(50), 2.24907, 5e-6);
  EXPECT_NEAR(ExpectedMaxOfNormals(100), 2.50759, 5e-6);
}

TEST(FewestFixed, AreTheFirstThatCount) {
  // Six of six by chance: 2 / 64 = 0.031; five of five: 0.0625.
  EXPECT_EQ(FewestFixed(0.05), 6);
  // 2 / 2^n <= 0.05 / 24 from n = 10 on.
  EXPECT_EQ(FewestFixed(0.05 / 24), 10);
}

}  // namespace
}  // namespace sprint
