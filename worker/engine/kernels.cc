#include "worker/engine/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "worker/engine/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/engine/kernels.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "worker/engine/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sprint {
namespace HWY_NAMESPACE {

const char* TargetImpl() { return hwy::TargetName(HWY_TARGET); }

// out[i] = f(vectors at i of each input) over a whole row.
template <typename Out, typename F, typename... In>
HWY_INLINE void MapRow(int64_t n, Out* out, F f, const In*... in) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) StoreF32(d, f(LoadF32(d, in + i)...), out + i);
  if (i < n) StoreTail(d, f(LoadTail(d, in + i, n - i)...), out + i, n - i);
}

// Sum of f(x[i]) in two interleaved vector sums, then the tail.
template <typename In, typename F>
HWY_INLINE float SumRow(int64_t n, const In* x, F f) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  VecF a = hn::Zero(d);
  VecF b = hn::Zero(d);
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = hn::Add(a, f(LoadF32(d, x + i)));
    b = hn::Add(b, f(LoadF32(d, x + i + lanes)));
  }
  if (i + lanes <= n) {
    a = hn::Add(a, f(LoadF32(d, x + i)));
    i += lanes;
  }
  if (i < n) {
    float values[16];
    hn::StoreU(f(LoadTail(d, x + i, n - i)), d, values);
    for (int64_t j = n - i; j < 16; ++j) values[j] = 0;
    b = hn::Add(b, hn::LoadU(d, values));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
}

template <typename Out>
void RmsNormImpl(const float* x, const float* weight, float eps, int64_t n, Out* out) {
  const F32 d;
  const float squares = SumRow(n, x, [](VecF v) HWY_ATTR { return hn::Mul(v, v); });
  const VecF scale = hn::Set(d, 1.0f / std::sqrt(squares / static_cast<float>(n) + eps));
  MapRow(
      n, out, [&](VecF v, VecF w) HWY_ATTR { return hn::Mul(hn::Mul(v, scale), w); }, x, weight);
}

void AddRowImpl(const float* delta, const float* bias, int64_t n, float* x) {
  const float* base = x;
  if (bias != nullptr) {
    MapRow(
        n, x, [](VecF a, VecF b, VecF c) HWY_ATTR { return hn::Add(a, hn::Add(b, c)); }, base, delta, bias);
  } else {
    MapRow(
        n, x, [](VecF a, VecF b) HWY_ATTR { return hn::Add(a, b); }, base, delta);
  }
}

template <typename Out>
void SiluMulImpl(const float* gate_up, int64_t n, Out* out) {
  const F32 d;
  const VecF one = hn::Set(d, 1.0f);
  const VecF most = hn::Set(d, 88.0f);  // its exponential is still finite
  MapRow(
      n, out,
      [&](VecF gate, VecF up)
          HWY_ATTR { return hn::Div(hn::Mul(gate, up), hn::Add(one, Exp(d, hn::Min(hn::Neg(gate), most)))); },
      gate_up, gate_up + n);
}

void TransformHeadImpl(const float* in, const kernels::HeadTransform& t, float* out) {
  const F32 d;
  const int64_t n = t.head_dim;
  if (t.bias != nullptr) {
    MapRow(
        n, out, [](VecF v, VecF b) HWY_ATTR { return hn::Add(v, b); }, in, t.bias);
  } else {
    MapRow(
        n, out, [](VecF v) HWY_ATTR { return v; }, in);
  }
  if (t.norm_weight != nullptr) RmsNormImpl(out, t.norm_weight, t.eps, n, out);
  if (t.cos == nullptr) return;
  // Both halves of a pair are read before either is written: vectors of one half at a time.
  const int64_t half = n / 2;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    const VecF a = hn::LoadU(d, out + i);
    const VecF b = hn::LoadU(d, out + half + i);
    const VecF cos = hn::LoadU(d, t.cos + i);
    const VecF sin = hn::LoadU(d, t.sin + i);
    hn::StoreU(hn::Sub(hn::Mul(a, cos), hn::Mul(b, sin)), d, out + i);
    hn::StoreU(hn::Add(hn::Mul(b, cos), hn::Mul(a, sin)), d, out + half + i);
  }
  if (i < half) {
    const int64_t rest = half - i;
    const VecF a = LoadTail(d, out + i, rest);
    const VecF b = LoadTail(d, out + half + i, rest);
    const VecF cos = LoadTail(d, t.cos + i, rest);
    const VecF sin = LoadTail(d, t.sin + i, rest);
    StoreTail(d, hn::Sub(hn::Mul(a, cos), hn::Mul(b, sin)), out + i, rest);
    StoreTail(d, hn::Add(hn::Mul(b, cos), hn::Mul(a, sin)), out + half + i, rest);
  }
}

