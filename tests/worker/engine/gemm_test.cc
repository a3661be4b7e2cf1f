#include "worker/engine/gemm.h"

#include <hwy/targets.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

struct Shape {
  int64_t outputs;
  int64_t inputs;
};
// Whole panels and not, odd inputs, inputs beyond what stays in the cache at once.
const Shape kShapes[] = {{32, 64}, {1, 1}, {33, 7}, {95, 577}, {32, 4201}};

std::vector<float> Random(int64_t n, uint64_t stream) {
  CounterRng rng(/*seed=*/5, stream);
  std::vector<float> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(static_cast<float>(rng.NextUint64() >> 40) * 0x1p-23f - 1.0f);
  return out;
}

template <typename T>
std::vector<T> As(const std::vector<float>& values) {
  std::vector<T> out(values.size());
  if constexpr (std::is_same_v<T, float>) {
    out = values;
  } else {
    kernels::F32ToBf16(values.data(), static_cast<int64_t>(values.size()), out.data());
  }
  return out;
}
float Widen(float v) { return v; }
float Widen(Bf16 v) { return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16); }

template <typename T>
absl::StatusOr<Matrix> Weights(const std::vector<float>& values, const Shape& shape) {
  constexpr Dtype kDtype = std::is_same_v<T, float> ? Dtype::kF32 : Dtype::kBF16;
  SPRINT_ASSIGN_OR_RETURN(Matrix w, NewMatrix(shape.outputs, shape.inputs, kDtype));
  StoreRows(values.data(), 0, shape.outputs, w);
  return w;
}

template <typename T>
std::vector<float> Product(const Matrix& w, const std::vector<T>& x, int64_t first, int64_t rows,
                           int threads = 1) {
  ThreadPool pool(threads);
  Gemm gemm(pool);
  std::vector<float> y(static_cast<size_t>(rows * w.rows), -7.0f);
  gemm.Multiply(w, x.data() + first * w.cols, rows, y.data());
  return y;
}

// Runs `body` with each instruction set of this processor that the library was built for.
template <typename Body>
void WithEachTarget(const Body& body) {
  for (int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
}

template <typename T>
void ExpectSums() {
  for (const Shape& shape : kShapes) {
    for (const int64_t rows : {1, 5, 12, 26}) {
      SCOPED_TRACE(::testing::Message() << shape.outputs << "x" << shape.inputs << ", rows " << rows);
      const std::vector<T> x = As<T>(Random(rows * shape.inputs, 1));
      const std::vector<float> values = Random(shape.outputs * shape.inputs, 2);
      const std::vector<T> rounded = As<T>(values);
      ASSERT_OK_AND_ASSIGN(const Matrix w, Weights<T>(values, shape));
      const std::vector<float> y = Product(w, x, 0, rows);
      double worst = 0;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t n = 0; n < shape.outputs; ++n) {
          double sum = 0;
          for (int64_t k = 0; k < shape.inputs; ++k) {
            sum += static_cast<double>(Widen(x[static_cast<size_t>(r * shape.inputs + k)])) *
                   Widen(rounded[static_cast<size_t>(n * shape.inputs + k)]);
          }
          worst = std::max(worst, std::abs(y[static_cast<size_t>(r * shape.outputs + n)] - sum));
        }
      }
      // One accumulator: the error of a sum grows with its length.
      EXPECT_LE(worst, 5e-8 * static_cast<double>(shape.inputs));
    }
  }
}

TEST(GemmTest, ProductsOfF32AreTheirSumsWithEveryInstructionSet) {
  WithEachTarget([] { ExpectSums<float>(); });
}

// bf16's own rounding is in the operands; sums are f32.
TEST(GemmTest, ProductsOfBf16AreTheirSumsWithEveryInstructionSet) {
  WithEachTarget([] { ExpectSums<Bf16>(); });
}

