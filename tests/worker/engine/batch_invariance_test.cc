// The engine's promise: what a sequence generates does not depend on what runs beside it.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "tests/testing/testing.h"
#include "tests/worker/engine/parity.h"

namespace sprint::testing {
namespace {

constexpr SequenceId kQuestion = 1000000;

std::vector<int32_t> RandomPrompt(CounterRng& rng, int32_t vocab, int64_t length) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < length; ++i)
    out.push_back(static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(vocab))));
  return out;
}

Arm RandomArm(CounterRng& rng, const ModelConfig& config) {
  std::vector<HeadEdit> edits;
  for (uint64_t n = rng.NextBelow(4); n > 0; --n) {
    edits.push_back({static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(config.layers))),
                     static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(config.heads))),
                     HeadOp::kZero});
  }
  return *Arm::Create(edits);
}

SequenceRequest Question(const ModelConfig& config) {
  CounterRng rng(/*seed=*/3, /*stream=*/0);
  SequenceRequest request;
  request.id = kQuestion;
  request.prompt = RandomPrompt(rng, config.vocab, 45);  // more than one K/V block
  request.arm = *Arm::Parse("L1H2");
  request.decoding.max_new_tokens = 40;
  return request;
}

// The question among 0 to 20 others, some of which come in later.
SequenceResult RunInBatch(const ParityCase& parity, Dtype dtype, const std::string& device, uint64_t batch) {
  const ModelConfig& config = parity.model->config;
  CounterRng rng(/*seed=*/17, /*stream=*/batch);
  TorchEngineOptions options;
  options.dtype = dtype;
  options.device = device;
  options.self_test = false;
  options.max_sequences = 24;
  const int limits[] = {24, 31, 40, 64, 97, 512};
  options.max_tokens_per_step = limits[rng.NextBelow(std::size(limits))];
  const auto engine = TestEngine(parity.model, options);
  EXPECT_OK(engine);
  if (!engine.ok()) return {};

  const uint64_t neighbours = batch == 0 ? 0 : rng.NextBelow(21);
  const uint64_t place = rng.NextBelow(neighbours + 1);
  SequenceResult question;
  const auto step = [&] {
    auto finished = (*engine)->Step();
    EXPECT_OK(finished);
    for (SequenceResult& result : *finished) {
      if (result.id == kQuestion) question = std::move(result);
    }
  };
  for (uint64_t i = 0; i <= neighbours; ++i) {
    if (i == place) EXPECT_OK((*engine)->Submit(Question(config)));
    if (i == neighbours) break;
    SequenceRequest request;
    request.id = static_cast<SequenceId>(i);
    request.prompt = RandomPrompt(rng, config.vocab, 1 + static_cast<int64_t>(rng.NextBelow(90)));
    request.arm = RandomArm(rng, config);
    request.decoding.max_new_tokens = 1 + static_cast<int32_t>(rng.NextBelow(60));
    EXPECT_OK((*engine)->Submit(std::move(request)));
    if (rng.NextBelow(5) == 0) step();
  }
  while (!(*engine)->Idle()) step();
  return question;
}

void ExpectInvariant(const std::string& folder, Dtype dtype, const std::string& device, uint64_t batches) {
  SCOPED_TRACE(absl::StrCat(folder, " ", DtypeName(dtype)));
  ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
  const SequenceResult alone = RunInBatch(parity, dtype, device, 0);
  ASSERT_EQ(alone.tokens.size(), 40u);
  ASSERT_GE(std::set<int32_t>(alone.tokens.begin(), alone.tokens.end()).size(), 4u)
      << "too simple a text to tell";
  for (uint64_t batch = 1; batch <= batches; ++batch) {
    const SequenceResult result = RunInBatch(parity, dtype, device, batch);
    EXPECT_EQ(result.tokens, alone.tokens) << "batch " << batch;
    EXPECT_EQ(result.logprobs, alone.logprobs) << "batch " << batch;
  }
}

TEST(BatchInvarianceTest, OneQuestionGivesTheSameBitsAloneAndInFortyBatchesInF32) {
  for (const std::string& folder : OwnParityFolders()) ExpectInvariant(folder, Dtype::kF32, "cpu", 40);
}

TEST(BatchInvarianceTest, OneQuestionGivesTheSameBitsAloneAndInFortyBatchesInBf16) {
  for (const std::string& folder : OwnParityFolders()) ExpectInvariant(folder, Dtype::kBF16, "cpu", 40);
}

TEST(BatchInvarianceTest, TheAtenRunnerKeepsThePromiseToo) {
  for (const std::string& folder : OwnParityFolders()) ExpectInvariant(folder, Dtype::kF32, "cpu-aten", 4);
}

}  // namespace
}  // namespace sprint::testing
