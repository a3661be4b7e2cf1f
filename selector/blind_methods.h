// Choices that do not look at the question: what a selector has to beat.
#ifndef SPRINT_SELECTOR_BLIND_METHODS_H_
#define SPRINT_SELECTOR_BLIND_METHODS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "selector/policies.h"
#include "selector/snapshot.h"

namespace sprint {

// What the training questions' outcomes say of the arms. Indices are the snapshot's.
struct BlindKnowledge {
  std::vector<int32_t> by_average;  // arms, those with most right answers first
  std::vector<int32_t> by_cover;    // greedy set cover of the training questions (CoverArms)
  // [arms]: how often an arm is a best one, that is, right: each training question shares 1 among its right
  // arms. The baseline has 0 where it is excluded.
  std::vector<double> best_share;
};
// Reads the judged cells of the training questions; what is unknown counts as wrong.
BlindKnowledge LearnBlindly(const Snapshot& snapshot, BaselineUse use);

// `n` different arms, drawn in proportion to `weight` without replacement, those of weight 0 never; fewer
// where fewer have a weight. A function of its arguments alone, and the draw of a smaller n is its
// beginning. (Efraimidis & Spirakis 2006: the n smallest of -log(u) / weight.)
std::vector<int32_t> DrawArms(absl::Span<const double> weight, int32_t n, uint64_t seed, uint64_t stream);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_BLIND_METHODS_H_
