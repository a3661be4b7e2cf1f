#include "worker/engine/matrix.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status.h"
#include "worker/engine/kernels.h"

namespace sprint {
namespace {

template <typename T>
void Scatter(const T* values, int64_t first, int64_t n, Matrix& matrix) {
  constexpr int64_t kPair = 4 / static_cast<int64_t>(sizeof(T));
  for (int64_t row = first; row < first + n; ++row) {
    T* out = matrix.data.as<T>() + matrix.Offset(row, 0);
    for (int64_t col = 0; col < matrix.cols; ++col) {
      out[col / kPair * kPair * kPanelRows + col % kPair] = *values++;
    }
  }
}

}  // namespace

absl::StatusOr<Matrix> NewMatrix(int64_t rows, int64_t cols, Dtype dtype) {
  Matrix matrix;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.dtype = dtype;
  SPRINT_ASSIGN_OR_RETURN(matrix.data, AlignedBuffer::Create(matrix.bytes()));
  return matrix;
}

absl::StatusOr<Matrix> CopyMatrix(const Matrix& matrix) {
  SPRINT_ASSIGN_OR_RETURN(Matrix copy, NewMatrix(matrix.rows, matrix.cols, matrix.dtype));
  if (matrix.data.bytes() > 0) {
    std::memcpy(copy.data.as<char>(), matrix.data.as<char>(), static_cast<size_t>(matrix.data.bytes()));
  }
  return copy;
}

void StoreRows(const float* values, int64_t first, int64_t n, Matrix& matrix) {
  if (matrix.dtype == Dtype::kF32) {
    Scatter(values, first, n, matrix);
    return;
  }
  std::vector<Bf16> rounded(static_cast<size_t>(n * matrix.cols));
  kernels::F32ToBf16(values, n * matrix.cols, rounded.data());
  Scatter(rounded.data(), first, n, matrix);
}

void LoadRow(const Matrix& matrix, int64_t row, float* out) {
  if (matrix.dtype == Dtype::kF32) {
    const float* data = matrix.data.as<float>();
    for (int64_t col = 0; col < matrix.cols; ++col) out[col] = data[matrix.Offset(row, col)];
  } else {
    const Bf16* data = matrix.data.as<Bf16>();
    for (int64_t col = 0; col < matrix.cols; ++col) {
      out[col] = std::bit_cast<float>(static_cast<uint32_t>(data[matrix.Offset(row, col)].bits) << 16);
    }
  }
}

void ZeroColumns(int64_t first, int64_t last, Matrix& matrix) {
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t col = first; col < last; ++col) {
      const int64_t at = matrix.Offset(row, col);
      if (matrix.dtype == Dtype::kF32) {
        matrix.data.as<float>()[at] = 0;
      } else {
        matrix.data.as<Bf16>()[at] = Bf16{};
      }
    }
  }
}

}  // namespace sprint
