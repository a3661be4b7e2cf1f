#include "cli/estimate.h"

#include "cli/own_arms.h"
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
  launch.prompt_lengths.assign(10, 20);
  launch.run.decoding.max_new_tokens = 64;
  UseGrid(launch);
  return launch;
}

TEST(Estimate, CountsWhatIsMissing) {
  SelectionCensus census;
  census.existing = 15;
  const LaunchEstimate estimate = EstimateLaunch(Prepared(), census, 2);
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
  EXPECT_DOUBLE_EQ(EstimateLaunch(Prepared(), census, 1).seconds, 20);
  EXPECT_DOUBLE_EQ(EstimateLaunch(Prepared(), census, 2).seconds, 10);
  EXPECT_LT(EstimateLaunch(Prepared(), census, 0).seconds, 0);
  EXPECT_EQ(EstimateLaunch(Prepared(), census, 2).generated_expected, 320);
}

TEST(Estimate, CostsNothingWhenEveryRowExists) {
  SelectionCensus census;
  census.existing = 40;
  const LaunchEstimate estimate = EstimateLaunch(Prepared(), census, 2);
  EXPECT_EQ(estimate.missing, 0);
  EXPECT_EQ(estimate.seconds, 0);
  EXPECT_EQ(estimate.disk_bytes, 0);
}

TEST(Estimate, CountsEachQuestionsOwnArms) {
  PreparedLaunch launch = Prepared();
  launch.prompt_lengths[0] = 100;
  launch.choices.resize(10);
  launch.blocks = {{0, {0}, {1, 2, 3}, 0, 1}, {0, {1, 2}, {0}, 0, 4}};
  const LaunchEstimate estimate = EstimateLaunch(launch, {}, 1);
  EXPECT_EQ(estimate.cells, 3 + 8);
  EXPECT_EQ(estimate.prompt_tokens, 3 * 100 + 8 * 20);
  EXPECT_EQ(estimate.generated_at_most, 11 * 64);
  EXPECT_TRUE(estimate.own_arms);
}

}  // namespace
}  // namespace sprint
