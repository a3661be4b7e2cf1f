#include "selector/cross_validation.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "base/status.h"
#include "selector/policies.h"

namespace sprint {
namespace {

constexpr uint64_t kFoldStream = 0x666f6c64;  // "fold"

// Groups with a question that is not the test's, in an order that the seed decides.
std::vector<int32_t> ShuffledGroups(const Snapshot& snapshot, uint64_t seed) {
  std::set<int32_t> groups;
  for (const SnapshotProblem& problem : snapshot.problems) {
    if (problem.split == Split::kTrain || problem.split == Split::kValidation) groups.insert(problem.group);
  }
  std::vector<int32_t> order(groups.begin(), groups.end());
  CounterRng rng(seed, kFoldStream);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.NextBelow(i)]);
  return order;
}

// The same method of all folds as one.
void Append(const MethodResult& from, MethodResult& to) {
  to.of_question.insert(to.of_question.end(), from.of_question.begin(), from.of_question.end());
}

}  // namespace

Snapshot FoldOf(const Snapshot& snapshot, int32_t folds, int32_t fold, uint64_t seed) {
  const std::vector<int32_t> order = ShuffledGroups(snapshot, seed);
  const auto validate = static_cast<double>(snapshot.Of(Split::kValidation).size());
  const double learn = static_cast<double>(snapshot.Of(Split::kTrain).size()) + validate;
  std::vector<int32_t> others;  // groups of the other folds
  std::set<int32_t> test;
  for (size_t i = 0; i < order.size(); ++i) {
    if (static_cast<int32_t>(i % static_cast<size_t>(folds)) == fold) {
      test.insert(order[i]);
    } else {
      others.push_back(order[i]);
    }
  }
  const auto kept =
      std::max<size_t>(1, static_cast<size_t>(validate / learn * static_cast<double>(others.size())));
  const std::set<int32_t> validation(
      others.begin(), others.begin() + static_cast<std::ptrdiff_t>(std::min(kept, others.size())));
  Snapshot part = snapshot;
  for (SnapshotProblem& problem : part.problems) {
    if (problem.split != Split::kTrain && problem.split != Split::kValidation) {
      problem.split = Split::kDropped;
    } else if (test.contains(problem.group)) {
      problem.split = Split::kTest;
    } else {
      problem.split = validation.contains(problem.group) ? Split::kValidation : Split::kTrain;
    }
  }
  return part;
}

absl::StatusOr<CrossValidation> CrossValidate(const Snapshot& snapshot, const FeatureMatrix& features,
                                              int32_t folds, const TrainOptions& options, const TrainRun& run,
                                              const FoldProgressFn& progress) {
  const size_t groups = ShuffledGroups(snapshot, options.seed).size();
  if (folds < 2 || static_cast<size_t>(folds) > groups) {
    return absl::InvalidArgumentError(absl::StrCat("cross-validation over ", folds,
                                                   " folds; there can be 2 to ", groups,
                                                   ", the groups of near-duplicates"));
  }
  ComparisonOptions comparing;
  comparing.n = {1, 2, 4, 8, 16};
  comparing.aggregations = {Aggregation::kCoverage};
  CrossValidation validation;
  std::vector<MethodResult> all;
  for (int32_t fold = 0; fold < folds; ++fold) {
    const Snapshot part = FoldOf(snapshot, folds, fold, options.seed);
    SPRINT_ASSIGN_OR_RETURN(const TrainedSelector trained,
                            TrainSelector(part, features, part.Of(Split::kTrain), part.Of(Split::kValidation),
                                          options, run, [&](const TrainProgress& epoch) {
                                            if (progress != nullptr) progress(fold, epoch);
                                            return true;
                                          }));
    const ChooseFn choose = [&](size_t problem, int32_t n) {
      return ChooseArms(trained.selector, features.Row(problem), n, PolicyOptions());
    };
    SPRINT_ASSIGN_OR_RETURN(const Comparison comparison, Compare(part, {{"selector", {choose}}}, comparing));
    validation.questions += comparison.questions;
    for (size_t i = 0; i < comparison.results.size(); ++i) {
      if (fold == 0) {
        all.push_back(comparison.results[i]);
        all.back().of_repetition.clear();
      } else {
        Append(comparison.results[i], all[i]);
      }
    }
  }
  for (const MethodResult& result : all) {
    for (const MethodResult& selector : all) {
      if (selector.method != "selector" || selector.n != result.n) continue;
      validation.results.push_back(
          {result.method, result.n, EstimateOf(result), PairedDifference(selector, result)});
    }
  }
  return validation;
}

}  // namespace sprint
