#include "worker/engine/torch_engine.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/testing/testing.h"
#include "tests/worker/engine/parity.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

class TorchEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto parity = ReadParityCase(SourceDir() + "/tests/data/parity/llama-tiny");
    ASSERT_OK(parity);
    parity_ = *std::move(parity);
  }
  std::unique_ptr<Engine> Load(TorchEngineOptions options = {}) {
    auto engine = TestEngine(parity_.model, options);
    EXPECT_OK(engine);
    return engine.ok() ? *std::move(engine) : nullptr;
  }
  SequenceRequest Request(SequenceId id, const std::string& arm = "baseline", int32_t new_tokens = 8) {
    SequenceRequest request;
    request.id = id;
    request.prompt = parity_.greedy_prompt;
    request.arm = *Arm::Parse(arm);
    request.decoding.max_new_tokens = new_tokens;
    return request;
  }
  // Every single-head arm of the model, then pairs, until there are `n`.
  std::vector<std::string> Arms(int n) const {
    const ModelConfig& config = parity_.model->config;
    std::vector<std::string> out = {"baseline"};
    for (int layer = 0; layer < config.layers; ++layer) {
      for (int head = 0; head < config.heads; ++head) out.push_back(absl::StrCat("L", layer, "H", head));
    }
    for (int head = 0; head + 1 < config.heads; ++head) {
      for (int layer = 0; layer < config.layers; ++layer) {
        out.push_back(absl::StrCat("L", layer, "H", head, "-", head + 1));
      }
    }
    out.resize(static_cast<size_t>(std::min<int>(n, static_cast<int>(out.size()))));
    return out;
  }
  ParityCase parity_;
};

// GEMM calls of each step with 64 sequences, the i-th under arms[i % size].
std::vector<int64_t> CallsPerStep(Engine& engine, const std::vector<SequenceRequest>& requests) {
  for (const SequenceRequest& request : requests) EXPECT_OK(engine.Submit(request));
  std::vector<int64_t> calls;
  while (!engine.Idle()) {
    const int64_t before = engine.stats().gemm_calls;
    EXPECT_OK(engine.Step());
    calls.push_back(engine.stats().gemm_calls - before);
  }
  return calls;
}

TEST_F(TorchEngineTest, SixtyFourSequencesOfManyArmsMakeTheGemmCallsOfOneArm) {
  const std::vector<std::string> arms = Arms(32);
  ASSERT_GE(arms.size(), 30u);
  std::vector<SequenceRequest> many;
  std::vector<SequenceRequest> one;
  for (int i = 0; i < 64; ++i) {
    many.push_back(Request(i, arms[static_cast<size_t>(i) % arms.size()]));
    one.push_back(Request(i));
  }
  const auto engine = Load();
  const std::vector<int64_t> calls = CallsPerStep(*engine, many);
  const std::vector<int64_t> calls_of_one = CallsPerStep(*engine, one);
  // Four matrices a layer and the head, in every step of either. Arms that wait for the prompt below their
  // lowest pruned layer begin one step later.
  const int64_t per_step = 4 * parity_.model->config.layers + 1;
  EXPECT_THAT(calls, ::testing::Each(per_step));
  EXPECT_THAT(calls_of_one, ::testing::Each(per_step));
  EXPECT_LE(calls.size(), calls_of_one.size() + 1);
  EXPECT_EQ(engine->stats().generated, 2 * 64 * 8);
}

TEST_F(TorchEngineTest, ASequenceMayComeAndGoWhileOthersRun) {
  const auto engine = Load();
  ASSERT_OK(engine->Submit(Request(1, "baseline", 24)));
  ASSERT_OK(engine->Step());
  ASSERT_OK(engine->Submit(Request(2, "L0H1", 3)));
  const auto results = RunAll(*engine);
  EXPECT_EQ(results.at(1).tokens, parity_.greedy.at("baseline"));
  const std::vector<int32_t>& pruned = parity_.greedy.at("L0H1");
  EXPECT_EQ(results.at(2).tokens, std::vector<int32_t>(pruned.begin(), pruned.begin() + 3));
  EXPECT_EQ(results.at(2).finish, FinishReason::kLength);
}

TEST_F(TorchEngineTest, BlocksOfFinishedSequencesServeNewOnesWithoutTrace) {
  TorchEngineOptions options;
  options.max_sequences = 2;
  const auto engine = Load(options);
  std::map<SequenceId, std::vector<float>> logprobs;
  // Many more than the memory holds at once, in turns over the same blocks.
  for (SequenceId id = 0; id < 20; ++id) {
    ASSERT_OK(engine->Submit(Request(id, id % 2 == 0 ? "baseline" : "L2H0", 24)));
    const auto results = RunAll(*engine);
    EXPECT_EQ(results.at(id).tokens, parity_.greedy.at(id % 2 == 0 ? "baseline" : "L2H0"));
    logprobs[id] = results.at(id).logprobs;
    EXPECT_EQ(logprobs[id], logprobs[id % 2]);
  }
}

