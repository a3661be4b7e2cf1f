#include "demo/trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "base/file.h"
#include "demo/evaluate.h"
#include "demo/vocabulary.h"
#include "tests/testing/testing.h"

namespace sprint::demo {
namespace {

NetShape TinyShape(int64_t vocab) {
  NetShape shape;
  shape.layers = 2;
  shape.hidden = 24;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_dim = 8;
  shape.ffn = 32;
  shape.vocab = vocab;
  return shape;
}

at::Tensor AllOn(const NetShape& shape, int64_t batch) {
  return at::ones({batch, shape.layers, shape.heads});
}

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(tokenizer_, ParseTokenizerJson(BuildTokenizerJson())); }
  std::vector<double> Losses(const TrainOptions& options) const {
    std::vector<double> losses;
    Train(options, TinyShape(tokenizer_->vocab_size()), *tokenizer_, HeldOutProblems(1, 10), 20,
          [&](const Net&, const TrainProgress& progress) { losses.push_back(progress.loss); });
    return losses;
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST(LearningRateTest, WarmsUpStaysAndDecays) {
  TrainOptions options;
  EXPECT_DOUBLE_EQ(LearningRate(options, 0), 3e-5);
  EXPECT_DOUBLE_EQ(LearningRate(options, 99), 3e-3);
  EXPECT_DOUBLE_EQ(LearningRate(options, 2879), 3e-3);
  EXPECT_NEAR(LearningRate(options, 3240), 3e-3 * 0.51, 1e-9);
  EXPECT_NEAR(LearningRate(options, 3599), 3e-3 * 0.02, 1e-5);
}

TEST(BoxedAnswerTest, IsTheLastBoxesContent) {
  EXPECT_EQ(BoxedAnswer(" 2 + 3 = 5 . \\boxed{ 5 }"), "5");
  EXPECT_EQ(BoxedAnswer("\\boxed{ 1 } \\boxed{2}"), "2");
  EXPECT_EQ(BoxedAnswer("2 + 3 = 5"), "");
  EXPECT_EQ(BoxedAnswer("\\boxed{ 5"), "");
}

TEST(NetTest, DecodingWithACacheEqualsOneForwardPass) {
  c10::NoGradGuard no_grad;
  const NetShape shape = TinyShape(50);
  const Net net(shape, 1);
  at::Tensor gates = AllOn(shape, 3);
  gates[1][0][2] = 0;
  const at::Tensor ids = at::arange(3 * 9).view({3, 9}) % 50;
  const at::Tensor whole = net.Forward(ids, gates);
  KvCache cache;
  const at::Tensor first = net.Forward(ids.narrow(1, 0, 4), gates, &cache);
  EXPECT_LT((first - whole.narrow(1, 0, 4)).abs().max().item<double>(), 1e-5);
  for (int64_t i = 4; i < 9; ++i) {
    const at::Tensor next = net.Forward(ids.narrow(1, i, 1), gates, &cache);
    EXPECT_LT((next - whole.narrow(1, i, 1)).abs().max().item<double>(), 1e-5) << i;
  }
}

TEST(NetTest, AGateChangesItsOwnSequenceOnly) {
  c10::NoGradGuard no_grad;
  const NetShape shape = TinyShape(50);
  const Net net(shape, 1);
  const at::Tensor ids = at::arange(2 * 9).view({2, 9}) % 50;
  at::Tensor gates = AllOn(shape, 2);
  const at::Tensor before = net.Forward(ids, gates);
  gates[1][1][3] = 0;
  const at::Tensor after = net.Forward(ids, gates);
  EXPECT_TRUE(at::equal(before[0], after[0]));
  EXPECT_GT((before[1] - after[1]).abs().max().item<double>(), 1e-6);
}

TEST_F(TrainerTest, LearnsAndASeedRepeatsItself) {
  TrainOptions options;
  options.steps = 60;
  options.batch = 8;
  const std::vector<double> first = Losses(options), again = Losses(options);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_LT(first[2], 0.8 * first[0]);
  EXPECT_NEAR(first[0], again[0], 1e-4);
  options.seed = 2;
  EXPECT_GT(std::abs(Losses(options)[0] - first[0]), 1e-4);
}

TEST_F(TrainerTest, ASequenceIsPromptAnswerAndEndToken) {
  const Problem problem = HeldOutProblems(1, 1)[0];
  const Sequence sequence = MakeSequence(*tokenizer_, problem);
  const auto from = sequence.ids.begin(), middle = from + static_cast<int64_t>(sequence.prompt);
  EXPECT_EQ(tokenizer_->Decode(std::vector<int32_t>(from, middle), false), PromptText(problem));
  EXPECT_EQ(tokenizer_->Decode(std::vector<int32_t>(middle, sequence.ids.end()), true), AnswerText(problem));
  EXPECT_EQ(sequence.ids.back(), kEndId);
}

TEST_F(TrainerTest, WhatIsWrittenIsReadBackBitForBit) {
  c10::NoGradGuard no_grad;
  testing::TempDir dir;
  const NetShape shape = TinyShape(tokenizer_->vocab_size());
  Net net(shape, 5);
  net.RoundToBf16();
  ASSERT_OK(WriteFileAtomically(dir.File("config.json"), net.ConfigJson()));
  ASSERT_OK(WriteFileAtomically(dir.File("model.safetensors"), net.Safetensors()));
  ASSERT_OK(WriteFileAtomically(dir.File("tokenizer.json"), BuildTokenizerJson()));
  ASSERT_OK_AND_ASSIGN(const Net read, Net::Load(dir.path()));
  const at::Tensor ids = at::arange(9).view({1, 9});
  EXPECT_TRUE(at::equal(net.Forward(ids, AllOn(shape, 1)), read.Forward(ids, AllOn(shape, 1))));
}

// The shipped model is what demo/README.md says it is.
TEST(ShippedModelTest, AnswersSomeHeldOutProblemsRightAndHeadsFixAndBreakOthers) {
  const std::string folder = testing::SourceDir() + "/demo/model";
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(folder + "/tokenizer.json"));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, ParseTokenizerJson(text));
  ASSERT_OK_AND_ASSIGN(const Net net, Net::Load(folder));
  EXPECT_LE(2 * net.ParameterCount(), 3 << 20);
  const HeldOutMeasure measure =
      MeasureHeldOut(net, *tokenizer, HeldOutProblems(kHeldOutSeed, 120), /*every_head=*/true);
  EXPECT_GE(BaselineAccuracy(measure), 0.5);
  EXPECT_LE(BaselineAccuracy(measure), 0.8);
  int both = 0;
  for (size_t arm = 1; arm < measure.right.size(); ++arm) {
    bool fixed = false, broken = false;
    for (size_t p = 0; p < measure.right[arm].size(); ++p) {
      fixed = fixed || (measure.right[arm][p] && !measure.right[0][p]);
      broken = broken || (!measure.right[arm][p] && measure.right[0][p]);
    }
    both += fixed && broken ? 1 : 0;
  }
  EXPECT_GE(both, 3);
}

}  // namespace
}  // namespace sprint::demo
