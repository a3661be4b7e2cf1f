// How well trainings with these options do on questions they have not seen, without touching the test set:
// k folds over the training and validation questions.
#ifndef SPRINT_SELECTOR_CROSS_VALIDATION_H_
#define SPRINT_SELECTOR_CROSS_VALIDATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "selector/comparison.h"
#include "selector/features.h"
#include "selector/snapshot.h"
#include "selector/trainer.h"

namespace sprint {

struct FoldResult {
  std::string method;  // comparison.h, by coverage
  int32_t n = 1;
  Estimate estimate;
  Estimate selector_minus;  // the selector minus this method, paired
};

struct CrossValidation {
  int64_t questions = 0;
  std::vector<FoldResult> results;
};

// The snapshot with fold `fold` of `folds` as its test questions: groups of near-duplicates are dealt to
// folds in an order that the seed decides, those of the other folds to training and validation in the
// snapshot's proportion; what was its test is dropped. REQUIRES: 0 <= fold < folds.
Snapshot FoldOf(const Snapshot& snapshot, int32_t folds, int32_t fold, uint64_t seed);

using FoldProgressFn = std::function<void(int32_t fold, const TrainProgress& progress)>;
// Trains once a fold and compares every method on the fold, for N of 1, 2, 4, 8 and 16. `progress` (may be
// null) is told each epoch and its fold, from 0. INVALID_ARGUMENT: fewer than 2 folds, or more than groups;
// errors of the trainings.
absl::StatusOr<CrossValidation> CrossValidate(const Snapshot& snapshot, const FeatureMatrix& features,
                                              int32_t folds, const TrainOptions& options, const TrainRun& run,
                                              const FoldProgressFn& progress);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_CROSS_VALIDATION_H_
