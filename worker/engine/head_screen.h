// The output projection a second time, in 8 bits: what greedy_head.h looks through before it computes
// any logit exactly.
//
// A row of W, and a row of x likewise, is rotated in blocks of up to 64 inputs by Hadamard's matrix H of +1
// and -1, which leaves products as they are but for the factor b, the block's size (H H^T = b I), and spreads
// an outlier over its block (as QuaRot does: Ashkboos et al. 2024, arXiv:2404.00456). Then it is rounded to
// whole steps of its own largest value / 127.
#ifndef SPRINT_WORKER_ENGINE_HEAD_SCREEN_H_
#define SPRINT_WORKER_ENGINE_HEAD_SCREEN_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "worker/engine/gemm.h"
#include "worker/engine/matrix.h"
#include "worker/engine/parallel.h"

namespace sprint {

// What rounding did to a rotated row v of whose whole steps v' is made: v' = step * integers.
struct Rounded {
  float step = 0;     // 0 for a row of zeros
  float norm = 0;     // |v|, not below it
  float rounded = 0;  // |v'|, not below it
  float error = 0;    // |v - v'|, not below it
  int32_t sum = 0;    // of the integers
};

// The largest power of two up to 64 that divides `cols`.
int64_t RotationBlock(int64_t cols);
// Rotates values [cols] in place and writes their integers, -127 to 127, for [cols]. Values are finite; where
// rotation overflows, norm and error are infinite.
Rounded RotateAndRound(int64_t cols, float* values, int8_t* integers);

struct HeadScreen {
  int64_t rows = 0;  // of the projection: tokens
  int64_t cols = 0;
  // Bytes of 128 more than the integers, [panels, ceil(cols / 4), kPanelRows, 4]. What is beyond the matrix
  // is not set: x is 0 there, or nobody reads the sum.
  AlignedBuffer weights;
  AlignedBuffer columns;  // f32 [3, rows]: each token's step, norm and error

  Panels<I8> panels() const { return {weights.as<I8>(), rows, padded_cols(), padded_cols() * kPanelRows}; }
  int64_t padded_cols() const { return (cols + 3) / 4 * 4; }
  const float* steps() const { return columns.as<float>(); }
  const float* norms() const { return steps() + rows; }
  const float* errors() const { return norms() + rows; }
  int64_t bytes() const { return weights.bytes() + columns.bytes(); }
};

// Bytes of its two buffers, in their order.
struct HeadScreenBytes {
  int64_t weights = 0;
  int64_t columns = 0;
};
HeadScreenBytes BytesOfHeadScreen(int64_t rows, int64_t cols);

// Fills the zeroed buffers, of BytesOfHeadScreen's sizes, of a screen of the matrix's size.
void FillHeadScreen(const Matrix& head, ThreadPool& pool, HeadScreen& screen);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_HEAD_SCREEN_H_
