#include "worker/engine/row_rule.h"

#include <cstring>

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;

// Rows of one float each. A pretended library: y = x, plus an "error" that depends on the call.
template <typename Error>
RowRule Measure(int64_t max_rows, Error error) {
  std::vector<float> x(static_cast<size_t>(ProbeRows(max_rows)));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
  const auto gemm = [&](const void* in, int64_t rows, void* out) {
    const float* values = static_cast<const float*>(in);
    float* result = static_cast<float*>(out);
    for (int64_t i = 0; i < rows; ++i) result[i] = values[i] + error(rows, i);
  };
  return MeasureRowRule(gemm, max_rows, x.data(), sizeof(float), sizeof(float));
}

TEST(RowRuleTest, ALibraryWhoseBitsNeverDifferIsCalledWithAnyMeasuredCount) {
  const RowRule rule = Measure(512, [](int64_t, int64_t) { return 0.0f; });
  EXPECT_EQ(rule.classes, CandidateRows(512));
  EXPECT_FALSE(rule.tiled);
  EXPECT_EQ(rule.Next(1).computed, 1);
  EXPECT_EQ(rule.Next(65).computed, 80);
  EXPECT_EQ(rule.Describe(), "1+");
}

TEST(RowRuleTest, SmallCountsThatDifferArePaddedUp) {
  const RowRule rule = Measure(512, [](int64_t rows, int64_t) { return rows < 12 ? 0.5f : 0.0f; });
  EXPECT_THAT(rule.classes, Each(Ge(12)));
  EXPECT_EQ(rule.Next(1).used, 1);
  EXPECT_EQ(rule.Next(1).computed, 16);
  EXPECT_EQ(rule.Describe(), "16+");
}

TEST(RowRuleTest, ACountThatDiffersAmongAgreeingOnesIsLeftOut) {
  const RowRule rule =
      Measure(64, [](int64_t rows, int64_t) { return rows == 24 || rows < 4 ? 0.5f : 0.0f; });
  EXPECT_EQ(rule.Next(20).computed, 32);
  EXPECT_EQ(rule.Describe(), "4,8,16,32+");
}

TEST(RowRuleTest, TheBitsDoNotFollowTheEnginesLimit) {
  // A library that changes its kernel at 40 rows: an engine of 24 rows must not settle on the small one.
  const auto error = [](int64_t rows, int64_t) { return rows < 40 ? 0.5f : 0.0f; };
  EXPECT_TRUE(Measure(24, error).tiled);
  EXPECT_EQ(Measure(64, error).Next(1).computed, 40);
}

TEST(RowRuleTest, WhereOnlyLargeCountsAgreeCallsAreCutIntoTiles) {
  const RowRule rule =
      Measure(512, [](int64_t rows, int64_t) { return static_cast<float>(rows < 500 ? rows : 0); });
  EXPECT_TRUE(rule.tiled);
  EXPECT_THAT(rule.classes, ElementsAre(32));
  EXPECT_EQ(rule.Next(100).used, 32);
  EXPECT_EQ(rule.Next(5).used, 5);
  EXPECT_EQ(rule.Next(5).computed, 32);
  EXPECT_EQ(rule.PaddedRows(70), 96);
  EXPECT_EQ(rule.Describe(), "tile 32");
}

TEST(RowRuleTest, WhereARowsPlaceMattersInEveryTileRowsGoAlone) {
  const RowRule rule = Measure(64, [](int64_t, int64_t place) { return place % 2 == 1 ? 0.5f : 0.0f; });
  EXPECT_THAT(rule.classes, ElementsAre(1));
  EXPECT_TRUE(rule.tiled);
}

TEST(RowRuleTest, CandidatesReachTheLimitWithLittlePadding) {
  const std::vector<int64_t> candidates = CandidateRows(500);
  EXPECT_GE(candidates.back(), 500);
  for (size_t i = 1; i < candidates.size(); ++i) {
    const int64_t step = candidates[i] - candidates[i - 1];
    EXPECT_LE(step, std::max<int64_t>(8, candidates[i - 1] / 4));
  }
}

}  // namespace
}  // namespace sprint::testing
