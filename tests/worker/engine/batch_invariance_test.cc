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

SequenceRequest Question(const ModelConfig& config, double temperature) {
  CounterRng rng(/*seed=*/3, /*stream=*/0);
  SequenceRequest request;
  request.id = kQuestion;
  request.prompt = RandomPrompt(rng, config.vocab, 45);  // more than one K/V block
  request.arm = *Arm::Parse("L1H2");
  request.decoding.max_new_tokens = 40;
  request.decoding.sampling.temperature = temperature;
  request.seed = 8;
  request.hidden_after = {0, config.layers - 1};
  return request;
}

// What the savings did over all batches, so that a test sees that they took part.
struct Savings {
  int64_t reused = 0;
  int64_t resumed = 0;
  int64_t followed = 0;
  int64_t accepted = 0;
};

// The question among 0 to 20 others, some of which come in later. Some neighbours have its prompt, or its
// arm and the beginning of its prompt. Alone it runs without savings, in a batch with some of them.
SequenceResult RunInBatch(const ParityCase& parity, Dtype dtype, const std::string& device,
                          double temperature, uint64_t batch, Savings& savings) {
  const ModelConfig& config = parity.model->config;
  CounterRng rng(/*seed=*/17, /*stream=*/batch);
  TorchEngineOptions options;
  options.dtype = dtype;
  options.device = device;
  options.self_test = false;
  options.max_sequences = 24;
  if (device == "cpu" && batch % 5 == 4) options.threads = options.lanes = 2;
  options.prefix_reuse = batch % 2 == 1;
  options.layer_resume = batch % 4 >= 2;
  options.max_draft = batch % 3 == 0 ? 0 : 8;
  options.draft_cost = StepCost({{1, 1.0}, {512, 1.0}});  // every draft pays
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
    if (i == place) EXPECT_OK((*engine)->Submit(Question(config, temperature)));
    if (i == neighbours) break;
    SequenceRequest request;
    request.id = static_cast<SequenceId>(i);
    request.prompt = RandomPrompt(rng, config.vocab, 1 + static_cast<int64_t>(rng.NextBelow(90)));
    request.arm = RandomArm(rng, config);
    if (const uint64_t kind = rng.NextBelow(4); kind <= 1) {
      const SequenceRequest question = Question(config, temperature);
      if (kind == 0) request.prompt = question.prompt;
      if (kind == 0 && rng.NextBelow(2) == 0) request.arm = question.arm;
      if (kind == 1)
        std::copy_n(question.prompt.begin(), std::min<size_t>(40, request.prompt.size()),
                    request.prompt.begin());
      if (kind == 1) request.arm = question.arm;
    }
    request.decoding.max_new_tokens = 1 + static_cast<int32_t>(rng.NextBelow(60));
    if (rng.NextBelow(3) == 0) request.decoding.sampling.temperature = 0.7;
    EXPECT_OK((*engine)->Submit(std::move(request)));
    if (rng.NextBelow(5) == 0) step();
  }
  while (!(*engine)->Idle()) step();
  savings.reused += (*engine)->stats().reused;
  savings.resumed += (*engine)->stats().resumed;
  savings.followed += (*engine)->stats().followed;
  savings.accepted += (*engine)->stats().accepted;
  return question;
}

void ExpectInvariant(const std::string& folder, Dtype dtype, const std::string& device, double temperature,
                     uint64_t batches) {
  SCOPED_TRACE(absl::StrCat(folder, " ", DtypeName(dtype)));
  ASSERT_OK_AND_ASSIGN(const ParityCase parity, ReadParityCase(folder));
  Savings savings;
  const SequenceResult alone = RunInBatch(parity, dtype, device, temperature, 0, savings);
  ASSERT_EQ(alone.tokens.size(), 40u);
  ASSERT_GE(std::set<int32_t>(alone.tokens.begin(), alone.tokens.end()).size(), 4u)
      << "too simple a text to tell";
  for (uint64_t batch = 1; batch <= batches; ++batch) {
    const SequenceResult result = RunInBatch(parity, dtype, device, temperature, batch, savings);
    EXPECT_EQ(result.tokens, alone.tokens) << "batch " << batch;
    EXPECT_EQ(result.logprobs, alone.logprobs) << "batch " << batch;
    EXPECT_EQ(result.hidden, alone.hidden) << "batch " << batch;
  }
  if (batches < 40) return;
  EXPECT_GT(savings.reused, 0);
  EXPECT_GT(savings.resumed, 0);
  EXPECT_GT(savings.followed, 0);
  EXPECT_GT(savings.accepted, 0);
}

TEST(BatchInvarianceTest, OneQuestionGivesTheSameBitsAloneAndInFortyBatchesInF32) {
  for (const std::string& folder : OwnParityFolders()) ExpectInvariant(folder, Dtype::kF32, "cpu", 0, 40);
}

TEST(BatchInvarianceTest, WhatIsDrawnDoesNotDependOnTheBatch) {
  ExpectInvariant(OwnParityFolders().front(), Dtype::kF32, "cpu", 0.8, 40);
  ExpectInvariant(OwnParityFolders().front(), Dtype::kBF16, "cpu", 0.8, 40);
}

TEST(BatchInvarianceTest, OneQuestionGivesTheSameBitsAloneAndInFortyBatchesInBf16) {
  for (const std::string& folder : OwnParityFolders()) ExpectInvariant(folder, Dtype::kBF16, "cpu", 0, 40);
}

TEST(BatchInvarianceTest, TheAtenRunnerKeepsThePromiseToo) {
  for (const std::string& folder : OwnParityFolders()) ExpectInvariant(folder, Dtype::kF32, "cpu-aten", 0, 4);
  ExpectInvariant(OwnParityFolders().front(), Dtype::kF32, "cpu-aten", 0.8, 4);
  ExpectInvariant(OwnParityFolders().front(), Dtype::kBF16, "cpu-aten", 0.8, 4);
}

}  // namespace
}  // namespace sprint::testing
