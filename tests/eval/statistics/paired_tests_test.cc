#include "eval/statistics/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

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
  EXPECT_NEAR(McNemarExact(400, 500) / 0.0009564441369189461, 1, 1e-11);
  // From a sum in 50 decimal digits.
  EXPECT_NEAR(McNemarExact(499'000, 501'000) / 0.045608299865382086, 1, 1e-11);
  EXPECT_EQ(McNemarExact(1'000'000, 1'000'000), 1);
  EXPECT_NEAR(McNemarExact(0, 1000) / 0x1p-999, 1, 1e-11);
  EXPECT_GE(McNemarExact(0, 1'000'000'000), 0);
}

TEST(McNemarExact, IsOneWhenNothingSpeaksAgainstChance) {
  EXPECT_EQ(McNemarExact(0, 0), 1);
  EXPECT_EQ(McNemarExact(1, 0), 1);
  EXPECT_EQ(McNemarExact(7, 7), 1);
  EXPECT_EQ(McNemarExact(7, 8), 1);
}

// Over all 2^n signs.
double ByEnumeration(const std::vector<int32_t>& differences) {
  const int64_t observed = std::abs(std::accumulate(differences.begin(), differences.end(), int64_t{0}));
  int64_t reached = 0;
  const uint32_t all = uint32_t{1} << differences.size();
  for (uint32_t signs = 0; signs < all; ++signs) {
    int64_t sum = 0;
    for (size_t i = 0; i < differences.size(); ++i)
      sum += (signs >> i & 1) != 0 ? differences[i] : -differences[i];
    reached += std::abs(sum) >= observed ? 1 : 0;
  }
  return static_cast<double>(reached) / all;
}

TEST(SignFlipExact, EqualsTheEnumerationOfAllSigns) {
  for (uint64_t trial = 0; trial < 300; ++trial) {
    CounterRng rng(3, trial);
    std::vector<int32_t> differences(1 + rng.NextBelow(12));
    const int32_t size = 1 + static_cast<int32_t>(rng.NextBelow(8));
    for (int32_t& difference : differences) {
      difference = static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(2 * size + 1))) - size;
      if (trial % 3 == 0) difference = std::abs(difference);  // as lopsided as it gets
    }
    EXPECT_NEAR(SignFlipExact(differences), ByEnumeration(differences), 1e-12) << "trial " << trial;
  }
}

TEST(SignFlipExact, IsMcNemarsForSingleAnswers) {
  std::vector<int32_t> differences(100, 0);
  std::fill_n(differences.begin(), 20, 1);
  std::fill_n(differences.begin() + 20, 7, -1);
  EXPECT_EQ(SignFlipExact(differences), McNemarExact(20, 7));
  std::fill_n(differences.begin(), 20, 5);
  std::fill_n(differences.begin() + 20, 7, -5);
  EXPECT_EQ(SignFlipExact(differences), McNemarExact(20, 7)) << "the unit does not matter";
  EXPECT_EQ(SignFlipExact({}), 1);
  EXPECT_EQ(SignFlipExact({3, -3, 0}), 1);
}

TEST(SignFlipExact, TakesThousandsOfQuestions) {
  CounterRng rng(9, 0);
  std::vector<int32_t> differences(7500);
  int64_t sum = 0;
  double squares = 0;
  for (int32_t& difference : differences) {
    difference = static_cast<int32_t>(rng.NextBelow(17)) - 8;
    sum += difference;
    squares += static_cast<double>(difference) * difference;
  }
  // The normal approximation is good here.
  const double z = (std::abs(static_cast<double>(sum)) - 0.5) / std::sqrt(squares);
  EXPECT_NEAR(SignFlipExact(differences), std::erfc(z / std::sqrt(2.0)), 1e-3);
  EXPECT_EQ(SignFlipExact(std::vector<int32_t>(7500, 8)), McNemarExact(7500, 0));
  differences.assign(4000, 3);
  differences.resize(7500, 2);
  EXPECT_EQ(SignFlipExact(differences), 1e-15) << "as small as is claimed to be known";
}

}  // namespace
}  // namespace sprint
