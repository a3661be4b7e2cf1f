// Choosing the token of one row of logits by the rules of model/decoding.h.
//
// The order of the rules and their edges are those of transformers' logits processors (5.24):
//   1. repetition penalty over the tokens of prompt and answer so far: l > 0 ? l / r : l * r, once a token
//   2. l / temperature
//   3. top_k: keeps l >= the k-th highest, so ties at the edge stay
//   4. top_p: in descending order, keeps a token while the mass before it is below top_p (equal
//      logits: the lower id first), so at least one
//   5. min_p: keeps p >= min_p * the highest p
//   6. one draw from what is kept, renormalised, by inversion of its cumulative sum
// Without top_k and top_p the sum runs in the order of ids, else in descending order of logits.
//
// Draws are counter-based (Philox-4x32-10): a number is a function of (seed, prompt, arm, sample,
// position), never of batch, worker or order. Thread-safe: no state.
#ifndef SPRINT_WORKER_ENGINE_SAMPLER_H_
#define SPRINT_WORKER_ENGINE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/arm.h"
#include "model/decoding.h"

namespace sprint {

// The stream of draws of one answer.
struct SamplingKey {
  uint64_t key = 0;
  uint64_t stream = 0;
};
SamplingKey MakeSamplingKey(uint64_t seed, absl::Span<const int32_t> prompt, const Arm& arm, int32_t sample);
// The draw for the answer's i-th token, uniform in [0, 1).
double DrawAt(const SamplingKey& key, int64_t i);

struct TokenProbability {
  int32_t token = 0;
  double probability = 0;
};
// What a draw is made from, after all rules, in the order of the sum. `before`: prompt and answer so
// far, in pieces. REQUIRES: temperature > 0, logits finite and not empty, tokens of `before` within.
std::vector<TokenProbability> Distribution(absl::Span<const float> logits, const Sampling& sampling,
                                           absl::Span<const absl::Span<const int32_t>> before);

// The token that the draw `u` of [0, 1) selects; with temperature 0 the highest penalised logit, the
// lowest id on a tie.
int32_t SampleToken(absl::Span<const float> logits, const Sampling& sampling,
                    absl::Span<const absl::Span<const int32_t>> before, double u);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_SAMPLER_H_
