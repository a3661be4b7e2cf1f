#include "worker/engine/step_cost.h"

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

TEST(StepCostTest, LiesOnTheLinesThroughWhatWasMeasured) {
  const StepCost cost({{1, 10}, {2, 9}, {4, 20}, {8, 40}});
  EXPECT_DOUBLE_EQ(cost.Seconds(1), 10);
  EXPECT_DOUBLE_EQ(cost.Seconds(2), 10);  // more rows never cost less
  EXPECT_DOUBLE_EQ(cost.Seconds(3), 15);
  EXPECT_DOUBLE_EQ(cost.Seconds(16), 80);
  EXPECT_FALSE(StepCost().known());
}

TEST(StepCostTest, TheWidthThatPaysIsTheNarrowestThatCostsLittleMoreARow) {
  // 10, 5.5, 5.2 and 5.1 a row: 2 costs more than 5 % above the least, 4 does not.
  EXPECT_EQ(StepCost({{1, 10}, {2, 11}, {4, 20.8}, {8, 40.8}}).WidthThatPays(), 4);
  EXPECT_EQ(StepCost({{1, 1}, {2, 2}, {4, 4}}).WidthThatPays(), 1);
  EXPECT_EQ(StepCost({{1, 10}, {2, 10}, {4, 10}}).WidthThatPays(), 4);
}

TEST(StepCostTest, ManyDraftsPayWhereRowsAreFree) {
  const StepCost flat({{1, 10}, {64, 11}});
  EXPECT_EQ(DraftsWorthTheirRows(flat, 1, 1, {0.9, 0.8, 0.5, 0.3, 0.1, 0.001}), 5);
}

TEST(StepCostTest, NoDraftPaysWhereARowCostsWhatATokenDoes) {
  const StepCost linear({{1, 1}, {128, 128}});
  EXPECT_EQ(DraftsWorthTheirRows(linear, 64, 64, {0.99, 0.9, 0.8}), 0);
}

TEST(StepCostTest, OnlyLikelyDraftsPayInBetween) {
  // 64 sequences: a token costs 1, another row 0.8.
  const StepCost cost({{1, 13}, {64, 64}, {128, 64 + 64 * 0.8}});
  EXPECT_EQ(DraftsWorthTheirRows(cost, 64, 64, {0.95, 0.9, 0.7, 0.6}), 2);
}

TEST(StepCostTest, AStepUpIsCrossedOnlyForEnoughBehindIt) {
  const StepCost cost({{8, 10}, {9, 14}, {16, 14}});
  // One sequence of eight: a token is worth 1.19 of margin and all; the first draft costs 4.
  EXPECT_EQ(DraftsWorthTheirRows(cost, 8, 8, {0.9, 0.9}), 0);
  EXPECT_EQ(DraftsWorthTheirRows(cost, 8, 8, {0.9, 0.9, 0.9, 0.9, 0.9}), 5);
}

}  // namespace
}  // namespace sprint::testing