kernels::Peak PeakOfImpl(const float* logits, int64_t n) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const VecF none = hn::Set(d, -std::numeric_limits<float>::infinity());
  VecF most[4] = {none, none, none, none};
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (int64_t j = 0; j < 4; ++j) most[j] = hn::Max(most[j], hn::LoadU(d, logits + i + j * lanes));
  }
  for (; i + lanes <= n; i += lanes) most[0] = hn::Max(most[0], hn::LoadU(d, logits + i));
  const VecF largest = hn::Max(hn::Max(most[0], most[1]), hn::Max(most[2], most[3]));
  kernels::Peak peak;
  peak.largest = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < n; ++i) peak.largest = std::max(peak.largest, logits[i]);
  const VecF top = hn::Set(d, peak.largest);
  while (peak.index + lanes <= n && hn::AllFalse(d, hn::Eq(LoadF32(d, logits + peak.index), top)))
    peak.index += lanes;
  while (peak.index + 1 < n && logits[peak.index] != peak.largest) ++peak.index;
  // Nothing but minus infinity: no share of the sum.
  if (peak.largest == -std::numeric_limits<float>::infinity()) return peak;
  peak.sum = SumRow(n, logits, [&](VecF v) HWY_ATTR { return Exp(d, hn::Sub(v, top)); });
  return peak;
}

void F32ToBf16Impl(const float* in, int64_t n, Bf16* out) {
  MapRow(
      n, out, [](VecF v) HWY_ATTR { return v; }, in);
}
void Bf16ToF32Impl(const Bf16* in, int64_t n, float* out) {
  MapRow(
      n, out, [](VecF v) HWY_ATTR { return v; }, in);
}

// HWY_EXPORT takes plain functions.
void RmsNormF32(const float* x, const float* w, float e, int64_t n, float* o) { RmsNormImpl(x, w, e, n, o); }
void RmsNormBf16(const float* x, const float* w, float e, int64_t n, Bf16* o) { RmsNormImpl(x, w, e, n, o); }
void AddRowF32(const float* in, const float* bias, int64_t n, float* x) { AddRowImpl(in, bias, n, x); }
void SiluMulF32(const float* in, int64_t n, float* out) { SiluMulImpl(in, n, out); }
void SiluMulBf16(const float* in, int64_t n, Bf16* out) { SiluMulImpl(in, n, out); }
void HeadF32(const float* in, const kernels::HeadTransform& t, float* out) { TransformHeadImpl(in, t, out); }
kernels::Peak PeakF32(const float* logits, int64_t n) { return PeakOfImpl(logits, n); }

}  // namespace HWY_NAMESPACE
}  // namespace sprint
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sprint::kernels {

HWY_EXPORT(TargetImpl);
HWY_EXPORT(F32ToBf16Impl);
HWY_EXPORT(Bf16ToF32Impl);
HWY_EXPORT(RmsNormF32);
HWY_EXPORT(RmsNormBf16);
HWY_EXPORT(AddRowF32);
HWY_EXPORT(SiluMulF32);
HWY_EXPORT(SiluMulBf16);
HWY_EXPORT(HeadF32);
HWY_EXPORT(PeakF32);

const char* Target() { return HWY_DYNAMIC_DISPATCH(TargetImpl)(); }
void F32ToBf16(const float* in, int64_t n, Bf16* out) { HWY_DYNAMIC_DISPATCH(F32ToBf16Impl)(in, n, out); }
void Bf16ToF32(const Bf16* in, int64_t n, float* out) { HWY_DYNAMIC_DISPATCH(Bf16ToF32Impl)(in, n, out); }
void RmsNorm(const float* x, const float* w, float eps, int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(RmsNormF32)(x, w, eps, n, out);
}
void RmsNorm(const float* x, const float* w, float eps, int64_t n, Bf16* out) {
  HWY_DYNAMIC_DISPATCH(RmsNormBf16)(x, w, eps, n, out);
}
void AddRow(const float* delta, const float* bias, int64_t n, float* x) {
  HWY_DYNAMIC_DISPATCH(AddRowF32)(delta, bias, n, x);
}
void SiluMul(const float* in, int64_t n, float* out) { HWY_DYNAMIC_DISPATCH(SiluMulF32)(in, n, out); }
void SiluMul(const float* in, int64_t n, Bf16* out) { HWY_DYNAMIC_DISPATCH(SiluMulBf16)(in, n, out); }
void TransformHead(const float* in, const HeadTransform& t, float* out) {
  HWY_DYNAMIC_DISPATCH(HeadF32)(in, t, out);
}
Peak PeakOf(const float* logits, int64_t n) { return HWY_DYNAMIC_DISPATCH(PeakF32)(logits, n); }

// A NaN or infinity times 0 is a NaN, and sums keep it.
bool AllFinite(const float* values, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += values[i] * 0.0f;
  return sum == 0.0f;
}

Best Combine(const Peak* pieces, int64_t n) {
  int64_t top = 0;
  for (int64_t i = 1; i < n; ++i) {
    if (pieces[i].largest > pieces[top].largest) top = i;
  }
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (pieces[i].sum != 0) sum += pieces[i].sum * std::exp(pieces[i].largest - pieces[top].largest);
  }
  return {top * kLogitPiece + pieces[top].index, -std::log(sum)};
}

Best ArgmaxLogSoftmax(const float* logits, int64_t n) {
  std::vector<Peak> pieces;
  for (int64_t i = 0; i < n; i += kLogitPiece)
    pieces.push_back(PeakOf(logits + i, std::min(kLogitPiece, n - i)));
  return Combine(pieces.data(), static_cast<int64_t>(pieces.size()));
}

}  // namespace sprint::kernels
#endif  // HWY_ONCE
