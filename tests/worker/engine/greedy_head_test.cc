#include "worker/engine/greedy_head.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

// Values about as the normal distribution has them, some inputs larger than the others, as models have them.
std::vector<Bf16> Random(int64_t rows, int64_t cols, uint64_t stream, float larger = 9) {
  CounterRng rng(/*seed=*/9, stream);
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (size_t i = 0; i < values.size(); ++i) {
    float sum = 0;
    for (int j = 0; j < 6; ++j) sum += static_cast<float>(rng.NextUint64() >> 40) * 0x1p-24f - 0.5f;
    values[i] = sum * (i % static_cast<size_t>(cols) % 37 == 5 ? larger : 1.0f);
  }
  std::vector<Bf16> out(values.size());
  kernels::F32ToBf16(values.data(), static_cast<int64_t>(values.size()), out.data());
  return out;
}

float Widen(Bf16 value) {
  float out = 0;
  kernels::Bf16ToF32(&value, 1, &out);
  return out;
}

// A projection with its screen.
class Head {
 public:
  Head(int64_t vocab, int64_t cols, const std::vector<Bf16>& weights, int threads = 2)
      : pool_(threads), gemm_(pool_) {
    std::vector<float> values(weights.size());
    kernels::Bf16ToF32(weights.data(), static_cast<int64_t>(weights.size()), values.data());
    matrix_ = *NewMatrix(vocab, cols, Dtype::kBF16);
    StoreRows(values.data(), 0, vocab, matrix_);
    const HeadScreenBytes bytes = BytesOfHeadScreen(vocab, cols);
    screen_.rows = vocab;
    screen_.cols = cols;
    screen_.weights = *AlignedBuffer::Create(bytes.weights);
    screen_.columns = *AlignedBuffer::Create(bytes.columns);
    FillHeadScreen(matrix_, pool_, screen_);
    greedy_.emplace(matrix_, screen_, pool_, gemm_);
  }
  std::vector<GreedyHead::Choice> Choose(const std::vector<Bf16>& x, int64_t first, int64_t rows) {
    return greedy_->Choose(x.data() + first * matrix_.cols, rows, nullptr);
  }
  std::vector<float> Logits(const std::vector<Bf16>& x) {
    const auto rows = static_cast<int64_t>(x.size()) / matrix_.cols;
    std::vector<float> y(static_cast<size_t>(rows * matrix_.rows));
    gemm_.Multiply(matrix_, x.data(), rows, y.data());
    return y;
  }
  const GreedyHead& greedy() const { return *greedy_; }
  const HeadScreen& screen() const { return screen_; }

 private:
  ThreadPool pool_;
  Gemm gemm_;
  Matrix matrix_;
  HeadScreen screen_;
  std::optional<GreedyHead> greedy_;
};

struct Shape {
  int64_t vocab;
  int64_t cols;
};
// Whole pieces and not, blocks of 64 to 1 inputs, inputs that are no multiple of four.
const Shape kShapes[] = {{2048, 576}, {1000, 96}, {333, 50}, {70, 77}, {5, 8}};

TEST(GreedyHeadTest, ChoosesWhatAllLogitsChoose) {
  for (const auto& [vocab, cols] : kShapes) {
    SCOPED_TRACE(::testing::Message() << vocab << " x " << cols);
    Head head(vocab, cols, Random(vocab, cols, 1));
    const std::vector<Bf16> x = Random(40, cols, 2);
    const std::vector<float> logits = head.Logits(x);
    const std::vector<GreedyHead::Choice> choices = head.Choose(x, 0, 40);
    for (int64_t i = 0; i < 40; ++i) {
      const kernels::Best best = kernels::ArgmaxLogSoftmax(logits.data() + i * vocab, vocab);
      ASSERT_TRUE(choices[static_cast<size_t>(i)].known);
      EXPECT_EQ(choices[static_cast<size_t>(i)].best.index, best.index) << i;
      EXPECT_NEAR(choices[static_cast<size_t>(i)].best.logprob, best.logprob, 0.02) << i;
    }
    EXPECT_EQ(head.greedy().rows(), 40);
  }
}

TEST(GreedyHeadTest, ComputesFewLogits) {
  Head head(8192, 576, Random(8192, 576, 1));
  head.Choose(Random(32, 576, 2), 0, 32);
  EXPECT_LT(head.greedy().exact_logits(), 32 * 100);
}

