// What is known of an arm besides its outcomes on single questions: where it prunes, and how it did on the
// training questions. A linear map of it is added to the arm's learned vector, so that arms with few
// right answers share what their neighbours learn.
#ifndef SPRINT_SELECTOR_ARM_FEATURES_H_
#define SPRINT_SELECTOR_ARM_FEATURES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "selector/snapshot.h"

namespace sprint {

// [arms, count], each column of mean 0 and deviation 1 over the arms (a constant column is all 0).
// Columns: is it the baseline; mean layer and head; heads pruned; share right, fixed and broken (against the
// baseline) of the training questions; then one for each layer that some arm prunes in.
struct ArmFeatures {
  int64_t count = 0;
  std::vector<float> values;
};
ArmFeatures MakeArmFeatures(const Snapshot& snapshot, absl::Span<const size_t> train);

// The share of judged answers to `problems` that are right, for each arm; 0 where none is judged.
std::vector<float> ArmAccuracy(const Snapshot& snapshot, absl::Span<const size_t> problems);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_ARM_FEATURES_H_
