// Products of bf16 and of 8-bit integers with AVX-512's dot products: AVX512-BF16 (AMD Zen 4, Intel Cooper
// Lake and Sapphire Rapids) and AVX512-VNNI, which all of these have.
// Highway's instruction sets for these come in versions later than the oldest one supported, hence
// the compiler's intrinsics.
#include "worker/engine/gemm.h"
#include "worker/engine/gemm_part.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#define SPRINT_AVX512_DOTS __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,avx512vnni")))

namespace sprint::gemm {
namespace {

// What one instruction takes of a row: two bf16, or four bytes.
template <typename T>
constexpr int64_t kUnit = 4 / static_cast<int64_t>(sizeof(T));

// 16 sums, and what is done with them. Integers have a type of their own all the way, and an instruction of
// their own in one place: for _mm512_dpbusd_epi32, g++ 12 to 14 copy the sums about, at half the speed.
template <typename T>
struct Sums;
template <>
struct Sums<Bf16> {
  using Type = __m512;
  SPRINT_AVX512_DOTS static Type Load(const float* y) { return _mm512_loadu_ps(y); }
  SPRINT_AVX512_DOTS static void Store(Type sums, float* y) { _mm512_storeu_ps(y, sums); }
  SPRINT_AVX512_DOTS static Type AddDot(Type sums, __m512i x, __m512i w) {
    return _mm512_dpbf16_ps(sums, (__m512bh)x, (__m512bh)w);
  }
};
template <>
struct Sums<I8> {
  using Type = __m512i;
  SPRINT_AVX512_DOTS static Type Load(const float* y) { return _mm512_loadu_si512(y); }
  SPRINT_AVX512_DOTS static void Store(Type sums, float* y) { _mm512_storeu_si512(y, sums); }
  SPRINT_AVX512_DOTS static Type AddDot(Type sums, __m512i x, __m512i w) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(w), "v"(x));
    return sums;
  }
};

// Adds the unit of inputs at x times its line of the panel; of the unit, what is beyond kBytes counts as 0.
template <int R, int kBytes, typename T>
SPRINT_AVX512_DOTS inline void AddUnit(const T* x, int64_t x_stride, const T* w,
                                       typename Sums<T>::Type (&a)[R], typename Sums<T>::Type (&b)[R]) {
  const __m512i wa = _mm512_loadu_si512(w);
  const __m512i wb = _mm512_loadu_si512(w + kUnit<T> * 16);
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    int32_t unit = 0;
    std::memcpy(&unit, x + i * x_stride, kBytes);
    const __m512i v = _mm512_set1_epi32(unit);
    a[i] = Sums<T>::AddDot(a[i], v, wa);
    b[i] = Sums<T>::AddDot(b[i], v, wb);
  }
}

// R rows against a panel: two vectors of 16 outputs.
template <int R, typename T>
SPRINT_AVX512_DOTS inline void Tile(const T* x, int64_t x_stride, const T* w, int64_t inputs, bool resume,
                                    float* y, int64_t y_stride, Ahead ahead) {
  typename Sums<T>::Type a[R];
  typename Sums<T>::Type b[R];
  for (int i = 0; i < R; ++i) {
    a[i] = resume ? Sums<T>::Load(y + i * y_stride) : typename Sums<T>::Type{};
    b[i] = resume ? Sums<T>::Load(y + i * y_stride + 16) : typename Sums<T>::Type{};
  }
  constexpr int64_t kLine = kUnit<T> * kPanelRows;
  int64_t k = 0;
  for (; k + kUnit<T> <= inputs; k += kUnit<T>, w += kLine) {
    _mm_prefetch(reinterpret_cast<const char*>(w + 16 * kLine), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(w + 16 * kLine + kLine / 2), _MM_HINT_T0);
    ahead.Fetch();
    AddUnit<R, 4>(x + k, x_stride, w, a, b);
  }
  if constexpr (sizeof(T) == 2) {
    if (k < inputs) AddUnit<R, 2>(x + k, x_stride, w, a, b);
  }
  for (int i = 0; i < R; ++i) {
    Sums<T>::Store(a[i], y + i * y_stride);
    Sums<T>::Store(b[i], y + i * y_stride + 16);
  }
}

template <int R, typename T>
SPRINT_AVX512_DOTS inline void TileOf(int64_t rows, const T* x, int64_t x_stride, const T* w, int64_t inputs,
                                      bool resume, float* y, int64_t y_stride, const Ahead& ahead) {
  if (rows == R) {
    Tile<R>(x, x_stride, w, inputs, resume, y, y_stride, ahead);
  } else if constexpr (R > 1) {
    TileOf<R - 1>(rows, x, x_stride, w, inputs, resume, y, y_stride, ahead);
  }
}

template <typename T>
struct AnyTile {
  int64_t x_stride;
  SPRINT_AVX512_DOTS void operator()(int64_t rows, const T* x, const T* w, int64_t inputs, bool resume,
                                     float* y, int64_t y_stride, const Ahead& ahead) const {
    TileOf<kMaxTileRows>(rows, x, x_stride, w, inputs, resume, y, y_stride, ahead);
  }
};

}  // namespace

bool HasAvx512Dots() {
  static const bool has = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has;
}

void MultiplyAvx512Dots(const Part<Bf16>& part) { RunPart(part, kMaxTileRows, AnyTile<Bf16>{part.inputs}); }
void MultiplyAvx512Dots(const Part<I8>& part) { RunPart(part, kMaxTileRows, AnyTile<I8>{part.inputs}); }

}  // namespace sprint::gemm

#else

namespace sprint::gemm {
bool HasAvx512Dots() { return false; }
void MultiplyAvx512Dots(const Part<Bf16>&) {}
void MultiplyAvx512Dots(const Part<I8>&) {}
}  // namespace sprint::gemm

#endif
