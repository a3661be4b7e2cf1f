// What the answers to one question are worth together.
//
// The answers are compared as the judge compares them: those that mean the same are one class, whoever
// gave them and whether they are right or not, for a vote knows no gold. An answer from which nothing
// was extracted has no class: it has no vote and is never right, and still counts as one of N.
#ifndef SPRINT_EVAL_AGGREGATION_H_
#define SPRINT_EVAL_AGGREGATION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "eval/statistics/at_k.h"

namespace sprint {

// Numbers the answers to one question. Not thread-safe.
class AnswerClasses {
 public:
  // The class of `answer`, from 0 in the order of their coming; -1 for an empty one. The first class that
  // the judge finds it to agree with: the judge's relation need not be transitive.
  int Of(absl::string_view answer);
  void Clear();

 private:
  std::vector<std::pair<std::string, int>> known_;  // a text and its class
  int classes_ = 0;
};

enum class Aggregation {
  kCoverage,  // any of the answers is right: what a perfect choice among them would give
  kMajority,  // the class with most answers
  kWeighted,  // the class with the largest sum of its answers' scores
  kBest,      // the answer with the largest score
};
// "coverage", "majority", "weighted", "best".
absl::string_view AggregationName(Aggregation aggregation);
// INVALID_ARGUMENT naming the four.
absl::StatusOr<Aggregation> ParseAggregation(absl::string_view name);
// Whether it reads scores.
inline bool NeedsScores(Aggregation aggregation) { return aggregation >= Aggregation::kWeighted; }

// The weight that a vote has by a score on a logarithmic scale (a selector's score, a mean log-probability,
// a reward): exp(score - the largest of `scores`). In (0, 1], the order kept.
std::vector<double> VoteWeights(absl::Span<const double> scores);

// Whether these answers, all of them, give a right one: in [0, 1], for what ties shares the chance evenly
// (classes of equal votes or sums, answers of equal scores). 0 without answers. Scores are weights, as
// VoteWeights makes them. Pure.
double Aggregate(absl::Span<const SampledAnswer> answers, Aggregation aggregation);

// The mean of Aggregate over all choices of n of these answers, each as likely: what n answers are worth
// where M are known and none comes first. Unbiased; exact but for kWeighted, where more than 20,000
// choices are sampled by `seed` (eval/statistics/at_k.h). REQUIRES: 1 <= n <= answers.size().
double AggregateAtN(absl::Span<const SampledAnswer> answers, int n, Aggregation aggregation,
                    uint64_t seed = 1);

// What a vote among answers comes to.
struct VoteResult {
  // The winner, as it was first written; several where they tie, none where no answer says anything.
  std::vector<std::string> winners;
  double share = 0;  // of all weights, the silent answers' too: a winner's
};
// Each answer has the weight of its place in its class. Weights are at least 0; all 1: the majority. Sums
// that differ by rounding alone tie. REQUIRES: as many weights as answers.
VoteResult Vote(absl::Span<const std::string> answers, absl::Span<const double> weights);

}  // namespace sprint

#endif  // SPRINT_EVAL_AGGREGATION_H_
