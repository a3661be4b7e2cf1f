// The engine's numbers against transformers', on the project's own tiny models and, where present,
// on the shared ones.
#include "tests/worker/engine/parity.h"

#include <algorithm>
#include <cstdio>

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

// Of the largest absolute logit.
constexpr double kBound = 2e-5;

std::vector<std::string> AllFolders() {
  std::vector<std::string> folders = OwnParityFolders();
  for (const std::string& folder : SharedParityFolders()) folders.push_back(folder);
  return folders;
}

// The largest relative error of the logits over all arms and inputs, hidden states in `hidden`.
absl::StatusOr<double> WorstError(Engine& engine, const ParityCase& parity, double* hidden = nullptr) {
  double worst = 0;
  for (const auto& [name, expected] : parity.logits) {
    SPRINT_ASSIGN_OR_RETURN(const Arm arm, Arm::Parse(name));
    for (size_t i = 0; i < parity.inputs.size(); ++i) {
      const bool want_hidden = hidden != nullptr && arm.is_baseline();
      SPRINT_ASSIGN_OR_RETURN(const ForwardResult result,
                              Forward(engine, parity.inputs[i], arm, want_hidden));
      worst = std::max(worst, RelativeError(result.logits, expected[i]));
      for (size_t layer = 0; layer < result.hidden.size(); ++layer) {
        *hidden = std::max(*hidden, RelativeError(result.hidden[layer], parity.hidden[layer][i]));
      }
    }
  }
  return worst;
}

void ExpectParity(const std::string& folder, const std::string& device) {
  SCOPED_TRACE(folder);
  ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
  ASSERT_GE(parity.logits.size(), 9u);
  TorchEngineOptions options;
  options.device = device;
  ASSERT_OK_AND_ASSIGN(const auto engine, TestEngine(parity.model, options));
  double hidden = 0;
  ASSERT_OK_AND_ASSIGN(const double worst, WorstError(*engine, parity, &hidden));
  EXPECT_LE(worst, kBound);
  EXPECT_LE(hidden, kBound);
  std::printf("%s on %s: logits %.2g, hidden %.2g of the largest\n", folder.c_str(), device.c_str(), worst,
              hidden);

  SequenceId id = 0;
  std::vector<std::string> names;
  for (const auto& [name, tokens] : parity.greedy) {
    SequenceRequest request;
    request.id = id++;
    request.prompt = parity.greedy_prompt;
    ASSERT_OK_AND_ASSIGN(request.arm, Arm::Parse(name));
    request.decoding.max_new_tokens = static_cast<int32_t>(tokens.size());
    ASSERT_OK(engine->Submit(request));
    names.push_back(name);
  }
  const auto results = RunAll(*engine);
  ASSERT_EQ(results.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(results.at(static_cast<SequenceId>(i)).tokens, parity.greedy.at(names[i])) << names[i];
  }
}

TEST(ParityTest, OwnModelsGiveTransformersLogitsHiddenStatesAndTexts) {
  const std::vector<std::string> folders = OwnParityFolders();
  ASSERT_GE(folders.size(), 2u);
  for (const std::string& folder : folders) ExpectParity(folder, "cpu");
}

TEST(ParityTest, SharedModelsGiveTransformersLogitsHiddenStatesAndTexts) {
  const std::vector<std::string> folders = SharedParityFolders();
  if (folders.empty()) GTEST_SKIP() << "shared/fixtures/parity is absent";
  for (const std::string& folder : folders) ExpectParity(folder, "cpu");
}

TEST(ParityTest, TheAtenRunnerGivesTheSame) {
  for (const std::string& folder : AllFolders()) ExpectParity(folder, "cpu-aten");
}

TEST(ParityTest, TheBoundCatchesAWrongHead) {
  for (const std::string& folder : AllFolders()) {
    SCOPED_TRACE(folder);
    ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
    ASSERT_OK_AND_ASSIGN(const auto engine, TestEngine(parity.model));
    // Every pruned arm's reference against a neighbour's head.
    for (const auto& [name, expected] : parity.logits) {
      ASSERT_OK_AND_ASSIGN(const Arm arm, Arm::Parse(name));
      if (arm.edits().size() != 1) continue;
      HeadEdit wrong = arm.edits().front();
      wrong.head = (wrong.head + 1) % parity.model->config.heads;
      ASSERT_OK_AND_ASSIGN(const Arm other, Arm::Create({wrong}));
      ASSERT_OK_AND_ASSIGN(const ForwardResult result, Forward(*engine, parity.inputs[0], other, false));
      EXPECT_GT(RelativeError(result.logits, expected[0]), kBound) << name;
    }
  }
}

// The error of the baseline under a changed configuration.
absl::StatusOr<double> ErrorWith(const ParityCase& parity, const ModelConfig& config) {
  TorchEngineOptions options;
  options.self_test = false;
  SPRINT_ASSIGN_OR_RETURN(const auto engine, TestEngine(WithConfig(*parity.model, config), options));
  SPRINT_ASSIGN_OR_RETURN(const ForwardResult result, Forward(*engine, parity.inputs[0], Arm(), false));
  return RelativeError(result.logits, parity.logits.at("baseline")[0]);
}

TEST(ParityTest, TheBoundCatchesAWrongRopeBase) {
  for (const std::string& folder : AllFolders()) {
    SCOPED_TRACE(folder);
    ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
    ModelConfig config = parity.model->config;
    config.rope.theta *= 1.01;
    ASSERT_OK_AND_ASSIGN(const double error, ErrorWith(parity, config));
    EXPECT_GT(error, kBound);
  }
}

TEST(ParityTest, TheBoundCatchesAWrongEpsilon) {
  for (const std::string& folder : AllFolders()) {
    SCOPED_TRACE(folder);
    ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
    ModelConfig config = parity.model->config;
    config.rms_norm_eps = config.rms_norm_eps < 5e-6 ? 1e-5 : 1e-6;
    ASSERT_OK_AND_ASSIGN(const double error, ErrorWith(parity, config));
    EXPECT_GT(error, kBound);
  }
}

TEST(ParityTest, TheBoundCatchesAMissingWindowOrRopeScaling) {
  int tried = 0;
  for (const std::string& folder : AllFolders()) {
    SCOPED_TRACE(folder);
    ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
    ModelConfig config = parity.model->config;
    if (config.sliding_window == 0 && config.rope.scaling == RopeConfig::Scaling::kNone) continue;
    config.sliding_window = 0;
    config.rope.scaling = RopeConfig::Scaling::kNone;
    ASSERT_OK_AND_ASSIGN(const double error, ErrorWith(parity, config));
    EXPECT_GT(error, kBound);
    ++tried;
  }
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace sprint::testing
