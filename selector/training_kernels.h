// The element-wise parts of training, one row at a time, vectorised for the machine at hand (Highway,
// chosen at run time). Internal to this room.
//
// Promise: what a row becomes depends on that row and the instruction set alone; every sum runs in an order
// fixed by the row's length. All functions are thread-safe and never fail.
#ifndef SPRINT_SELECTOR_TRAINING_KERNELS_H_
#define SPRINT_SELECTOR_TRAINING_KERNELS_H_

#include <cstdint>

namespace sprint::kernels {

// An arm whose outcome is not known has this score: it takes no part in a loss.
inline constexpr float kUnknownScore = -1e30F;

// -sum of target[i] * log softmax(score)[i] over a row of n arms; REQUIRES: target sums to 1, at least one
// score is known. `scores` becomes `scale` times the gradient of it.
float SoftmaxLossRow(const float* target, float scale, int64_t n, float* scores);

// sum of log(1 + exp(s)) - target * s over the row: a yes-or-no question an arm. `scores` becomes `scale`
// times the gradient of it.
float LogisticLossRow(const float* target, float scale, int64_t n, float* scores);

// One step of AdamW (Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019) on n numbers.
struct AdamStep {
  float rate = 0;               // learning rate / (1 - beta1^t)
  float second_correction = 1;  // 1 / (1 - beta2^t)
  float decay = 1;              // what is left of a parameter: 1 - learning rate * weight decay
  float beta1 = 0.9F, beta2 = 0.999F, epsilon = 1e-8F;
};
void AdamW(const AdamStep& step, const float* gradient, int64_t n, float* parameter, float* first,
           float* second);

}  // namespace sprint::kernels

#endif  // SPRINT_SELECTOR_TRAINING_KERNELS_H_