TEST_F(TorchEngineTest, CancelForgetsASequenceAndLeavesTheOthers) {
  const auto engine = Load();
  ASSERT_OK(engine->Submit(Request(1, "baseline", 24)));
  ASSERT_OK(engine->Submit(Request(2, "L0H0", 24)));
  ASSERT_OK(engine->Step());
  const int capacity = engine->Capacity();
  engine->Cancel(2);
  engine->Cancel(99);
  EXPECT_EQ(engine->Capacity(), capacity + 1);
  const auto results = RunAll(*engine);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results.at(1).tokens, parity_.greedy.at("baseline"));
}

TEST_F(TorchEngineTest, CapacityCountsWhatIsSubmittedAndRefusesMore) {
  TorchEngineOptions options;
  options.max_sequences = 2;
  const auto engine = Load(options);
  EXPECT_EQ(engine->Capacity(), 2);
  ASSERT_OK(engine->Submit(Request(1)));
  ASSERT_OK(engine->Submit(Request(2)));
  EXPECT_EQ(engine->Capacity(), 0);
  EXPECT_EQ(engine->Submit(Request(3)).code(), absl::StatusCode::kResourceExhausted);
  RunAll(*engine);
  EXPECT_EQ(engine->Capacity(), 2);
}

TEST_F(TorchEngineTest, AStopTokenEndsTheTextAndIsItsLast) {
  const std::vector<int32_t>& whole = parity_.greedy.at("baseline");
  const int32_t stop = whole[6];
  const size_t first = static_cast<size_t>(std::find(whole.begin(), whole.end(), stop) - whole.begin());
  const auto engine = Load();
  SequenceRequest request = Request(1, "baseline", 24);
  request.decoding.stop_tokens = {stop};
  ASSERT_OK(engine->Submit(request));
  const SequenceResult result = RunAll(*engine).at(1);
  EXPECT_EQ(result.tokens,
            std::vector<int32_t>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(first) + 1));
  EXPECT_EQ(result.finish, FinishReason::kStop);
  EXPECT_EQ(result.logprobs.size(), result.tokens.size());
  for (const float logprob : result.logprobs) EXPECT_LE(logprob, 0.0f);
}

TEST_F(TorchEngineTest, AFullContextEndsTheText) {
  ModelConfig config = parity_.model->config;
  config.context = 20;
  ASSERT_OK_AND_ASSIGN(const auto engine, TestEngine(WithConfig(*parity_.model, config)));
  ASSERT_OK(engine->Submit(Request(1, "baseline", 24)));
  const SequenceResult result = RunAll(*engine).at(1);
  EXPECT_EQ(result.finish, FinishReason::kContext);
  // The last position of the context still predicts a token.
  EXPECT_EQ(result.tokens.size(), 20 - parity_.greedy_prompt.size() + 1);
}

