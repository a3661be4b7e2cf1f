#include "worker/engine/matrix.h"

#include <vector>

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

// Small whole numbers, which bf16 holds exactly.
float Value(int64_t row, int64_t col) { return static_cast<float>(row - 2 * col); }

absl::StatusOr<Matrix> Filled(int64_t rows, int64_t cols, Dtype dtype) {
  SPRINT_ASSIGN_OR_RETURN(Matrix matrix, NewMatrix(rows, cols, dtype));
  std::vector<float> values;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) values.push_back(Value(row, col));
  }
  // In two parts, the first of which ends inside a panel.
  const int64_t first = rows / 2;
  StoreRows(values.data(), 0, first, matrix);
  StoreRows(values.data() + first * cols, first, rows - first, matrix);
  return matrix;
}

TEST(MatrixTest, RowsComeBackAsTheyWereStored) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
    for (const int64_t rows : {1, 31, 32, 50}) {
      for (const int64_t cols : {1, 2, 7, 48}) {
        ASSERT_OK_AND_ASSIGN(const Matrix matrix, Filled(rows, cols, dtype));
        std::vector<float> row(static_cast<size_t>(cols));
        for (int64_t r = 0; r < rows; ++r) {
          LoadRow(matrix, r, row.data());
          for (int64_t c = 0; c < cols; ++c) EXPECT_EQ(row[static_cast<size_t>(c)], Value(r, c));
        }
      }
    }
  }
}

TEST(MatrixTest, ZeroedColumnsOfACopyLeaveTheOthersAndTheOriginal) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
    ASSERT_OK_AND_ASSIGN(const Matrix matrix, Filled(40, 9, dtype));
    ASSERT_OK_AND_ASSIGN(Matrix copy, CopyMatrix(matrix));
    ZeroColumns(3, 6, copy);
    std::vector<float> changed(9), kept(9);
    for (int64_t r = 0; r < 40; ++r) {
      LoadRow(copy, r, changed.data());
      LoadRow(matrix, r, kept.data());
      for (int64_t c = 0; c < 9; ++c) {
        EXPECT_EQ(changed[static_cast<size_t>(c)], c >= 3 && c < 6 ? 0 : Value(r, c));
        EXPECT_EQ(kept[static_cast<size_t>(c)], Value(r, c));
      }
    }
  }
}

}  // namespace
}  // namespace sprint::testing
