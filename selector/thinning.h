// Thinning of training questions, as in the paper: k-means on the questions' features, and inside each
// cluster a choice of questions that cover it, by a determinantal point process.
#ifndef SPRINT_SELECTOR_THINNING_H_
#define SPRINT_SELECTOR_THINNING_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "selector/features.h"

namespace sprint {

// The cluster of each of `rows`: k-means++ seeding (Arthur & Vassilvitskii 2007), then Lloyd's iterations to
// a fixed point, 100 at most. A function of the features and the seed. Clusters may be fewer than k where
// rows repeat. REQUIRES: k >= 1.
std::vector<int32_t> KMeans(const FeatureMatrix& features, absl::Span<const size_t> rows, int32_t k,
                            uint64_t seed);

// At most `n` of `rows`, in the order chosen: greedy maximum-a-posteriori inference of a DPP with the kernel
// exp(-|a - b|^2 / (2 s^2)), s^2 the mean squared distance to the rows' mean (Chen, Zhang & Zhou, "Fast
// greedy MAP inference for determinantal point process", NeurIPS 2018). Deterministic; each next row is the
// one that is least explained by those before. Cost: |rows| * n * (n + features).
std::vector<size_t> DppChoice(const FeatureMatrix& features, absl::Span<const size_t> rows, int32_t n);

// Both: `per_cluster` rows of each of `clusters` clusters, sorted.
std::vector<size_t> ThinQuestions(const FeatureMatrix& features, absl::Span<const size_t> rows,
                                  int32_t clusters, int32_t per_cluster, uint64_t seed);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_THINNING_H_
