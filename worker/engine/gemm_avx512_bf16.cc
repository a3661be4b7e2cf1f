// Products of bf16 with AVX512-BF16's dot products (AMD Zen 4, Intel Cooper Lake and Sapphire Rapids).
// Highway's instruction sets for these come in versions later than the oldest one supported, hence
// the compiler's intrinsics.
#include "worker/engine/gemm.h"
#include "worker/engine/gemm_part.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define SPRINT_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace sprint::gemm {
namespace {

// Adds the pair of inputs at x times its line of the panel; the pair's second half counts as 0 when it
// is beyond the row.
template <int R, int kBytes>
SPRINT_AVX512_BF16 inline void AddPair(const Bf16* x, int64_t x_stride, const Bf16* w, __m512 (&a)[R],
                                       __m512 (&b)[R]) {
  const __m512bh wa = (__m512bh)_mm512_loadu_si512(w);
  const __m512bh wb = (__m512bh)_mm512_loadu_si512(w + kPanelRows);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    int32_t pair = 0;
    std::memcpy(&pair, x + i * x_stride, kBytes);
    const __m512bh v = (__m512bh)_mm512_set1_epi32(pair);
    a[i] = _mm512_dpbf16_ps(a[i], v, wa);
    b[i] = _mm512_dpbf16_ps(b[i], v, wb);
  }
}

// R rows against a panel: two vectors of 16 outputs.
template <int R>
SPRINT_AVX512_BF16 inline void Tile(const Bf16* x, int64_t x_stride, const Bf16* w, int64_t inputs,
                                    bool resume, float* y, int64_t y_stride, Ahead ahead) {
  __m512 a[R];
  __m512 b[R];
  for (int i = 0; i < R; ++i) {
    a[i] = resume ? _mm512_loadu_ps(y + i * y_stride) : _mm512_setzero_ps();
    b[i] = resume ? _mm512_loadu_ps(y + i * y_stride + 16) : _mm512_setzero_ps();
  }
  int64_t k = 0;
  for (; k + 1 < inputs; k += 2, w += 2 * kPanelRows) {
    _mm_prefetch(reinterpret_cast<const char*>(w + 32 * kPanelRows), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(w + 33 * kPanelRows), _MM_HINT_T0);
    ahead.Fetch();
    AddPair<R, 4>(x + k, x_stride, w, a, b);
  }
  if (k < inputs) AddPair<R, 2>(x + k, x_stride, w, a, b);
  for (int i = 0; i < R; ++i) {
    _mm512_storeu_ps(y + i * y_stride, a[i]);
    _mm512_storeu_ps(y + i * y_stride + 16, b[i]);
  }
}

template <int R>
SPRINT_AVX512_BF16 inline void TileOf(int64_t rows, const Bf16* x, int64_t x_stride, const Bf16* w,
                                      int64_t inputs, bool resume, float* y, int64_t y_stride,
                                      const Ahead& ahead) {
  if (rows == R) {
    Tile<R>(x, x_stride, w, inputs, resume, y, y_stride, ahead);
  } else if constexpr (R > 1) {
    TileOf<R - 1>(rows, x, x_stride, w, inputs, resume, y, y_stride, ahead);
  }
}

struct AnyTile {
  int64_t x_stride;
  SPRINT_AVX512_BF16 void operator()(int64_t rows, const Bf16* x, const Bf16* w, int64_t inputs, bool resume,
                                     float* y, int64_t y_stride, const Ahead& ahead) const {
    TileOf<kMaxTileRows>(rows, x, x_stride, w, inputs, resume, y, y_stride, ahead);
  }
};

}  // namespace

bool HasAvx512Bf16() {
  static const bool has = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl");
  return has;
}

void MultiplyAvx512Bf16(const Part<Bf16>& part) { RunPart(part, kMaxTileRows, AnyTile{part.inputs}); }

}  // namespace sprint::gemm

#else

namespace sprint::gemm {
bool HasAvx512Bf16() { return false; }
void MultiplyAvx512Bf16(const Part<Bf16>&) {}
}  // namespace sprint::gemm

#endif
