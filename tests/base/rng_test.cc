#include "base/rng.h"

#include <cmath>
#include <vector>

#include "tests/testing/testing.h"

namespace sprint {
namespace {

using Counter = std::array<uint32_t, 4>;

TEST(Rng, PhiloxEqualsThePublishedVectors) {  // Random123's kat_vectors, philox4x32 10
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, ADrawIsAFunctionOfSeedStreamAndPlace) {
  CounterRng first(7, 3);
  std::vector<uint32_t> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(first.NextUint32());
  CounterRng again(7, 3);
  for (const uint32_t number : numbers) EXPECT_EQ(again.NextUint32(), number);
  EXPECT_NE(CounterRng(8, 3).NextUint64(), CounterRng(7, 3).NextUint64());
  EXPECT_NE(CounterRng(7, 4).NextUint64(), CounterRng(7, 3).NextUint64());
}

// Pearson's statistic of `draws` numbers below `cells` against uniform.
double ChiSquare(uint64_t stream, int cells, int draws, uint64_t (*draw)(CounterRng&, uint64_t)) {
  CounterRng rng(1234, stream);
  std::vector<int> count(cells);
  for (int i = 0; i < draws; ++i) ++count[draw(rng, cells)];
  const double expected = static_cast<double>(draws) / cells;
  double sum = 0;
  for (const int n : count) sum += (n - expected) * (n - expected) / expected;
  return sum;
}

TEST(Rng, DrawsAreUniform) {
  // 99 degrees of freedom: the statistic lies in [60, 150] but once in 1,000.
  for (uint64_t stream = 0; stream < 10; ++stream) {
    const double below =
        ChiSquare(stream, 100, 100'000, [](CounterRng& rng, uint64_t n) { return rng.NextBelow(n); });
    EXPECT_GT(below, 60);
    EXPECT_LT(below, 150);
    const double real = ChiSquare(stream, 100, 100'000, [](CounterRng& rng, uint64_t n) {
      return static_cast<uint64_t>(rng.NextDouble() * static_cast<double>(n));
    });
    EXPECT_GT(real, 60);
    EXPECT_LT(real, 150);
  }
}

TEST(Rng, DoublesLieInTheHalfOpenInterval) {
  CounterRng rng(1, 1);
  for (int i = 0; i < 100'000; ++i) {
    const double x = rng.NextDouble();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
  }
}

TEST(Rng, BoundsAreKept) {
  CounterRng rng(1, 2);
  for (const uint64_t bound : {uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{1} << 63, UINT64_MAX}) {
    for (int i = 0; i < 1000; ++i) ASSERT_LT(rng.NextBelow(bound), bound);
  }
}

TEST(Rng, NormalDrawsHaveTheMomentsOfANormal) {
  CounterRng rng(5, 5);
  constexpr int kDraws = 200'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.NextNormal();
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);  // four standard errors or more, all three
  EXPECT_NEAR(squares / kDraws, 1, 0.015);
  EXPECT_NEAR(fourth / kDraws, 3, 0.1);
}

}  // namespace
}  // namespace sprint