TEST_F(TorchEngineTest, BadRequestsAreRefusedByName) {
  const auto engine = Load();
  SequenceRequest empty = Request(1);
  empty.prompt.clear();
  EXPECT_EQ(engine->Submit(empty).code(), absl::StatusCode::kInvalidArgument);
  SequenceRequest outside = Request(1);
  outside.prompt[2] = parity_.model->config.vocab;
  EXPECT_THAT(engine->Submit(outside).message(), HasSubstr("vocabulary"));
  const absl::Status no_head = engine->Submit(Request(1, "L2H6"));
  EXPECT_EQ(ReasonOf(no_head), Reason::kArmInvalid) << no_head;
  SequenceRequest longer = Request(1);
  longer.prompt.assign(257, 5);
  EXPECT_EQ(ReasonOf(engine->Submit(longer)), Reason::kPromptTooLong);
  ASSERT_OK(engine->Submit(Request(1)));
  EXPECT_EQ(engine->Submit(Request(1)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TorchEngineTest, AMemoryLimitBelowTheModelIsRefusedWithTheFigures) {
  TorchEngineOptions options;
  options.memory_bytes = 1000;
  const auto engine = TestEngine(parity_.model, options);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(ReasonOf(engine.status()), Reason::kOutOfMemory);
  EXPECT_THAT(engine.status().message(), HasSubstr("MiB"));
}

TEST_F(TorchEngineTest, AnUnknownOrAbsentDeviceIsRefused) {
  TorchEngineOptions options;
  options.device = "tpu";
  EXPECT_EQ(TestEngine(parity_.model, options).status().code(), absl::StatusCode::kInvalidArgument);
  options.device = "cuda:97";
  EXPECT_EQ(TestEngine(parity_.model, options).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TorchEngineTest, DescriptionsNameWhatDecidesBits) {
  const auto engine = Load();
  const std::string text = engine->NumericsDescription();
  EXPECT_EQ(text, Load()->NumericsDescription());
  EXPECT_EQ(text.find('\n'), std::string::npos);
  for (const char* part : {"cpu", "f32", "gemm"}) EXPECT_THAT(text, HasSubstr(part));
  TorchEngineOptions two;
  two.threads = 2;
  EXPECT_EQ(Load(two)->NumericsDescription(), text) << "threads decide no bits";
  TorchEngineOptions aten;
  aten.device = "cpu-aten";
  const std::string other = Load(aten)->NumericsDescription();
  for (const char* part : {"libtorch", "f32", "threads 1", "rows"}) EXPECT_THAT(other, HasSubstr(part));
  TorchEngineOptions bf16;
  bf16.dtype = Dtype::kBF16;
  EXPECT_THAT(Load(bf16)->NumericsDescription(), HasSubstr("bf16"));
  EXPECT_THAT(DescribeTorchDevice("cpu"), HasSubstr("cpu"));
}

TEST_F(TorchEngineTest, NothingRunningIsCheap) {
  const auto engine = Load();
  ASSERT_OK_AND_ASSIGN(const auto finished, engine->Step());
  EXPECT_TRUE(finished.empty());
  EXPECT_EQ(engine->stats().steps, 0);
  EXPECT_TRUE(engine->Idle());
}

TEST_F(TorchEngineTest, AScaledHeadIsOneWhoseColumnsOfTheOutputProjectionAreScaled) {
  // By a half, so that every product is halved exactly and the sums agree bit for bit.
  ASSERT_OK_AND_ASSIGN(const auto file, MappedFile::Open(parity_.folder + "/model.safetensors"));
  const ModelConfig& config = parity_.model->config;
  const TensorInfo& o = *parity_.model->tensors.layers[1].o;
  const int64_t columns = int64_t{config.heads} * config.head_dim;
  std::vector<float> weights(o.data.size() / sizeof(float));
  std::memcpy(weights.data(), o.data.data(), o.data.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t head = static_cast<int64_t>(i) % columns / config.head_dim;
    if (head == 1 || head == 2) weights[i] *= 0.5F;
  }
  TensorInfo halved = o;
  halved.data = absl::string_view(reinterpret_cast<const char*>(weights.data()), o.data.size());
  auto changed = std::make_shared<ModelFiles>(*parity_.model);
  changed->tensors.layers[1].o = &halved;
  for (const char* device : {"cpu", "cpu-aten"}) {
    SCOPED_TRACE(device);
    TorchEngineOptions options;
    options.device = device;
    const auto engine = Load(options);
    ASSERT_NE(engine, nullptr);
    auto other = TestEngine(changed, options);
    ASSERT_OK(other);
    ASSERT_OK_AND_ASSIGN(const auto scaled,
                         Forward(*engine, parity_.greedy_prompt, *Arm::Parse("L1H1-2*0.5"), false));
    ASSERT_OK_AND_ASSIGN(const auto expected, Forward(**other, parity_.greedy_prompt, Arm(), false));
    EXPECT_EQ(scaled.logits, expected.logits);
    ASSERT_OK_AND_ASSIGN(const auto pruned,
                         Forward(*engine, parity_.greedy_prompt, *Arm::Parse("L1H1-2"), false));
    EXPECT_NE(scaled.logits, pruned.logits);
  }
}

TEST_F(TorchEngineTest, ALayerWhoseOutputProjectionIsZeroFailsTheSelfTest) {
  // The same file with layer 1's o_proj zeroed: pruning no head of it can matter.
  ASSERT_OK_AND_ASSIGN(const auto file, MappedFile::Open(parity_.folder + "/model.safetensors"));
  const TensorInfo& o = *parity_.model->tensors.layers[1].o;
  std::string zeros(o.data.size(), '\0');
  TensorInfo zeroed = o;
  zeroed.data = zeros;
  auto broken = std::make_shared<ModelFiles>(*parity_.model);
  broken->tensors.layers[1].o = &zeroed;
  const auto engine = TestEngine(broken);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(ReasonOf(engine.status()), Reason::kModelSelfTestFailed);
  EXPECT_THAT(engine.status().message(), HasSubstr("layer 1"));
}

TEST_F(TorchEngineTest, WeightsThatAreNotNumbersAreRefusedByTensor) {
  const TensorInfo& down = *parity_.model->tensors.layers[2].down;
  std::string bytes(down.data.data(), down.data.size());
  const float nan = std::nanf("");
  std::copy_n(reinterpret_cast<const char*>(&nan), 4, bytes.begin() + 400);
  TensorInfo damaged = down;
  damaged.data = bytes;
  auto broken = std::make_shared<ModelFiles>(*parity_.model);
  broken->tensors.layers[2].down = &damaged;
  const auto engine = TestEngine(broken);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(ReasonOf(engine.status()), Reason::kModelDamaged);
  EXPECT_THAT(engine.status().message(), HasSubstr("down_proj"));
}

}  // namespace
}  // namespace sprint::testing
