// Scores as probabilities: fitted on held-out questions, and how far off they are.
#ifndef SPRINT_SELECTOR_CALIBRATION_H_
#define SPRINT_SELECTOR_CALIBRATION_H_

#include "absl/types/span.h"
#include "selector/features.h"
#include "selector/selector.h"
#include "selector/snapshot.h"

namespace sprint {

// Fits slope, prior and offset by logistic regression (Newton's method, with a ridge of 1e-3 towards
// slope 0, prior 1, offset 0) on every judged cell of `problems`. Reads all of `selector` but its
// calibration.
Calibration FitCalibration(const Selector& selector, const Snapshot& snapshot, const FeatureMatrix& features,
                           absl::Span<const size_t> problems);

struct CalibrationError {
  double brier = 0;     // mean (p - right)^2
  double expected = 0;  // mean |p - share right| over ten equal bins of p, each weighted by its cells (ECE)
  int64_t cells = 0;
};
CalibrationError MeasureCalibration(const Selector& selector, const Snapshot& snapshot,
                                    const FeatureMatrix& features, absl::Span<const size_t> problems);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_CALIBRATION_H_
