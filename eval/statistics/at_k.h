// What k of a question's n sampled answers are worth: exact expectations over the k-subsets of the n,
// each as likely. Pure and thread-safe.
#ifndef SPRINT_EVAL_STATISTICS_AT_K_H_
#define SPRINT_EVAL_STATISTICS_AT_K_H_

#include <cstdint>

#include "absl/types/span.h"

namespace sprint {

// The chance that at least one of k is right, where `right` of `samples` are: 1 - C(n-c, k) / C(n, k), the
// unbiased estimator of pass@k (Chen et al., arXiv 2107.03374). REQUIRES: 0 <= right <= samples,
// 1 <= k <= samples.
double PassAtK(int samples, int right, int k);

// A sampled answer. Answers that mean the same have one group, from 0; -1 is no answer, which does not
// vote and is never right.
struct SampledAnswer {
  int group = -1;
  bool right = false;
  double score = 0;  // larger is better
};

// The chance that the group with most votes among k is right; groups that tie share the chance evenly
// (Wang et al., "Self-consistency", 2023). Exact, by counting. REQUIRES: 1 <= k <= answers.size().
double MajorityAtK(absl::Span<const SampledAnswer> answers, int k);

// The same where a vote counts its score: the group with the largest sum wins. Over all k-subsets where
// there are at most 20,000, else over so many drawn with `seed`. REQUIRES: as above, and scores >= 0.
double WeightedVoteAtK(absl::Span<const SampledAnswer> answers, int k, uint64_t seed = 1);

// The chance that the answer with the largest score among k is right; equal scores share it evenly. An
// answer of no group takes part, and is wrong. REQUIRES: as above.
double BestAtK(absl::Span<const SampledAnswer> answers, int k);

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_AT_K_H_
