// Which row counts a GEMM may be called with, so that a row's bits do not depend on how many rows
// share the call, on its place among them, or on what the others hold.
//
// BLAS libraries choose another kernel for another row count, and rounding differs between them.
// The rule is measured for each weight shape: from a list of candidate counts, those that give the
// bits of a large call are used, and a call is padded up to the next of them. Only counts that
// were measured are ever called. Where the counts agree on too little, calls are cut into
// tiles of one fixed count instead.
#ifndef SPRINT_WORKER_ENGINE_ROW_RULE_H_
#define SPRINT_WORKER_ENGINE_ROW_RULE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

namespace sprint {

struct RowRule {
  std::vector<int64_t> classes;  // ascending; the counts in use. One entry when `tiled`.
  bool tiled = false;
  int64_t largest_rejected = 0;  // the largest candidate that was measured and disagreed; 0: none

  // The call that takes the next of `rows` remaining rows: rows used, and rows computed
  // (>= used; the rest is padding). A step of R rows is one call unless R exceeds the largest class.
  struct Call {
    int64_t used = 0;
    int64_t computed = 0;
  };
  Call Next(int64_t rows) const;
  // Rows of room that buffers need for `rows` rows.
  int64_t PaddedRows(int64_t rows) const;
  // "8+", "12,32+" or "tile 32": stable text. A "+" means every larger candidate agreed.
  std::string Describe() const;
};

// Counts worth trying up to at least `max_rows`: 1, 2, 4, then multiples of 8 to 64, then four per doubling.
std::vector<int64_t> CandidateRows(int64_t max_rows);

// Computes `rows` rows of bytes from `x` into `y`, both dense row-major.
using RowGemm = absl::FunctionRef<void(const void* x, int64_t rows, void* y)>;

// Rows of input that MeasureRowRule needs.
int64_t ProbeRows(int64_t max_rows);

// Measures `gemm`. `x` holds ProbeRows(max_rows) rows of `x_row_bytes`, with values such as the gemm
// will see; results have `y_row_bytes` a row.
RowRule MeasureRowRule(RowGemm gemm, int64_t max_rows, const void* x, int64_t x_row_bytes,
                       int64_t y_row_bytes);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_ROW_RULE_H_
