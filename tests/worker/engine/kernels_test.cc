#include "worker/engine/kernels.h"

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

// Lengths around every vector length's multiples.
const int64_t kLengths[] = {1, 3, 15, 16, 17, 31, 48, 100, 577};

std::vector<float> Random(int64_t n, float scale) {
  CounterRng rng(/*seed=*/2, static_cast<uint64_t>(n));
  std::vector<float> out;
  for (int64_t i = 0; i < n; ++i)
    out.push_back(scale * (static_cast<float>(rng.NextUint64() >> 40) * 0x1p-23f - 1.0f));
  return out;
}

TEST(KernelsTest, RmsNormIsItsFormula) {
  for (const int64_t n : kLengths) {
    const std::vector<float> x = Random(n, 3);
    const std::vector<float> w = Random(n + 1, 2);
    std::vector<float> out(static_cast<size_t>(n));
    kernels::RmsNorm(x.data(), w.data(), 1e-5f, n, out.data());
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * value;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], x[i] * scale * w[i], 2e-6) << n;
  }
}

TEST(KernelsTest, SiluMulIsItsFormulaFarOutToo) {
  for (const int64_t n : kLengths) {
    for (const float scale : {1.0f, 20.0f, 200.0f}) {
      const std::vector<float> in = Random(2 * n, scale);
      std::vector<float> out(static_cast<size_t>(n));
      kernels::SiluMul(in.data(), n, out.data());
      for (size_t i = 0; i < out.size(); ++i) {
        const double expected =
            in[i] / (1 + std::exp(-static_cast<double>(in[i]))) * in[static_cast<size_t>(n) + i];
        EXPECT_NEAR(out[i], expected, 1e-6 * scale * scale) << in[i];
      }
    }
  }
}

// Where the gate is far below zero the result is the exponential itself.
TEST(KernelsTest, TheExponentialIsExactToItsLastPlaces) {
  constexpr int64_t kValues = 4096;
  std::vector<float> gate_up(2 * kValues, 1.0F);
  for (int64_t i = 0; i < kValues; ++i)
    gate_up[static_cast<size_t>(i)] = -87.0F + 0.0425F * static_cast<float>(i);
  std::vector<float> out(kValues);
  kernels::SiluMul(gate_up.data(), kValues, out.data());
  for (size_t i = 0; i < kValues; ++i) {
    const double gate = gate_up[i];
    const double expected = gate / (1 + std::exp(-gate));
    ASSERT_NEAR(out[i], expected, 4e-7 * std::abs(expected)) << gate;
  }
}

TEST(KernelsTest, AddRowAddsDeltaAndBias) {
  for (const int64_t n : kLengths) {
    const std::vector<float> delta = Random(n, 1);
    const std::vector<float> bias = Random(n + 1, 1);
    std::vector<float> x(static_cast<size_t>(n), 2.0f);
    kernels::AddRow(delta.data(), nullptr, n, x.data());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], 2.0f + delta[i]);
    kernels::AddRow(delta.data(), bias.data(), n, x.data());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], 2.0f + delta[i] + (delta[i] + bias[i]));
  }
}

TEST(KernelsTest, AHeadIsBiasedNormedAndRotated) {
  for (const int64_t n : {2, 8, 20, 32, 64, 128}) {
    const std::vector<float> in = Random(n, 1), bias = Random(n + 1, 1), weight = Random(n + 2, 1);
    const std::vector<float> cos = Random(n / 2, 1), sin = Random(n / 2 + 1, 1);
    kernels::HeadTransform transform{n, bias.data(), weight.data(), 1e-6f, cos.data(), sin.data()};
    std::vector<float> out(static_cast<size_t>(n));
    kernels::TransformHead(in.data(), transform, out.data());
    std::vector<float> sum(static_cast<size_t>(n)), normed(static_cast<size_t>(n));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = in[i] + bias[i];
    kernels::RmsNorm(sum.data(), weight.data(), 1e-6f, n, normed.data());
    const size_t half = static_cast<size_t>(n / 2);
    for (size_t i = 0; i < half; ++i) {
      EXPECT_NEAR(out[i], normed[i] * cos[i] - normed[half + i] * sin[i], 1e-6);
      EXPECT_NEAR(out[half + i], normed[half + i] * cos[i] + normed[i] * sin[i], 1e-6);
    }
    transform = {n, nullptr, nullptr, 0, nullptr, nullptr};
    kernels::TransformHead(in.data(), transform, out.data());
    EXPECT_EQ(out, in);
  }
}

TEST(KernelsTest, TheLowestOfEqualLogitsWinsWithItsLogProbability) {
  for (const int64_t n : {1, 5, 16, 33, 1000}) {
    std::vector<float> logits = Random(n, 5);
    logits[static_cast<size_t>(n / 2)] = 7;
    logits[static_cast<size_t>(n - 1)] = 7;
    const kernels::Best best = kernels::ArgmaxLogSoftmax(logits.data(), n);
    EXPECT_EQ(best.index, n / 2);
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - 7);
    EXPECT_NEAR(best.logprob, -std::log(sum), 2e-6);
  }
}

TEST(KernelsTest, PiecesOfARowSayWhatTheRowSays) {
  const int64_t n = 3 * kernels::kLogitPiece - 5;
  std::vector<float> logits = Random(n, 6);
  // A piece without any chance, and the largest twice.
  std::fill_n(logits.begin() + kernels::kLogitPiece, kernels::kLogitPiece, -INFINITY);
  logits[3] = logits[static_cast<size_t>(n - 2)] = 9;
  std::vector<kernels::Peak> pieces;
  for (int64_t i = 0; i < n; i += kernels::kLogitPiece)
    pieces.push_back(kernels::PeakOf(logits.data() + i, std::min(kernels::kLogitPiece, n - i)));
  const kernels::Best whole = kernels::ArgmaxLogSoftmax(logits.data(), n);
  const kernels::Best combined = kernels::Combine(pieces.data(), static_cast<int64_t>(pieces.size()));
  EXPECT_EQ(combined.index, 3);
  EXPECT_EQ(whole.index, 3);
  EXPECT_EQ(combined.logprob, whole.logprob);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - 9);
  EXPECT_NEAR(whole.logprob, -std::log(sum), 2e-6);
}

TEST(KernelsTest, Bf16RoundsToNearestEvenAndKeepsNan) {
  const std::vector<float> in = {1.0f,  1.00390625f, 1.01171875f, -3.14159274f, 0.0f,
                                 -0.0f, INFINITY,    NAN,         1e-40f};
  std::vector<Bf16> rounded(in.size());
  kernels::F32ToBf16(in.data(), static_cast<int64_t>(in.size()), rounded.data());
  std::vector<float> out(in.size());
  kernels::Bf16ToF32(rounded.data(), static_cast<int64_t>(in.size()), out.data());
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], 1.0f);       // half way: to the even neighbour below
  EXPECT_EQ(out[2], 1.015625f);  // half way: to the even neighbour above
  EXPECT_EQ(out[3], -3.140625f);
  EXPECT_TRUE(std::signbit(out[5]));
  EXPECT_EQ(out[6], INFINITY);
  EXPECT_TRUE(std::isnan(out[7]));
}

}  // namespace
}  // namespace sprint::testing
