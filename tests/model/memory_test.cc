#include "model/memory.h"

#include "base/status.h"
#include "tests/model/model_builders.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(Memory, CountsParametersAsTheTensorsDo) {
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ParseHfConfig(testing::TinyConfig()));
  int64_t bytes = 0;
  for (const TensorToWrite& tensor : testing::TinyTensors())
    bytes += static_cast<int64_t>(tensor.data.size());
  EXPECT_EQ(config.ParameterCount() * 4, bytes);
  EXPECT_EQ(EstimateMemory(config, Dtype::kF32, {}).weights, bytes);
  EXPECT_EQ(EstimateMemory(config, Dtype::kBF16, {}).weights * 2, bytes);
}

TEST(Memory, GrowsWithCachedTokensByTheKeysAndValues) {
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ParseHfConfig(testing::TinyConfig()));
  EngineShape shape;
  shape.sequences = 4;
  shape.prompt_tokens = 20;
  shape.new_tokens = 12;
  const MemoryEstimate estimate = EstimateMemory(config, Dtype::kF32, shape);
  EXPECT_EQ(estimate.kv_per_token, 2 * 2 * 4 * 4);  // K and V, layers, K/V width, bytes
  EXPECT_EQ(estimate.cached_tokens, 4 * 32);
  shape.new_tokens = 13;  // one position more takes another block
  const MemoryEstimate longer = EstimateMemory(config, Dtype::kF32, shape);
  EXPECT_EQ(longer.cached_tokens, 4 * 64);
  EXPECT_EQ(longer.kv() - estimate.kv(), 4 * 32 * estimate.kv_per_token);
  // Of the answers that other arms follow, a position more as well.
  EXPECT_EQ(longer.traces - estimate.traces, 8 * (config.layers - 1) * config.hidden * 4);
}

TEST(Memory, LanesHaveBuffersOfTheirOwnAndTheHeadIsScreenedInBf16) {
  ASSERT_OK_AND_ASSIGN(const ModelConfig config, ParseHfConfig(testing::TinyConfig()));
  EngineShape shape;
  shape.sequences = 128;
  const MemoryEstimate one = EstimateMemory(config, Dtype::kBF16, shape);
  shape.lanes = 2;
  const MemoryEstimate two = EstimateMemory(config, Dtype::kBF16, shape);
  EXPECT_EQ(two.weights, one.weights);
  EXPECT_EQ(two.screen, one.screen);
  EXPECT_EQ(two.cached_tokens, one.cached_tokens);
  EXPECT_GT(two.activations, one.activations);
  EXPECT_EQ(two.traces, 2 * one.traces);
  EXPECT_EQ(two.kv_slack, 2 * one.kv_slack);
  EXPECT_EQ(one.screen, int64_t{config.vocab} * (config.hidden + 12));  // bytes, and three floats a token
  EXPECT_EQ(EstimateMemory(config, Dtype::kF32, shape).screen, 0);
}

TEST(Memory, ReadsDtypeNames) {
  ASSERT_OK_AND_ASSIGN(const Dtype dtype, ParseDtype("bf16"));
  EXPECT_EQ(dtype, Dtype::kBF16);
  EXPECT_EQ(DtypeName(Dtype::kF32), "f32");
  EXPECT_EQ(ReasonOf(ParseDtype("fp8").status()), Reason::kSpecInvalid);
}

}  // namespace
}  // namespace sprint
