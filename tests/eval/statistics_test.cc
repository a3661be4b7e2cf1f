#include "eval/statistics.h"

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(WilsonInterval, EqualsThePublishedTable) {
  // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
  // (1998), table I, method 3.
  const struct {
    int64_t successes, trials;
    double low, high;
  } rows[] = {
      {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0000, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (const auto& row : rows) {
    const Interval interval = WilsonInterval(row.successes, row.trials);
    EXPECT_NEAR(interval.low, row.low, 5e-5) << row.successes << "/" << row.trials;
    EXPECT_NEAR(interval.high, row.high, 5e-5) << row.successes << "/" << row.trials;
  }
}

TEST(WilsonInterval, HoldsTheProportionAndStaysInRange) {
  for (int64_t trials = 1; trials <= 60; ++trials) {
    for (int64_t successes = 0; successes <= trials; ++successes) {
      const Interval interval = WilsonInterval(successes, trials);
      const double p = static_cast<double>(successes) / static_cast<double>(trials);
      EXPECT_GE(interval.low, 0);
      EXPECT_LE(interval.low, p);
      EXPECT_GE(interval.high, p);
      EXPECT_LE(interval.high, 1);
      const Interval mirrored = WilsonInterval(trials - successes, trials);
      EXPECT_NEAR(interval.low, 1 - mirrored.high, 1e-12);
    }
  }
}

TEST(WilsonInterval, IsEverythingWithoutTrials) {
  EXPECT_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
}

TEST(McNemarExact, EqualsTheEnumeratedBinomial) {
  for (int n = 1; n <= 40; ++n) {
    double choose = 1;  // C(n, k), exact in a double for these n
    double tail = 0;
    for (int k = 0; 2 * k <= n; ++k) {
      tail += choose;
      const double expected = std::min(1.0, 2 * tail / static_cast<double>(int64_t{1} << n));
      EXPECT_NEAR(McNemarExact(k, n - k), 2 * k == n ? 1 : expected, 1e-13) << k << " of " << n;
      EXPECT_EQ(McNemarExact(k, n - k), McNemarExact(n - k, k));
      choose = choose * (n - k) / (k + 1);
    }
  }
}

TEST(McNemarExact, IsRightForLargeCounts) {
  EXPECT_NEAR(McNemarExact(400, 500) / 0.0009564441369189461, 1, 1e-12);
  // From a sum in 50 decimal digits.
  EXPECT_NEAR(McNemarExact(499'000, 501'000) / 0.045608299865382086, 1, 1e-11);
  EXPECT_EQ(McNemarExact(1'000'000, 1'000'000), 1);
  EXPECT_NEAR(McNemarExact(0, 1000) / 0x1p-999, 1, 1e-12);
  EXPECT_GE(McNemarExact(0, 1'000'000'000), 0);
}

TEST(McNemarExact, IsOneWhenNothingSpeaksAgainstChance) {
  EXPECT_EQ(McNemarExact(0, 0), 1);
  EXPECT_EQ(McNemarExact(1, 0), 1);
  EXPECT_EQ(McNemarExact(7, 7), 1);
  EXPECT_EQ(McNemarExact(7, 8), 1);
}

TEST(BenjaminiHochberg, RejectsWhatTheOriginalPaperDoes) {
  // Benjamini and Hochberg, JRSS B 57 (1995), section 4.1: at q = 0.05 the four smallest.
  const std::vector<double> p = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
  const std::vector<double> q = BenjaminiHochberg(p);
  EXPECT_EQ(std::count_if(q.begin(), q.end(), [](double value) { return value <= 0.05; }), 4);
  EXPECT_NEAR(q[0], 0.0015, 1e-12);
  EXPECT_NEAR(q[3], 0.0095 * 15 / 4, 1e-12);
  EXPECT_NEAR(q[4], 0.0201 * 15 / 5, 1e-12);
  EXPECT_NEAR(q[5], 0.0298 * 15 / 7, 1e-12);  // the seventh is lower than the sixth on its own
  EXPECT_EQ(q[14], 1);
}

TEST(BenjaminiHochberg, EqualsItsDefinition) {
  for (uint64_t trial = 0; trial < 200; ++trial) {
    CounterRng rng(11, trial);
    std::vector<double> p(1 + rng.NextBelow(30));
    for (double& value : p) value = static_cast<double>(rng.NextBelow(21)) / 20;  // with ties, 0 and 1
    const std::vector<double> q = BenjaminiHochberg(p);
    ASSERT_EQ(q.size(), p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      double expected = 1;
      for (const double cut : p) {
        if (cut < p[i]) continue;
        const auto below = std::count_if(p.begin(), p.end(), [&](double value) { return value <= cut; });
        expected = std::min(expected, cut * static_cast<double>(p.size()) / static_cast<double>(below));
      }
      EXPECT_NEAR(q[i], expected, 1e-12);
    }
  }
}

TEST(BenjaminiHochberg, TakesNone) { EXPECT_TRUE(BenjaminiHochberg({}).empty()); }

}  // namespace
}  // namespace sprint