// Tokens whose logits differ in the last bits, or not at all, are told apart as all logits tell them.
TEST(GreedyHeadTest, NearAndEqualTokensAreChosenAsByAllLogits) {
  constexpr int64_t kVocab = 600;
  constexpr int64_t kCols = 128;
  std::vector<Bf16> weights = Random(kVocab, kCols, 3, 1);
  // 100 tokens that are one token but for one bit of one weight, and 50 that are twins of earlier ones.
  for (int64_t i = 400; i < 500; ++i) {
    std::copy_n(weights.begin() + 7 * kCols, kCols, weights.begin() + i * kCols);
    weights[static_cast<size_t>(i * kCols + i % kCols)].bits ^= 1;
  }
  for (int64_t i = 500; i < 550; ++i)
    std::copy_n(weights.begin() + (i - 100) * kCols, kCols, weights.begin() + i * kCols);
  Head head(kVocab, kCols, weights);
  // Rows that point where these tokens do.
  std::vector<Bf16> x = Random(30, kCols, 4, 1);
  for (int64_t i = 0; i < 30; ++i) {
    for (int64_t k = 0; k < kCols; ++k) {
      const auto at = static_cast<size_t>(i * kCols + k);
      const float value = Widen(x[at]) * 0.6f + Widen(weights[static_cast<size_t>(7 * kCols + k)]);
      kernels::F32ToBf16(&value, 1, &x[at]);
    }
  }
  const std::vector<float> logits = head.Logits(x);
  const std::vector<GreedyHead::Choice> choices = head.Choose(x, 0, 30);
  std::set<int64_t> chosen;
  for (int64_t i = 0; i < 30; ++i) {
    const kernels::Best best = kernels::ArgmaxLogSoftmax(logits.data() + i * kVocab, kVocab);
    ASSERT_TRUE(choices[static_cast<size_t>(i)].known);
    EXPECT_EQ(choices[static_cast<size_t>(i)].best.index, best.index) << i;
    chosen.insert(best.index);
  }
  EXPECT_GE(chosen.size(), 5u);
  EXPECT_GE(*chosen.begin(), 7);
}

TEST(GreedyHeadTest, BitsOfARowDependOnNothingElse) {
  constexpr int64_t kCols = 192;
  const std::vector<Bf16> weights = Random(3000, kCols, 5);
  const std::vector<Bf16> x = Random(50, kCols, 6);
  Head head(3000, kCols, weights, /*threads=*/1);
  Head threaded(3000, kCols, weights, /*threads=*/3);
  const std::vector<GreedyHead::Choice> all = head.Choose(x, 0, 50);
  const std::vector<GreedyHead::Choice> again = threaded.Choose(x, 0, 50);
  for (int64_t i = 0; i < 50; ++i) {
    const GreedyHead::Choice alone = threaded.Choose(x, i, 1)[0];
    for (const GreedyHead::Choice& other : {all[static_cast<size_t>(i)], again[static_cast<size_t>(i)]}) {
      EXPECT_EQ(other.best.index, alone.best.index);
      EXPECT_EQ(other.best.logprob, alone.best.logprob);
    }
  }
}

TEST(GreedyHeadTest, RowsThatItCannotTellAreSaidToBeUnknown) {
  constexpr int64_t kCols = 64;
  std::vector<Bf16> weights = Random(3000, kCols, 7, 1);
  for (int64_t i = 0; i < 2000; ++i) std::copy_n(weights.begin(), kCols, weights.begin() + i * kCols);
  Head head(3000, kCols, weights);
  std::vector<Bf16> x = Random(6, kCols, 8, 1);
  std::copy_n(weights.begin(), kCols, x.begin());     // 2,000 tokens are equally good
  x[2 * kCols + 5] = {0x7fc0};                        // a NaN
  x[3 * kCols + 5] = {0xff80};                        // minus infinity
  std::fill_n(x.begin() + 4 * kCols, kCols, Bf16{});  // all logits are 0
  const std::vector<GreedyHead::Choice> choices = head.Choose(x, 0, 6);
  EXPECT_FALSE(choices[0].known);
  EXPECT_FALSE(choices[2].known);
  EXPECT_FALSE(choices[3].known);
  EXPECT_FALSE(choices[4].known);
  EXPECT_TRUE(choices[5].known);
}

// Rows of the projection that are so small that they have no step, or are zeros.
TEST(GreedyHeadTest, TokensOfTinyWeightsAreChosenWhenTheOthersAreWorse) {
  constexpr int64_t kVocab = 1000;
  constexpr int64_t kCols = 64;
  std::vector<Bf16> weights = Random(kVocab, kCols, 12, 1);
  const std::vector<Bf16> x = Random(1, kCols, 13, 1);
  // All tokens have negative logits but two, which have none to speak of.
  for (int64_t i = 0; i < kVocab; ++i) {
    float product = 0;
    for (int64_t k = 0; k < kCols; ++k) {
      product += Widen(weights[static_cast<size_t>(i * kCols + k)]) * Widen(x[static_cast<size_t>(k)]);
    }
    for (int64_t k = 0; k < kCols && product > 0; ++k)
      weights[static_cast<size_t>(i * kCols + k)].bits ^= 0x8000;
  }
  for (int64_t k = 0; k < kCols; ++k) weights[static_cast<size_t>(700 * kCols + k)] = {0x0180};  // 4.7e-38
  std::fill_n(weights.begin() + 800 * kCols, kCols, Bf16{});
  Head head(kVocab, kCols, weights);
  const GreedyHead::Choice choice = head.Choose(x, 0, 1)[0];
  ASSERT_TRUE(choice.known);
  EXPECT_EQ(choice.best.index, kernels::ArgmaxLogSoftmax(head.Logits(x).data(), kVocab).index);
  EXPECT_TRUE(choice.best.index == 700 || choice.best.index == 800);
}

