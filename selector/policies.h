// From scores to a choice: which N arms to run for a question.
//
// Pure functions; every tie goes to the arm with the lower number, so that a choice is a function of its
// inputs alone. Arm 0 is the baseline.
#ifndef SPRINT_SELECTOR_POLICIES_H_
#define SPRINT_SELECTOR_POLICIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "selector/selector.h"

namespace sprint {

enum class BaselineUse {
  kCandidate,  // an arm like the others
  kExcluded,   // never chosen: pruned arms only
  kFallback,   // pruned arms only, unless none is better than the baseline: then the baseline, first
};
enum class PolicyKind {
  kTop,         // the N highest scores
  kCoverage,    // greedy marginal coverage over the predicted probabilities, arms taken as independent
  kNeighbours,  // greedy marginal coverage over the training questions, each weighted by how alike it is:
                // arms that answer the same questions are near-copies, and one of them is enough
};
absl::string_view PolicyKindName(PolicyKind kind);   // "top", "coverage", "neighbours"
absl::string_view BaselineUseName(BaselineUse use);  // "candidate", "excluded", "fallback"
absl::StatusOr<PolicyKind> ParsePolicyKind(absl::string_view name);
absl::StatusOr<BaselineUse> ParseBaselineUse(absl::string_view name);

// The arms in the order of falling score, as `use` says, at most n; fewer where there are fewer arms.
std::vector<int32_t> TopArms(absl::Span<const float> scores, int32_t n, BaselineUse use);

// Greedy maximisation of 1 - prod over chosen arms of (1 - p): a monotone submodular function, so that
// greedy is within 1 - 1/e of the best set (Nemhauser, Wolsey & Fisher 1978). With arms taken as
// independent the greedy choice is the order of p; it differs from TopArms where calibration does.
std::vector<int32_t> CoverageArms(absl::Span<const float> probabilities, int32_t n, BaselineUse use);

// Greedy weighted set cover: each next arm answers the most weight of the rows that no chosen arm
// answers. `right` is [rows, arms]; `weights` is [rows]. Once all weight that can be covered is, covering
// starts again on all rows, so that later arms still help. With equal weights it is blind to the question.
std::vector<int32_t> CoverArms(absl::Span<const uint8_t> right, int32_t arms, absl::Span<const float> weights,
                               int32_t n, BaselineUse use);

// exp(similarity * sharpness), summing to 1; sharpness 0 gives equal weights.
std::vector<float> NeighbourWeights(absl::Span<const float> similarity, double sharpness);

struct PolicyOptions {
  PolicyKind kind = PolicyKind::kTop;
  BaselineUse baseline = BaselineUse::kCandidate;
  double sharpness = 8;  // of kNeighbours
};
// What `selector` would run for a question with these features, best first.
std::vector<int32_t> ChooseArms(const Selector& selector, absl::Span<const float> features, int32_t n,
                                const PolicyOptions& options);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_POLICIES_H_