template <typename T>
void ExpectSameBits() {
  for (const Shape& shape : kShapes) {
    constexpr int64_t kRows = 66;
    const std::vector<T> x = As<T>(Random(kRows * shape.inputs, 3));
    ASSERT_OK_AND_ASSIGN(const Matrix w, Weights<T>(Random(shape.outputs * shape.inputs, 4), shape));
    std::vector<float> alone;
    for (int64_t row = 0; row < kRows; ++row) {
      const std::vector<float> y = Product(w, x, row, 1);
      alone.insert(alone.end(), y.begin(), y.end());
    }
    for (const int64_t rows : {2, 3, 5, 7, 11, 12, 13, 25, 64}) {
      for (const int threads : {1, 3}) {
        const int64_t first = kRows - rows - rows % 2;
        const std::vector<float> y = Product(w, x, first, rows, threads);
        EXPECT_EQ(0, std::memcmp(y.data(), alone.data() + first * shape.outputs, y.size() * sizeof(float)))
            << shape.outputs << "x" << shape.inputs << ", " << rows << " rows, " << threads << " threads";
      }
    }
  }
}

TEST(GemmTest, ARowOfF32HasTheSameBitsAloneAndAmongOthersOnAnyThreads) {
  WithEachTarget([] { ExpectSameBits<float>(); });
}

TEST(GemmTest, ARowOfBf16HasTheSameBitsAloneAndAmongOthersOnAnyThreads) {
  WithEachTarget([] { ExpectSameBits<Bf16>(); });
}

// Pieces of 2 x 2 panels that lie apart, and of 3 in a row, the last with one alone.
template <typename T>
void ExpectPiecesOfTheProduct() {
  const Shape shape{8 * kPanelRows, 77};
  const std::vector<T> x = As<T>(Random(27 * shape.inputs, 3));
  ASSERT_OK_AND_ASSIGN(const Matrix w, Weights<T>(Random(shape.outputs * shape.inputs, 4), shape));
  const std::vector<float> whole = Product(w, x, 0, 27);
  ThreadPool pool(3);
  Gemm gemm(pool);
  for (const Pieces& pieces : {Pieces{2, 2, 2, 4}, Pieces{3, 3, 1, 0}}) {
    std::vector<float> y(whole.size(), -7.0f);
    const auto take = [&](int64_t piece, const float* part) {
      for (int64_t row = 0; row < 27; ++row) {
        for (int64_t c = 0; c < pieces.width(); ++c) {
          const int64_t run = c / (pieces.run * kPanelRows);
          const int64_t panel = piece * pieces.run + run * pieces.distance;
          const int64_t output = panel * kPanelRows + c % (pieces.run * kPanelRows);
          if (output < shape.outputs)
            y[static_cast<size_t>(row * shape.outputs + output)] = part[row * pieces.width() + c];
        }
      }
    };
    gemm.MultiplyPieces(w, x.data(), 27, pieces, take, &w);
    EXPECT_EQ(0, std::memcmp(y.data(), whole.data(), y.size() * sizeof(float))) << pieces.run;
  }
}

TEST(GemmTest, PiecesHaveTheBitsOfTheProduct) {
  WithEachTarget([] {
    ExpectPiecesOfTheProduct<float>();
    ExpectPiecesOfTheProduct<Bf16>();
  });
}

template <typename T>
void ExpectNanStays() {
  const Shape shape{70, 65};
  std::vector<float> x = Random(30 * shape.inputs, 5);
  std::vector<float> values = Random(shape.outputs * shape.inputs, 6);
  x[static_cast<size_t>(17 * shape.inputs + 64)] = NAN;
  values[static_cast<size_t>(69 * shape.inputs + 3)] = INFINITY;
  ASSERT_OK_AND_ASSIGN(const Matrix w, Weights<T>(values, shape));
  const std::vector<float> y = Product(w, As<T>(x), 0, 30);
  for (int64_t row = 0; row < 30; ++row) {
    for (int64_t n = 0; n < shape.outputs; ++n) {
      const float value = y[static_cast<size_t>(row * shape.outputs + n)];
      EXPECT_EQ(std::isnan(value), row == 17) << row << ", " << n;
      EXPECT_EQ(std::isfinite(value), row != 17 && n != 69) << row << ", " << n;
    }
  }
}