// Logits that are much alike are too many to tell; where one stands out at last, it is found, and whatever
// the threads kept meanwhile, a row gives the same bits.
TEST(GreedyHeadTest, RowsOfManyCandidatesDoNotDependOnThreads) {
  constexpr int64_t kVocab = 40000;
  constexpr int64_t kCols = 64;
  std::vector<Bf16> weights = Random(kVocab, kCols, 14, 1);
  std::vector<Bf16> x = Random(3, kCols, 15, 1);
  for (int64_t k = 0; k < 2 * kCols; ++k) {
    uint16_t& bits = x[static_cast<size_t>(k)].bits;
    bits = static_cast<uint16_t>(bits - (3 << 7));  // an eighth
  }
  // The last token is the second x, 64 times as long.
  for (int64_t k = 0; k < kCols; ++k) {
    const auto at = static_cast<size_t>((kVocab - 1) * kCols + k);
    weights[at].bits = static_cast<uint16_t>(x[static_cast<size_t>(kCols + k)].bits + (6 << 7));
  }
  Head head(kVocab, kCols, weights, /*threads=*/1);
  Head threaded(kVocab, kCols, weights, /*threads=*/3);
  const std::vector<GreedyHead::Choice> one = head.Choose(x, 0, 3);
  const std::vector<GreedyHead::Choice> three = threaded.Choose(x, 0, 3);
  EXPECT_FALSE(one[0].known);
  EXPECT_TRUE(one[1].known);
  EXPECT_EQ(one[1].best.index, kVocab - 1);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(one[i].known, three[i].known);
    EXPECT_EQ(one[i].best.index, three[i].best.index);
    EXPECT_EQ(one[i].best.logprob, three[i].best.logprob);
  }
}

TEST(HeadScreenTest, BoundsHoldAndRotationKeepsProducts) {
  for (const int64_t cols : {576, 96, 50, 77, 8}) {
    const int64_t block = RotationBlock(cols);
    EXPECT_EQ(cols % block, 0);
    const std::vector<Bf16> values = Random(2, cols, 11);
    std::vector<float> a(static_cast<size_t>(cols));
    std::vector<float> b(a.size());
    kernels::Bf16ToF32(values.data(), cols, a.data());
    kernels::Bf16ToF32(values.data() + cols, cols, b.data());
    double product = 0;
    double norm = 0;
    for (size_t i = 0; i < a.size(); ++i) product += static_cast<double>(a[i]) * b[i];
    for (const float v : a) norm += static_cast<double>(v) * v;
    std::vector<int8_t> whole_a(a.size());
    std::vector<int8_t> whole_b(a.size());
    const Rounded rounded_a = RotateAndRound(cols, a.data(), whole_a.data());
    const Rounded rounded_b = RotateAndRound(cols, b.data(), whole_b.data());
    double rotated = 0;
    int64_t integers = 0;
    int32_t sum = 0;
    double error = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      rotated += static_cast<double>(a[i]) * b[i];
      integers += whole_a[i] * whole_b[i];
      sum += whole_a[i];
      error += std::pow(a[i] - static_cast<double>(whole_a[i]) * rounded_a.step, 2);
    }
    const auto turned = static_cast<double>(block);
    EXPECT_NEAR(rotated / turned, product, 1e-5 * std::abs(product) + 1e-5);
    EXPECT_NEAR(rounded_a.norm / std::sqrt(turned), std::sqrt(norm), 1e-5 * std::sqrt(norm));
    EXPECT_GE(rounded_a.error, std::sqrt(error));
    EXPECT_EQ(rounded_a.sum, sum);
    const double screened =
        static_cast<double>(rounded_a.step) * rounded_b.step * static_cast<double>(integers);
    EXPECT_LE(std::abs(rotated - screened),
              1.0 * rounded_a.error * rounded_b.norm + 1.0 * rounded_a.rounded * rounded_b.error);
    EXPECT_LT(rounded_a.error, 0.03f * rounded_a.norm);  // 8 bits are worth something
  }
}

}  // namespace
}  // namespace sprint::testing
