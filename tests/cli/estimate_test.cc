#include "cli/estimate.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

// 4 arms x 10 questions of 20 tokens.
PreparedLaunch Prepared() {
  PreparedLaunch launch;
  launch.spec.set_samples(1);
  launch.arms.resize(4);
  launch.questions.resize(10);
  launch.problems.resize(11);
  launch.prompt_tokens = 200;
  launch.run.decoding.max_new_tokens = 64;
  return launch;
}

TEST(Estimate, CountsWhatIsMissing) {
  SelectionCensus census;
  census.existing = 15;
  const LaunchEstimate estimate = Estimate(Prepared(), census, 2);
  EXPECT_EQ(estimate.cells, 40);
  EXPECT_EQ(estimate.missing, 25);
  EXPECT_EQ(estimate.prompt_tokens, 25 * 20);
  EXPECT_EQ(estimate.generated_at_most, 25 * 64);
  EXPECT_EQ(estimate.generated_expected, 25 * 64) << "nothing is known of the answers' length";
  EXPECT_LT(estimate.seconds, 0) << "no rate was measured";
}

TEST(Estimate, TakesTimeFromMeasuredRatesAndTheWorkersAtHand) {
  SelectionCensus census;
  census.existing = 30;
  census.mean_tokens = 32;
  census.tokens_per_second = 16;
  EXPECT_DOUBLE_EQ(Estimate(Prepared(), census, 1).seconds, 20);
  EXPECT_DOUBLE_EQ(Estimate(Prepared(), census, 2).seconds, 10);
  EXPECT_LT(Estimate(Prepared(), census, 0).seconds, 0);
  EXPECT_EQ(Estimate(Prepared(), census, 2).generated_expected, 320);
}

TEST(Estimate, CostsNothingWhenEveryRowExists) {
  SelectionCensus census;
  census.existing = 40;
  const LaunchEstimate estimate = Estimate(Prepared(), census, 2);
  EXPECT_EQ(estimate.missing, 0);
  EXPECT_EQ(estimate.seconds, 0);
  EXPECT_EQ(estimate.disk_bytes, 0);
}

}  // namespace
}  // namespace sprint
