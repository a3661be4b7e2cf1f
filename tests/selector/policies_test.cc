#include "selector/policies.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;

TEST(PoliciesTest, TopTakesTheHighestScoresAndTiesGoToTheLowerNumber) {
  const std::vector<float> scores = {0.5F, 0.9F, 0.1F, 0.9F};
  EXPECT_THAT(TopArms(scores, 3, BaselineUse::kCandidate), ElementsAre(1, 3, 0));
  EXPECT_THAT(TopArms(scores, 9, BaselineUse::kExcluded), ElementsAre(1, 3, 2));
}

TEST(PoliciesTest, FallsBackToTheBaselineOnlyWhenNoArmIsBetter) {
  EXPECT_THAT(TopArms({0.5F, 0.9F, 0.1F}, 2, BaselineUse::kFallback), ElementsAre(1, 2));
  EXPECT_THAT(TopArms({0.9F, 0.5F, 0.1F}, 2, BaselineUse::kFallback), ElementsAre(0, 1));
  EXPECT_THAT(TopArms({0.9F, 0.9F, 0.1F}, 1, BaselineUse::kFallback), ElementsAre(0));
  EXPECT_THAT(CoverageArms({0.9F, 0.5F, 0.6F}, 2, BaselineUse::kFallback), ElementsAre(0, 2));
}

TEST(PoliciesTest, CoverTakesAnArmThatAnswersWhatTheFirstDoesNot) {
  // Arm 1 answers rows 0 to 2; arm 2 is nearly its copy; arm 3 answers the rest.
  const std::vector<uint8_t> right = {0, 1, 1, 0,  //
                                      0, 1, 1, 0,  //
                                      0, 1, 0, 0,  //
                                      0, 0, 0, 1};
  const std::vector<float> equal(4, 1.0F);
  EXPECT_THAT(CoverArms(right, 4, equal, 2, BaselineUse::kExcluded), ElementsAre(1, 3));
  // All rows are covered, so covering starts again: arm 2 helps more than the baseline.
  EXPECT_THAT(CoverArms(right, 4, equal, 4, BaselineUse::kCandidate), ElementsAre(1, 3, 2, 0));
  EXPECT_THAT(CoverArms(right, 4, {0.1F, 0.1F, 0.1F, 9.0F}, 1, BaselineUse::kExcluded), ElementsAre(3));
}

TEST(PoliciesTest, CoverOfNothingStillNamesArms) {
  const std::vector<uint8_t> right(6, 0);
  EXPECT_THAT(CoverArms(right, 3, {1, 1}, 2, BaselineUse::kExcluded), ElementsAre(1, 2));
  EXPECT_THAT(CoverArms({}, 3, {}, 3, BaselineUse::kCandidate), ElementsAre(0, 1, 2));
}

TEST(PoliciesTest, NeighbourWeightsSumToOneAndSharpnessZeroMakesThemEqual) {
  const std::vector<float> flat = NeighbourWeights({0.9F, -0.2F, 0.1F}, 0);
  for (const float weight : flat) EXPECT_NEAR(weight, 1.0 / 3, 1e-6);
  const std::vector<float> sharp = NeighbourWeights({0.9F, -0.2F, 0.1F}, 20);
  EXPECT_NEAR(sharp[0] + sharp[1] + sharp[2], 1, 1e-6);
  EXPECT_GT(sharp[0], 0.99);
}

TEST(PoliciesTest, UnknownNamesAreRefusedWithTheKnownOnes) {
  EXPECT_THAT(std::string(ParsePolicyKind("best").status().message()), ::testing::HasSubstr("neighbours"));
  EXPECT_THAT(std::string(ParseBaselineUse("no").status().message()), ::testing::HasSubstr("fallback"));
  for (const PolicyKind kind : {PolicyKind::kTop, PolicyKind::kCoverage, PolicyKind::kNeighbours})
    EXPECT_EQ(*ParsePolicyKind(PolicyKindName(kind)), kind);
}

}  // namespace
}  // namespace sprint
