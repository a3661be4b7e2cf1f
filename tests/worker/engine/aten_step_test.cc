// A step of the ATen runner as a device sees it: which operators it asks for, and what it gives beside the
// runner whose tokens are chosen on the host.
#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/testing/testing.h"
#include "tests/worker/engine/parity.h"

namespace sprint::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;

// The operators that run on this thread while it lives, in order.
class Operators {
 public:
  Operators() {
    Names().clear();
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback([](const at::RecordFunction& function) {
                                           Names().emplace_back(function.name());
                                           return std::unique_ptr<at::ObserverContext>();
                                         }).scopes({at::RecordScope::FUNCTION}));
  }
  ~Operators() { at::removeCallback(handle_); }
  static std::vector<std::string>& Names() {
    thread_local std::vector<std::string> names;
    return names;
  }

 private:
  at::CallbackHandle handle_;
};

// Each looks at values on the host, or gives a shape that follows from values.
constexpr const char* kWaiting[] = {"aten::_local_scalar_dense",
                                    "aten::item",
                                    "aten::is_nonzero",
                                    "aten::equal",
                                    "aten::nonzero",
                                    "aten::masked_select",
                                    "aten::_unique2",
                                    "aten::unique_dim",
                                    "aten::allclose",
                                    "aten::repeat_interleave",
                                    "aten::bincount",
                                    "aten::nonzero_numpy",
                                    "aten::_is_all_true",
                                    "aten::_is_any_true"};

class AtenStepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(parity_, ReadParityCase(SourceDir() + "/tests/data/parity/llama-tiny"));
  }
  std::unique_ptr<Engine> Load(const std::string& device, int max_draft = 0) {
    TorchEngineOptions options;
    options.device = device;
    options.self_test = false;
    options.max_draft = max_draft;
    options.draft_cost = StepCost({{1, 1.0}, {512, 1.0}});  // every draft pays
    auto engine = TestEngine(parity_.model, options);
    EXPECT_OK(engine);
    return engine.ok() ? *std::move(engine) : nullptr;
  }
  // One sequence for every rule of decoding; `shift` changes prompts and seeds, no lengths.
  std::vector<SequenceRequest> Requests(int32_t shift) const {
    const Sampling rules[] = {
        {},
        {.temperature = 0.8},
        {.temperature = 1, .top_k = 5},
        {.temperature = 1.2, .top_p = 0.9},
        {.temperature = 1, .min_p = 0.1},
        {.repetition_penalty = 1.3},
        {.temperature = 0.7, .top_k = 20, .top_p = 0.95, .min_p = 0.02, .repetition_penalty = 1.1}};
    std::vector<SequenceRequest> out;
    for (const Sampling& sampling : rules) {
      SequenceRequest request;
      request.id = static_cast<SequenceId>(out.size());
      for (const int32_t token : parity_.greedy_prompt)
        request.prompt.push_back((token + shift) % parity_.model->config.vocab);
      request.arm = *Arm::Parse(out.size() % 2 == 0 ? "baseline" : "L1H0");
      request.decoding.max_new_tokens = 12;
      request.decoding.sampling = sampling;
      request.seed = static_cast<uint64_t>(40 + shift);
      request.hidden_after = {1};
      out.push_back(std::move(request));
    }
    return out;
  }
  std::vector<std::string> OperatorsOf(Engine& engine, const std::vector<SequenceRequest>& requests) {
    for (const SequenceRequest& request : requests) EXPECT_OK(engine.Submit(request));
    const Operators watched;
    RunAll(engine);
    return Operators::Names();
  }
  ParityCase parity_;
};

TEST_F(AtenStepTest, NothingOnTheDeviceIsLookedAtInsideAStep) {
  const auto engine = Load("cpu-aten");
  const std::vector<std::string> names = OperatorsOf(*engine, Requests(0));
  EXPECT_THAT(names, Contains("aten::mm"));
  EXPECT_THAT(names, Contains("aten::argmax"));
  for (const char* waiting : kWaiting) EXPECT_THAT(names, Not(Contains(std::string(waiting))));
}

TEST_F(AtenStepTest, TheWatchSeesALookAtAValue) {
  const Operators watched;
  const at::Tensor one = at::ones({1});
  EXPECT_EQ(one.item<float>(), 1.0F);
  EXPECT_THAT(Operators::Names(), Contains(std::string("aten::_local_scalar_dense")));
}

TEST_F(AtenStepTest, OtherValuesAskForTheSameOperators) {
  const auto engine = Load("cpu-aten");
  OperatorsOf(*engine, Requests(1));  // buffers take their size
  const std::vector<std::string> names = OperatorsOf(*engine, Requests(0));
  EXPECT_TRUE(OperatorsOf(*engine, Requests(3)) == names);
  EXPECT_GT(names.size(), 1000u);
}

