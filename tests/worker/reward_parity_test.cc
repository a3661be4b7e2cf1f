// Process reward models beside transformers: reward_parity.py computes the expected numbers in one pass over
// the whole text; here each beginning that ends with a step token is a text of its own, as in a score
// experiment.
#include <algorithm>
#include <cmath>
#include <memory>

#include "model/engine_mode.h"
#include "tests/testing/reward_model.h"
#include "tests/testing/testing.h"
#include "worker/engine/torch_engine.h"
#include "worker/score_head.h"

namespace sprint::testing {
namespace {

using ::testing::Pointwise;

constexpr char kText[] =
    "Start with 85. Subtract 60. Multiply by 2. Add 63. What is the result?\nAnswer:"
    " 85 - 60 = 25<|end|> 25 * 2 = 51<|end|> 51 + 63 = 114 . \\boxed{ 114 }<|end|>";
constexpr int32_t kStep = 0;
constexpr int64_t kWidth = 96;

// Weights that Python computes alike.
std::vector<float> Numbered(int64_t count, int64_t salt) {
  std::vector<float> weights;
  for (int64_t i = 0; i < count; ++i)
    weights.push_back(static_cast<float>(((i + salt) * 7919) % 1009 - 504) / 4096);
  return weights;
}

std::vector<HeadTensor> TwoLayers(int64_t labels) {
  return {{"score.0.weight", {kWidth, kWidth}, Numbered(kWidth * kWidth, 1)},
          {"score.0.bias", {kWidth}, Numbered(kWidth, 2)},
          {"score.2.weight", {labels, kWidth}, Numbered(labels * kWidth, 3)},
          {"score.2.bias", {labels}, Numbered(labels, 4)}};
}

// The score at each step token.
std::vector<double> StepScores(const std::string& path, const std::string& mode_name) {
  const auto mode = ParseEngineMode(mode_name);
  EXPECT_OK(mode);
  const auto model = OpenModel(path);
  EXPECT_OK(model);
  const auto head = ScoreHead::Load(**model, *mode);
  EXPECT_OK(head);
  TorchEngineOptions options;
  options.device = "cpu";
  options.threads = 1;
  auto engine = LoadTorchEngine(*model, options);
  EXPECT_OK(engine);
  const std::vector<int32_t> tokens = (*model)->tokenizer->Encode(kText);
  std::vector<double> scores;
  for (size_t end = 1; end <= tokens.size(); ++end) {
    if (tokens[end - 1] != kStep) continue;
    SequenceRequest request;
    request.id = static_cast<SequenceId>(end);
    request.prompt.assign(tokens.begin(), tokens.begin() + static_cast<int64_t>(end));
    request.decoding.max_new_tokens = 1;
    request.hidden_after = {(*head)->layer()};
    EXPECT_OK((*engine)->Submit(std::move(request)));
    while (!(*engine)->Idle()) {
      const auto finished = (*engine)->Step();
      EXPECT_OK(finished);
      for (const SequenceResult& result : *finished)
        scores.push_back(ScoreOf((*head)->Logits(result.hidden.at(0))));
    }
  }
  return scores;
}

MATCHER(NearTo, "") { return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 2e-5; }

TEST(RewardParity, ATwoLayerHeadOfAProcessRewardModel) {
  TempDir folder;
  WriteRewardModel(folder.File("prm"), "ForProcessRewardModel", 2, TwoLayers(2));
  EXPECT_THAT(StepScores(folder.File("prm"), "score"),
              Pointwise(NearTo(), {0.5487502, 0.5165426, 0.4934062}));
}

TEST(RewardParity, ATwoLayerHeadOfARewardModel) {
  TempDir folder;
  WriteRewardModel(folder.File("rm"), "ForRewardModel", 1, TwoLayers(1));
  EXPECT_THAT(StepScores(folder.File("rm"), "score"),
              Pointwise(NearTo(), {-0.0019667, 0.0665962, 0.1819908}));
}

TEST(RewardParity, ATokenClassifierWithABias) {
  TempDir folder;
  WriteRewardModel(
      folder.File("tokens"), "ForTokenClassification", 2,
      {{"score.weight", {2, kWidth}, Numbered(2 * kWidth, 5)}, {"score.bias", {2}, Numbered(2, 6)}});
  EXPECT_THAT(StepScores(folder.File("tokens"), "score"),
              Pointwise(NearTo(), {0.4164763, 0.0271479, 0.1385254}));
}

TEST(RewardParity, OneTokenOfALanguageModelAgainstAnother) {
  EXPECT_THAT(StepScores(SourceDir() + "/demo/model", "score:300/17"),
              Pointwise(NearTo(), {0.9998316, 0.9999905, 0.7784851}));
}

TEST(RewardParity, EveryTensorOfTheHeadIsPartOfTheModelsIdentity) {
  TempDir folder;
  std::vector<std::string> prints;
  for (size_t changed = 0; changed <= 4; ++changed) {
    std::vector<HeadTensor> head = TwoLayers(2);
    if (changed < 4) head[changed].values[1] += 1;
    const std::string path = folder.File(std::to_string(changed));
    WriteRewardModel(path, "ForProcessRewardModel", 2, head);
    ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(path));
    ASSERT_OK_AND_ASSIGN(const Hash256 print, FingerprintWeights(*model, 1));
    prints.push_back(print.Hex());
  }
  std::sort(prints.begin(), prints.end());
  EXPECT_EQ(std::unique(prints.begin(), prints.end()), prints.end());
}

}  // namespace
}  // namespace sprint::testing
