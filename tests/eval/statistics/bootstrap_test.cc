#include "eval/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(QuestionBootstrap, HasTheDistributionOfAllResamples) {
  // All 4^4 resamples of four values.
  const std::vector<double> values = {0, 0.25, 0.5, 2};
  std::vector<double> exact;
  for (int code = 0; code < 256; ++code)
    exact.push_back((values[code & 3] + values[code >> 2 & 3] + values[code >> 4 & 3] + values[code >> 6]) /
                    4);
  const std::vector<double> means = QuestionBootstrap(4, {20'000, 1}).Means(values);
  for (const double cut : exact) {
    const auto below = [cut](const std::vector<double>& all) {
      const auto count = std::count_if(all.begin(), all.end(), [cut](double v) { return v <= cut + 1e-12; });
      return static_cast<double>(count) / static_cast<double>(all.size());
    };
    EXPECT_NEAR(below(means), below(exact), 0.015) << cut;
  }
}

TEST(QuestionBootstrap, AgreesWithTheNormalIntervalForManyQuestions) {
  CounterRng rng(2, 0);
  std::vector<double> values(800);
  double sum = 0, squares = 0;
  for (double& value : values) {
    value = rng.NextDouble();
    sum += value;
    squares += value * value;
  }
  const double mean = sum / 800;
  const double error = std::sqrt((squares / 800 - mean * mean) / 800);
  const Interval interval = QuestionBootstrap(800, {4000, 1}).MeanInterval(values);
  EXPECT_NEAR(interval.low, mean - kZ95 * error, 0.15 * error);
  EXPECT_NEAR(interval.high, mean + kZ95 * error, 0.15 * error);
}

TEST(QuestionBootstrap, GivesTheSameNumbersForTheSameSeed) {
  const std::vector<double> values = {1, 0, 0, 1, 1};
  EXPECT_EQ(QuestionBootstrap(5, {50, 4}).Means(values), QuestionBootstrap(5, {50, 4}).Means(values));
  EXPECT_NE(QuestionBootstrap(5, {50, 4}).Means(values), QuestionBootstrap(5, {50, 5}).Means(values));
  // Fixed for ever, on every machine.
  const std::vector<double> first = QuestionBootstrap(3, {4, 1}).Means(std::vector<double>{0, 1, 2});
  const std::vector<double> again = QuestionBootstrap(3, {9, 1}).Means(std::vector<double>{0, 1, 2});
  EXPECT_TRUE(std::equal(first.begin(), first.end(), again.begin())) << "more replicates begin alike";
  EXPECT_EQ(QuestionBootstrap(0).MeanInterval({}).high, 1);
}

}  // namespace
}  // namespace sprint