TEST(GemmTest, ANanStaysInItsRowAndAnInfinityInItsColumn) {
  WithEachTarget([] {
    ExpectNanStays<float>();
    ExpectNanStays<Bf16>();
  });
}

TEST(GemmTest, DotProductInstructionsGiveWhatOthersGive) {
  if (!gemm::HasAvx512Dots()) GTEST_SKIP() << "this processor has no AVX512-BF16 and VNNI";
  const Shape shape{64, 577};
  const std::vector<Bf16> x = As<Bf16>(Random(20 * shape.inputs, 7));
  ASSERT_OK_AND_ASSIGN(const Matrix w, Weights<Bf16>(Random(shape.outputs * shape.inputs, 8), shape));
  std::vector<float> a(static_cast<size_t>(20 * shape.outputs));
  std::vector<float> b(a.size());
  gemm::Part<Bf16> part{x.data(),      20,       w.data.as<Bf16>(), shape.inputs, 0,
                        shape.outputs, a.data(), shape.outputs};
  gemm::MultiplyAvx512Dots(part);
  part.y = b.data();
  gemm::MultiplyPortable(part);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

// Sums of products of integers, by definition and in pieces.
TEST(GemmTest, IntegersAreMultipliedExactly) {
  constexpr int64_t kOutputs = 70;  // not whole panels
  constexpr int64_t kInputs = 132;
  constexpr int64_t kRows = 25;
  const int64_t panels = (kOutputs + kPanelRows - 1) / kPanelRows;
  CounterRng rng(/*seed=*/5, /*stream=*/9);
  std::vector<I8> x(kRows * kInputs);
  std::vector<I8> w(static_cast<size_t>(panels * kPanelRows * kInputs));
  for (I8& value : x) value.bits = static_cast<uint8_t>(rng.NextBelow(256));
  for (I8& value : w) value.bits = static_cast<uint8_t>(rng.NextBelow(256));
  const Panels<I8> view{w.data(), kOutputs, kInputs, kPanelRows * kInputs};
  const auto expected = [&](int64_t row, int64_t output) {
    int32_t sum = 0;
    for (int64_t k = 0; k < kInputs; ++k) {
      const int64_t at =
          output / kPanelRows * view.panel + (k / 4 * kPanelRows + output % kPanelRows) * 4 + k % 4;
      sum += static_cast<int8_t>(x[static_cast<size_t>(row * kInputs + k)].bits) *
             w[static_cast<size_t>(at)].bits;
    }
    return sum;
  };
  ThreadPool pool(2);
  Gemm gemm(pool);
  Pieces pieces;
  pieces.run = 2;
  pieces.count = 2;
  std::vector<int32_t> y(kRows * 2 * 64);
  gemm.MultiplyPieces(view, x.data(), kRows, pieces, [&](int64_t piece, int thread, const int32_t* sums) {
    EXPECT_LT(thread, 2);
    for (int64_t row = 0; row < kRows; ++row) {
      std::copy_n(sums + row * 64, 64, y.begin() + row * 128 + piece * 64);
    }
  });
  std::vector<float> portable(kRows * 64);
  gemm::Part<I8> part;
  part.x = x.data();
  part.rows = kRows;
  part.w = w.data();
  part.inputs = kInputs;
  part.last_output = part.outputs = 64;
  part.y = portable.data();
  gemm::MultiplyPortable(part);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t n = 0; n < kOutputs; ++n) EXPECT_EQ(y[static_cast<size_t>(row * 128 + n)], expected(row, n));
    for (int64_t n = 0; n < 64; ++n) {
      EXPECT_EQ(std::bit_cast<int32_t>(portable[static_cast<size_t>(row * 64 + n)]), expected(row, n));
    }
  }
}

}  // namespace
}  // namespace sprint::testing
