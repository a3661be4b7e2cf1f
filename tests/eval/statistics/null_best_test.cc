#include "eval/statistics/null_best.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "eval/statistics/power.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(NullBestSimulation, EqualsTheEnumerationOfAllFlips) {
  constexpr size_t kQuestions = 10;
  constexpr int32_t kSize = 3;
  CounterRng rng(8, 0);
  std::vector<std::vector<int32_t>> arms(4, std::vector<int32_t>(kQuestions));
  NullBestSimulation simulation(kQuestions);
  for (std::vector<int32_t>& arm : arms) {
    for (int32_t& difference : arm) difference = static_cast<int32_t>(rng.NextBelow(2 * kSize + 1)) - kSize;
    simulation.AddArm(arm, kQuestions * kSize);
  }
  double sum = 0, reached = 0, observed = -1;
  for (uint32_t flips = 0; flips < uint32_t{1} << kQuestions; ++flips) {
    double best = -1;
    for (const std::vector<int32_t>& arm : arms) {
      int32_t total = 0;
      for (size_t q = 0; q < kQuestions; ++q) total += (flips >> q & 1) != 0 ? -arm[q] : arm[q];
      best = std::max(best, static_cast<double>(total) / (kQuestions * kSize));
    }
    if (flips == 0) observed = best;
    sum += best;
    reached += best >= observed - 1e-12 ? 1 : 0;
  }
  const NullBest best = simulation.Run({40'000, 1});
  EXPECT_DOUBLE_EQ(best.observed, observed);
  EXPECT_NEAR(best.expected, sum / (1 << kQuestions), 0.002);
  EXPECT_NEAR(best.chance, reached / (1 << kQuestions), 0.01);
  EXPECT_LE(best.range.low, best.expected);
  EXPECT_GE(best.range.high, best.expected);
}

TEST(NullBestSimulation, AgreesWithTheTheoryOfArmsThatShareABaseline) {
  // 200 arms and a baseline that are right with a chance of one half each: half of all pairs differ.
  constexpr size_t kQuestions = 1000;
  constexpr int kArms = 200;
  NullBestSimulation simulation(kQuestions);
  CounterRng rng(4, 4);
  std::vector<bool> baseline(kQuestions);
  for (size_t q = 0; q < kQuestions; ++q) baseline[q] = rng.NextDouble() < 0.5;
  std::vector<int32_t> differences(kQuestions);
  for (int arm = 0; arm < kArms; ++arm) {
    for (size_t q = 0; q < kQuestions; ++q)
      differences[q] = static_cast<int32_t>(rng.NextDouble() < 0.5) - static_cast<int32_t>(baseline[q]);
    simulation.AddArm(differences, kQuestions);
  }
  const double expected = ExpectedNullBest(kQuestions, kArms, 0.5);
  EXPECT_NEAR(simulation.Run().expected, expected, 0.1 * expected);
}

TEST(NullBestSimulation, GivesTheSameNumbersForTheSameSeed) {
  NullBestSimulation simulation(100);
  std::vector<int32_t> differences(100, 0);
  for (size_t q = 0; q < 30; ++q) differences[q] = q < 18 ? 1 : -1;
  simulation.AddArm(differences, 100);
  const NullBest first = simulation.Run({500, 3});
  const NullBest again = simulation.Run({500, 3});
  EXPECT_EQ(first.expected, again.expected);
  EXPECT_EQ(first.chance, again.chance);
  EXPECT_NE(first.expected, simulation.Run({500, 4}).expected);
  // P(Bin(30, 1/2) >= 18) = 0.181.
  EXPECT_NEAR(simulation.Run({20'000, 1}).chance, 0.1808, 0.01);
}

TEST(NullBestSimulation, HasNothingToSayWithoutArms) {
  NullBestSimulation simulation(10);
  simulation.AddArm(std::vector<int32_t>(10, 0), 0);
  EXPECT_EQ(simulation.arms(), 0u);
  EXPECT_EQ(simulation.Run().chance, 1);
  EXPECT_EQ(simulation.Run().expected, 0);
}

}  // namespace
}  // namespace sprint
