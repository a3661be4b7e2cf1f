#include "worker/score_head.h"

#include <cmath>

#include "base/status.h"
#include "tests/testing/reward_model.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const EngineMode kByHead{EngineMode::Kind::kScore, -1, -1};

// Label l has the weights l * 1000 + i.
std::vector<float> Numbered(int labels) {
  std::vector<float> weights;
  for (int label = 0; label < labels; ++label) {
    for (int i = 0; i < 96; ++i) weights.push_back(static_cast<float>(1000 * label + i));
  }
  return weights;
}

TEST(ScoreHead, IsReadFromTheFileAndIsPartOfTheModelsIdentity) {
  TempDir folder;
  WriteRewardModel(folder.File("rm"), Numbered(2));
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(folder.File("rm")));
  EXPECT_EQ(model->config.labels, 2);
  ASSERT_OK_AND_ASSIGN(const auto head, ScoreHead::Load(*model, kByHead));
  EXPECT_EQ(head->layer(), 3);
  std::vector<float> hidden(96, 0);
  hidden[5] = 2;
  hidden[7] = -1;
  EXPECT_THAT(head->Logits(hidden), ElementsAre(2 * 5 - 7, 2 * 1005 - 1007));
  ASSERT_OK_AND_ASSIGN(const Hash256 fingerprint, FingerprintWeights(*model, 1));
  std::vector<float> other = Numbered(2);
  other[100] += 1;
  WriteRewardModel(folder.File("other"), other);
  ASSERT_OK_AND_ASSIGN(const auto changed, OpenModel(folder.File("other")));
  ASSERT_OK_AND_ASSIGN(const Hash256 changed_fingerprint, FingerprintWeights(*changed, 1));
  EXPECT_NE(fingerprint, changed_fingerprint);
}

TEST(ScoreHead, ALanguageModelHasNone) {
  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(SourceDir() + "/demo/model"));
  EXPECT_EQ(model->config.labels, 0);
  const absl::Status status = ScoreHead::Load(*model, kByHead).status();
  EXPECT_EQ(ReasonOf(status), Reason::kModelUnsupported);
  EXPECT_THAT(std::string(status.message()), HasSubstr("score.weight"));
}

TEST(ScoreHead, TokensAreThoseOfALanguageModelThatHasThem) {
  TempDir folder;
  WriteRewardModel(folder.File("rm"), Numbered(1));
  ASSERT_OK_AND_ASSIGN(const auto reward, OpenModel(folder.File("rm")));
  ASSERT_OK_AND_ASSIGN(const auto language, OpenModel(SourceDir() + "/demo/model"));
  const EngineMode by_tokens{EngineMode::Kind::kScore, 5, 368};
  EXPECT_OK(ScoreHead::Load(*language, by_tokens));
  EXPECT_THAT(std::string(ScoreHead::Load(*reward, by_tokens).status().message()),
              HasSubstr("a head of its own"));
  EXPECT_THAT(std::string(ScoreHead::Load(*language, {EngineMode::Kind::kScore, 369, 5}).status().message()),
              HasSubstr("has no token 369"));
}

TEST(ScoreHead, OneLabelIsARewardAndSeveralAreAProbability) {
  EXPECT_EQ(ScoreOf({-3.5F}), -3.5);
  EXPECT_DOUBLE_EQ(ScoreOf({0.0F, 0.0F}), 0.5);
  EXPECT_NEAR(ScoreOf({100.0F, 102.0F}), 1 / (1 + std::exp(-2.0)), 1e-12);
  EXPECT_EQ(LogitsText({0.1F, -2.0F, 1e-20F}), "[0.1, -2, 1e-20]");
}

}  // namespace
}  // namespace sprint::testing