TEST_F(AtenStepTest, UnderEveryRuleTokensAreThoseThatTheHostChooses) {
  const auto host = Load("cpu");
  const auto device = Load("cpu-aten");
  for (const int32_t shift : {0, 5, 11}) {
    for (const SequenceRequest& request : Requests(shift)) {
      ASSERT_OK(host->Submit(request));
      ASSERT_OK(device->Submit(request));
    }
    const auto expected = RunAll(*host);
    const auto found = RunAll(*device);
    for (const auto& [id, result] : expected) {
      EXPECT_EQ(found.at(id).tokens, result.tokens) << id;
      for (size_t i = 0; i < result.logprobs.size(); ++i)
        EXPECT_NEAR(found.at(id).logprobs[i], result.logprobs[i], 1e-4) << id;
      EXPECT_LE(RelativeError(found.at(id).hidden[0], result.hidden[0]), 2e-5) << id;
    }
  }
}

// Ten times the vocabulary, each piece a little smaller than the one before.
std::shared_ptr<const ModelFiles> WithWideVocabulary(const ModelFiles& model, std::vector<float>& rows,
                                                     TensorInfo& embedding) {
  constexpr size_t kTimes = 10;
  embedding = *model.tensors.embedding;
  EXPECT_EQ(embedding.type, TensorType::kF32);
  const size_t n = embedding.data.size() / sizeof(float);
  rows.resize(kTimes * n);
  for (size_t i = 0; i < kTimes; ++i) {
    std::memcpy(rows.data() + i * n, embedding.data.data(), n * sizeof(float));
    for (size_t j = i * n; j < (i + 1) * n; ++j) rows[j] *= 1 - 0.03F * static_cast<float>(i);
  }
  embedding.shape[0] *= static_cast<int64_t>(kTimes);
  embedding.data = absl::string_view(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(float));
  auto wide = std::make_shared<ModelFiles>(model);
  wide->config.vocab *= static_cast<int32_t>(kTimes);
  wide->tensors.embedding = wide->tensors.lm_head = &embedding;
  return wide;
}

TEST_F(AtenStepTest, ARowThatNeedsMoreThanTheHighestLogitsIsChosenAsTheHostDoes) {
  ASSERT_OK_AND_ASSIGN(parity_, ReadParityCase(SourceDir() + "/tests/data/parity/qwen3-tiny"));  // tied
  std::vector<float> rows;
  TensorInfo embedding;
  parity_.model = WithWideVocabulary(*parity_.model, rows, embedding);
  ASSERT_GT(parity_.model->config.vocab, 1024);
  const auto host = Load("cpu");
  const auto device = Load("cpu-aten");
  for (const SequenceRequest& request : Requests(0)) {
    SequenceRequest flat = request;
    flat.decoding.sampling.temperature = 30;  // nearly all of the vocabulary is within top_p
    flat.decoding.sampling.top_p = 0.995;
    flat.decoding.sampling.top_k = request.id % 2 == 0 ? 0 : 1500;
    flat.decoding.sampling.min_p = 0;
    ASSERT_OK(host->Submit(flat));
    ASSERT_OK(device->Submit(flat));
  }
  const auto expected = RunAll(*host);
  const auto found = RunAll(*device);
  std::set<int32_t> tokens;
  for (const auto& [id, result] : expected) {
    EXPECT_EQ(found.at(id).tokens, result.tokens) << id;
    tokens.insert(result.tokens.begin(), result.tokens.end());
  }
  EXPECT_GT(tokens.size(), expected.size() * 6) << "too narrow a choice to need more";
}

TEST_F(AtenStepTest, DraftsAreVerifiedAndChangeNothing) {
  const auto plain = Load("cpu-aten");
  const auto drafting = Load("cpu-aten", /*max_draft=*/6);
  for (Engine* engine : {plain.get(), drafting.get()}) {
    for (const SequenceRequest& request : Requests(0)) ASSERT_OK(engine->Submit(request));
  }
  RunAll(*plain);
  RunAll(*drafting);
  // A second time: the answers are known, and half of the arms' drafts are theirs.
  for (Engine* engine : {plain.get(), drafting.get()}) {
    for (const SequenceRequest& request : Requests(0)) ASSERT_OK(engine->Submit(request));
  }
  const auto expected = RunAll(*plain);
  const auto found = RunAll(*drafting);
  for (const auto& [id, result] : expected) {
    EXPECT_EQ(found.at(id).tokens, result.tokens) << id;
    EXPECT_EQ(found.at(id).logprobs, result.logprobs) << id;
  }
  EXPECT_GT(drafting->stats().accepted, 0);
  EXPECT_LT(drafting->stats().accepted, drafting->stats().drafted);
}

}  // namespace
}  // namespace sprint::testing
