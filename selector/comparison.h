// Comparing ways to spend N answers a question, on outcomes that are already known.
//
// With a full matrix of greedy outcomes every method that runs greedy arms can be evaluated without
// running anything: what it would have answered is in the matrix. Methods (letters for reference):
//   baseline   the unpruned model, one greedy answer (for every N: greedy decoding repeats itself)
//   selector   N arms that the selector chooses for the question                              (a)
//   random     N different pruned arms, all sets equally likely                               (c)
//   average    the N arms with the most right answers on the training questions               (d)
//   best-arms  N different arms drawn from the training distribution of best arms             (e)
//   oracle     any arm that is right, if there is one                                         (f)
//   set-cover  greedy set cover of the training questions, blind to the question              (h)
#ifndef SPRINT_SELECTOR_COMPARISON_H_
#define SPRINT_SELECTOR_COMPARISON_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "eval/aggregation.h"
#include "eval/statistics/intervals.h"
#include "selector/snapshot.h"

namespace sprint {

// Whether N answers give a right one, in [0, 1]: Aggregate (eval/aggregation.h) of frozen outcomes, each with
// its weight in a weighted vote; without weights all are 1.
double AggregateAnswers(absl::Span<const FrozenOutcome* const> answers, absl::Span<const double> weights,
                        Aggregation aggregation);

// Coverage of `n` different arms of `arms`, `right` of which are right, all sets equally likely: exactly
// 1 - C(arms - right, n) / C(arms, n).
double ExpectedCoverage(int64_t arms, int64_t right, int64_t n);

// What one method got: its value on each question, averaged over its repetitions (training seeds of a
// selector), the mean of each repetition, and what it cost.
struct MethodResult {
  std::string method;
  int32_t n = 1;
  Aggregation aggregation = Aggregation::kCoverage;
  std::vector<double> of_question;
  std::vector<double> of_repetition;
  double mean_tokens = 0;   // generated, a question
  double mean_seconds = 0;  // of one worker, a question, at the rate of its run; 0: not known
  double mean() const;
};

// The mean and its 95 % interval (eval/statistics/intervals.h). The questions are the sample; the variance
// over repetitions, divided by their number, adds to theirs.
struct Estimate {
  double mean = 0;
  Interval interval;
};
Estimate EstimateOf(const MethodResult& result);
// `a` minus `b`, question by question. Repetitions of both enter the interval. REQUIRES: same questions.
Estimate PairedDifference(const MethodResult& a, const MethodResult& b);

// What a selector chooses for a question: arms, best first.
struct ChosenArms {
  std::vector<int32_t> arms;
  std::vector<double> weights;  // of their votes, at least 0; empty: it has no weighted vote
  ChosenArms() = default;
  ChosenArms(std::vector<int32_t> chosen, std::vector<double> of_votes = {})  // NOLINT: arms are a choice
      : arms(std::move(chosen)), weights(std::move(of_votes)) {}
};
// At most n arms for a test question (its index in the snapshot); those of a smaller n come first.
using ChooseFn = std::function<ChosenArms(size_t problem, int32_t n)>;
struct NamedSelector {
  std::string name;
  std::vector<ChooseFn> seeds;  // of its trainings
};

// The test questions that every arm has a judged outcome of, in order (their indices in the snapshot): what
// results are of, unless others are named.
std::vector<size_t> ComparedQuestions(const Snapshot& snapshot);

struct ComparisonOptions {
  std::vector<int32_t> n = {1, 2, 4, 8, 16};
  std::vector<Aggregation> aggregations = {Aggregation::kCoverage, Aggregation::kMajority,
                                           Aggregation::kWeighted};
  // Draws a question where a method's expectation is not computed exactly (random under majority,
  // best-arms): seeded by the question, so that all sets of n are nested in those of larger n.
  int32_t draws = 200;
  uint64_t seed = 1;
  bool random_with_baseline = false;   // (c), (d), (e) and (h) may take the baseline as an arm
  std::vector<size_t> questions = {};  // some of ComparedQuestions; empty: all
  std::function<void(int64_t done, int64_t total)> progress = nullptr;  // of N x aggregation
};

// A selector's choices for the compared questions, made once: [seed][question].
struct SelectorChoices {
  std::string name;
  std::vector<std::vector<ChosenArms>> of;
};
SelectorChoices ChooseAll(const NamedSelector& selector, absl::Span<const size_t> questions, int32_t most_n);

struct Comparison {
  int64_t questions = 0;   // test questions with all arms judged
  int64_t incomplete = 0;  // left out: an arm has no judged outcome
  std::vector<MethodResult> results;

  const MethodResult* Find(absl::string_view method, int32_t n, Aggregation aggregation) const;
};

// Every N larger than the arms there are is left out. Under a weighted vote: the baseline, and selectors that
// weigh. FAILED_PRECONDITION when no test question has all arms judged.
absl::StatusOr<Comparison> CompareChoices(const Snapshot& snapshot,
                                          absl::Span<const SelectorChoices> selectors,
                                          const ComparisonOptions& options);
// The same, with the choices made here.
absl::StatusOr<Comparison> Compare(const Snapshot& snapshot, const std::vector<NamedSelector>& selectors,
                                   const ComparisonOptions& options);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_COMPARISON_H_
