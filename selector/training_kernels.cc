#include "selector/training_kernels.h"

#include <algorithm>
#include <cmath>

#include "worker/engine/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "selector/training_kernels.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "worker/engine/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sprint {
namespace HWY_NAMESPACE {

// f(i, vectors at i of each input) for whole vectors, then once for the tail with what is missing filled
// with zeros; f returns what is stored to out[i].
template <typename F, typename... In>
HWY_INLINE void MapInto(int64_t n, float* out, F f, const In*... in) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, in + i)...), d, out + i);
  if (i < n) StoreTail(d, f(LoadTail(d, in + i, n - i)...), out + i, n - i);
}

// The sum of what `f` gives for whole vectors, and of its first lanes for the tail.
template <typename F, typename... In>
HWY_INLINE float SumInto(int64_t n, F f, const In*... in) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  VecF sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = hn::Add(sum, f(hn::LoadU(d, in + i)...));
  if (i < n) {
    const VecF rest = f(LoadTail(d, in + i, n - i)...);
    sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(n - i)), rest));
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

float MaxOf(const float* x, int64_t n) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  float most = x[0];
  int64_t i = 0;
  if (n >= lanes) {
    VecF top = hn::LoadU(d, x);
    for (i = lanes; i + lanes <= n; i += lanes) top = hn::Max(top, hn::LoadU(d, x + i));
    most = hn::GetLane(hn::MaxOfLanes(d, top));
  }
  for (; i < n; ++i) most = std::max(most, x[i]);
  return most;
}

float SoftmaxLossRowImpl(const float* target, float scale, int64_t n, float* scores) {
  const F32 d;
  const float top = MaxOf(scores, n);
  const VecF most = hn::Set(d, top);
  // Targets sum to 1, so the loss is top + log(sum of exp(s - top)) - sum of t * s, and unknown scores,
  // whose target is 0, stay out of it.
  const float wanted = SumInto(
      n, [&](VecF s, VecF t) HWY_ATTR { return hn::Mul(t, hn::Sub(s, most)); },
      static_cast<const float*>(scores), target);
  MapInto(
      n, scores, [&](VecF s) HWY_ATTR { return hn::Exp(d, hn::Sub(s, most)); },
      static_cast<const float*>(scores));
  const float sum = SumInto(
      n, [](VecF e) HWY_ATTR { return e; }, static_cast<const float*>(scores));
  const VecF share = hn::Set(d, scale / sum);
  const VecF whole = hn::Set(d, scale);
  MapInto(
      n, scores, [&](VecF e, VecF t) HWY_ATTR { return hn::Sub(hn::Mul(e, share), hn::Mul(t, whole)); },
      static_cast<const float*>(scores), target);
  return std::log(sum) - wanted;
}

float LogisticLossRowImpl(const float* target, float scale, int64_t n, float* scores) {
  const F32 d;
  const VecF one = hn::Set(d, 1.0F);
  const VecF zero = hn::Zero(d);
  const VecF whole = hn::Set(d, scale);
  const float loss = SumInto(
      n,
      [&](VecF s, VecF t) HWY_ATTR {
        const VecF softplus = hn::Add(hn::Max(s, zero), hn::Log1p(d, hn::Exp(d, hn::Neg(hn::Abs(s)))));
        return hn::Sub(softplus, hn::Mul(t, s));
      },
      static_cast<const float*>(scores), target);
  MapInto(
      n, scores,
      [&](VecF s, VecF t) HWY_ATTR {
        // exp of what is not positive: never beyond what Highway's Exp can do.
        const VecF e = hn::Exp(d, hn::Neg(hn::Abs(s)));
        const VecF low = hn::Div(e, hn::Add(one, e));
        const VecF p = hn::IfThenElse(hn::Ge(s, zero), hn::Sub(one, low), low);
        return hn::Mul(hn::Sub(p, t), whole);
      },
      static_cast<const float*>(scores), target);
  return loss;
}

HWY_INLINE void AdamVector(const kernels::AdamStep& step, VecF g, VecF& p, VecF& m, VecF& v) {
  const F32 d;
  const VecF beta1 = hn::Set(d, step.beta1);
  const VecF beta2 = hn::Set(d, step.beta2);
  m = hn::Add(hn::Mul(m, beta1), hn::Mul(g, hn::Set(d, 1 - step.beta1)));
  v = hn::Add(hn::Mul(v, beta2), hn::Mul(hn::Mul(g, g), hn::Set(d, 1 - step.beta2)));
  const VecF spread =
      hn::Add(hn::Sqrt(hn::Mul(v, hn::Set(d, step.second_correction))), hn::Set(d, step.epsilon));
  p = hn::Sub(hn::Mul(p, hn::Set(d, step.decay)), hn::Div(hn::Mul(m, hn::Set(d, step.rate)), spread));
}

void AdamWImpl(const kernels::AdamStep& step, const float* gradient, int64_t n, float* parameter,
               float* first, float* second) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    VecF p = hn::LoadU(d, parameter + i);
    VecF m = hn::LoadU(d, first + i);
    VecF v = hn::LoadU(d, second + i);
    AdamVector(step, hn::LoadU(d, gradient + i), p, m, v);
    hn::StoreU(p, d, parameter + i);
    hn::StoreU(m, d, first + i);
    hn::StoreU(v, d, second + i);
  }
  if (i == n) return;
  const int64_t rest = n - i;
  VecF p = LoadTail(d, parameter + i, rest);
  VecF m = LoadTail(d, first + i, rest);
  VecF v = LoadTail(d, second + i, rest);
  AdamVector(step, LoadTail(d, gradient + i, rest), p, m, v);
  StoreTail(d, p, parameter + i, rest);
  StoreTail(d, m, first + i, rest);
  StoreTail(d, v, second + i, rest);
}

}  // namespace HWY_NAMESPACE
}  // namespace sprint
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sprint {

HWY_EXPORT(SoftmaxLossRowImpl);
HWY_EXPORT(LogisticLossRowImpl);
HWY_EXPORT(AdamWImpl);

float kernels::SoftmaxLossRow(const float* target, float scale, int64_t n, float* scores) {
  return HWY_DYNAMIC_DISPATCH(SoftmaxLossRowImpl)(target, scale, n, scores);
}
float kernels::LogisticLossRow(const float* target, float scale, int64_t n, float* scores) {
  return HWY_DYNAMIC_DISPATCH(LogisticLossRowImpl)(target, scale, n, scores);
}
void kernels::AdamW(const AdamStep& step, const float* gradient, int64_t n, float* parameter, float* first,
                    float* second) {
  HWY_DYNAMIC_DISPATCH(AdamWImpl)(step, gradient, n, parameter, first, second);
}

}  // namespace sprint
#endif  // HWY_ONCE
