// The element-wise parts of a step on the CPU, one row at a time, vectorised for the machine at
// hand (Highway, chosen at run time).
//
// Promise: what a row becomes depends on that row alone; every sum runs in an order fixed by the
// row's length and the instruction set. Arithmetic is f32; bf16 is a storage type, rounded to
// nearest even where a value is stored. All functions are thread-safe and never fail.
#ifndef SPRINT_WORKER_ENGINE_KERNELS_H_
#define SPRINT_WORKER_ENGINE_KERNELS_H_

#include <cstdint>

namespace sprint {

// A bfloat16 in storage: the upper half of an f32.
struct Bf16 {
  uint16_t bits = 0;
};

// An 8-bit integer in storage, signed or not as its place says.
struct I8 {
  uint8_t bits = 0;
};

namespace kernels {

// "AVX3", "AVX2", …: the instruction set in use.
const char* Target();

// Converts with round to nearest even, and back.
void F32ToBf16(const float* in, int64_t n, Bf16* out);
void Bf16ToF32(const Bf16* in, int64_t n, float* out);

// Whether no value is a NaN or infinite.
bool AllFinite(const float* values, int64_t n);

// out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i].
void RmsNorm(const float* x, const float* weight, float eps, int64_t n, float* out);
void RmsNorm(const float* x, const float* weight, float eps, int64_t n, Bf16* out);

// x[i] += delta[i] (+ bias[i] unless null).
void AddRow(const float* delta, const float* bias, int64_t n, float* x);

// out[i] = silu(gate_up[i]) * gate_up[n + i]: a row of gate and up, end to end.
void SiluMul(const float* gate_up, int64_t n, float* out);
void SiluMul(const float* gate_up, int64_t n, Bf16* out);

// One head's vector after the projection: adds `bias` (null: none), normalises by RMS with
// `norm_weight` (null: no norm), rotates by (cos, sin), [head_dim / 2] each, pairing i with
// i + head_dim / 2. A null `cos` leaves the rotation out. `out` may be `in`.
struct HeadTransform {
  int64_t head_dim = 0;
  const float* bias = nullptr;
  const float* norm_weight = nullptr;
  float eps = 0;
  const float* cos = nullptr;
  const float* sin = nullptr;
};
void TransformHead(const float* in, const HeadTransform& transform, float* out);

// The largest of n >= 1 logits, its index (the lowest among equals), and the sum of exp(logit - largest).
struct Peak {
  float largest = 0;
  float sum = 0;
  int64_t index = 0;
};
Peak PeakOf(const float* logits, int64_t n);

// A row of logits is looked at in pieces of this many, whether it is stored or not.
inline constexpr int64_t kLogitPiece = 256;

// The largest logit's index (the lowest among equals) and the log of its softmax probability.
struct Best {
  int64_t index = 0;
  float logprob = 0;
};
Best ArgmaxLogSoftmax(const float* logits, int64_t n);
// The same of a row's pieces, in order: bit for bit what ArgmaxLogSoftmax says of the row.
Best Combine(const Peak* pieces, int64_t n);

}  // namespace kernels
}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_KERNELS_H_
