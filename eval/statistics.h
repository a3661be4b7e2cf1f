// Statistics that keep luck from looking like an effect.
#ifndef SPRINT_EVAL_STATISTICS_H_
#define SPRINT_EVAL_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sprint {

struct Interval {
  double low = 0;
  double high = 1;
};

// Wilson score interval (Wilson 1927) of `successes` of `trials` at two-sided confidence 0.95; [0, 1]
// for no trials. REQUIRES: 0 <= successes <= trials.
Interval WilsonInterval(int64_t successes, int64_t trials);

// Exact two-sided McNemar test: the probability, if an arm changed nothing, of a split of the
// discordant pairs at least as uneven as `fixed` against `broken` (binomial, p = 1/2). 1 for none.
// Good to 1e-12 relative up to a million pairs. REQUIRES: neither is negative.
double McNemarExact(int64_t fixed, int64_t broken);

// Benjamini-Hochberg adjusted p-values (q-values; Benjamini and Hochberg 1995), in the order given.
// REQUIRES: each in [0, 1].
std::vector<double> BenjaminiHochberg(absl::Span<const double> p_values);

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_H_
