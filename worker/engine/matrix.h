// A weight matrix in memory, laid out for products (gemm.h). No torch here.
#ifndef SPRINT_WORKER_ENGINE_MATRIX_H_
#define SPRINT_WORKER_ENGINE_MATRIX_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "model/memory.h"
#include "worker/engine/aligned_buffer.h"

namespace sprint {

// Outputs (rows of W) in a panel.
inline constexpr int64_t kPanelRows = 32;

// Panels of T in memory that is another's; bytes lie in fours of inputs: [panels, cols / 4, kPanelRows, 4].
template <typename T>
struct Panels {
  const T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t panel = 0;  // elements of one

  int64_t count() const { return (rows + kPanelRows - 1) / kPanelRows; }
  const T* At(int64_t i) const { return data + i * panel; }
};

// [rows, cols]; for y = x W^T, rows are outputs and cols inputs. Held in panels of kPanelRows rows,
// each with all columns, so that one vector holds the weights of consecutive outputs for one input:
//   f32:  [panels, cols, kPanelRows]
//   bf16: [panels, (cols + 1) / 2, kPanelRows, 2]: pairs of inputs, for dot-product instructions
// What a panel has beyond the matrix is zero.
struct Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  Dtype dtype = Dtype::kF32;
  AlignedBuffer data;

  int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  int64_t bytes() const { return panels() * panel() * DtypeBytes(dtype); }
  // Elements of a panel.
  int64_t panel() const { return (dtype == Dtype::kF32 ? cols : (cols + 1) / 2 * 2) * kPanelRows; }
  // REQUIRES: T is the dtype's.
  template <typename T>
  Panels<T> in_panels() const {
    return {data.as<T>(), rows, cols, panel()};
  }
  // Where element (row, col) is, in elements.
  int64_t Offset(int64_t row, int64_t col) const {
    const int64_t at = row / kPanelRows * panel();
    if (dtype == Dtype::kF32) return at + col * kPanelRows + row % kPanelRows;
    return at + (col / 2 * kPanelRows + row % kPanelRows) * 2 + col % 2;
  }
};

// A matrix of zeros. RESOURCE_EXHAUSTED (kOutOfMemory).
absl::StatusOr<Matrix> NewMatrix(int64_t rows, int64_t cols, Dtype dtype);
absl::StatusOr<Matrix> CopyMatrix(const Matrix& matrix);

// Writes rows [first, first + n) from f32 values [n, cols], rounded to the matrix's dtype.
// Threads may write different rows at once.
void StoreRows(const float* values, int64_t first, int64_t n, Matrix& matrix);
// Reads one row as f32.
void LoadRow(const Matrix& matrix, int64_t row, float* out);
// Sets columns [first, last) to zero.
void ZeroColumns(int64_t first, int64_t last, Matrix& matrix);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_MATRIX_H_
