// Vector loads and stores that read f32 and bf16 storage as f32. Included once per instruction set
// by the kernels (Highway's foreach_target), hence no ordinary include guard.
#if defined(SPRINT_WORKER_ENGINE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPRINT_WORKER_ENGINE_SIMD_INL_H_
#undef SPRINT_WORKER_ENGINE_SIMD_INL_H_
#else
#define SPRINT_WORKER_ENGINE_SIMD_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "worker/engine/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace sprint {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes, so that 16 elements are a whole number of vectors everywhere.
using F32 = hn::CappedTag<float, 16>;
using VecF = hn::Vec<F32>;

HWY_INLINE VecF LoadF32(F32 d, const float* p) { return hn::LoadU(d, p); }
HWY_INLINE VecF LoadF32(F32 d, const Bf16* p) {
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<uint32_t, F32> d32;
  const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p)));
  return hn::BitCast(d, hn::ShiftLeft<16>(bits));
}

HWY_INLINE void StoreF32(F32 d, VecF v, float* p) { hn::StoreU(v, d, p); }
HWY_INLINE void StoreF32(F32 /*d*/, VecF v, Bf16* p) {
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<int32_t, F32> di;
  const hn::Rebind<uint32_t, F32> du;
  const auto bits = hn::BitCast(du, v);
  const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(even, hn::Set(du, 0x7fffu))));
  // A NaN would round to an infinity or zero; it stays a NaN.
  const auto kept = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(v)), hn::Set(du, 0x7fc0u), rounded);
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, kept)), d16, reinterpret_cast<uint16_t*>(p));
}

// exp(x) for x <= 88, within 2 units of the last place; 0 below -87.3; a NaN stays one. Method: x = n ln 2 +
// r with |r| <= ln 2 / 2, the polynomial for exp(r) of expf in Moshier's Cephes library, and n added to the
// exponent. Half the work of Highway's Exp, which has no bound on x.
HWY_INLINE VecF Exp(F32 d, VecF x) {
  const hn::Rebind<int32_t, F32> di;
  // Rounds to an integer, which stands in the lowest bits of the sum.
  const VecF shift = hn::Set(d, 12582912.0f);
  const VecF sum = hn::MulAdd(x, hn::Set(d, 1.44269504f), shift);
  const VecF n = hn::Sub(sum, shift);
  VecF r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  VecF p = hn::Set(d, 1.9875691500e-4f);
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, hn::Set(d, 1.0f)));
  const auto bits = hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, sum)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.3f)), hn::BitCast(d, bits));
}

// The last `count` (< lanes) elements of a row: zeros fill the vector, and only they are stored.
template <typename T>
HWY_INLINE VecF LoadTail(F32 d, const T* p, int64_t count) {
  T values[16] = {};
  for (int64_t i = 0; i < count; ++i) values[i] = p[i];
  return LoadF32(d, values);
}
template <typename T>
HWY_INLINE void StoreTail(F32 d, VecF v, T* p, int64_t count) {
  T values[16];
  StoreF32(d, v, values);
  for (int64_t i = 0; i < count; ++i) p[i] = values[i];
}

}  // namespace HWY_NAMESPACE
}  // namespace sprint
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
