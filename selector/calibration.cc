#include "selector/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

namespace sprint {
namespace {

using Vector3 = std::array<double, 3>;
using Matrix3 = std::array<Vector3, 3>;

constexpr double kRidge = 1e-3;
constexpr Vector3 kPrior = {0, 1, 0};

double Logit(double p) { return std::log(p / (1 - p)); }

// Gaussian elimination; `a` is positive definite.
Vector3 Solve(Matrix3 a, Vector3 b) {
  for (size_t i = 0; i < 3; ++i) {
    for (size_t row = i + 1; row < 3; ++row) {
      const double factor = a[row][i] / a[i][i];
      for (size_t k = i; k < 3; ++k) a[row][k] -= factor * a[i][k];
      b[row] -= factor * b[i];
    }
  }
  Vector3 x{};
  for (size_t i = 3; i-- > 0;) {
    double sum = b[i];
    for (size_t k = i + 1; k < 3; ++k) sum -= a[i][k] * x[k];
    x[i] = sum / a[i][i];
  }
  return x;
}

// One judged cell: the regression's inputs and whether the answer was right.
struct Cell {
  Vector3 x;
  double right;
};

std::vector<Cell> Cells(const Selector& selector, const Snapshot& snapshot, const FeatureMatrix& features,
                        absl::Span<const size_t> problems) {
  Selector plain = selector;  // its "probability" is the sigmoid of the bare, level score
  plain.calibration = {1, 0, 0};
  std::vector<Cell> cells;
  for (const size_t problem : problems) {
    const std::vector<float> scores = selector.Scores(selector.Place(features.Row(problem)));
    const std::vector<float> level = plain.Probabilities(scores);
    for (size_t arm = 0; arm < scores.size(); ++arm) {
      const FrozenOutcome& cell = snapshot.At(problem, arm);
      if (cell.right < 0) continue;
      const double p = std::clamp(static_cast<double>(level[arm]), 1e-12, 1 - 1e-7);
      const double accuracy = std::clamp(static_cast<double>(selector.arm_accuracy[arm]), 1e-3, 1 - 1e-3);
      cells.push_back({{Logit(p), Logit(accuracy), 1.0}, cell.right == 1 ? 1.0 : 0.0});
    }
  }
  return cells;
}

}  // namespace

Calibration FitCalibration(const Selector& selector, const Snapshot& snapshot, const FeatureMatrix& features,
                           absl::Span<const size_t> problems) {
  const std::vector<Cell> cells = Cells(selector, snapshot, features, problems);
  Vector3 w = kPrior;
  for (int step = 0; step < 50 && !cells.empty(); ++step) {
    Vector3 gradient{};
    Matrix3 hessian{};
    for (const Cell& cell : cells) {
      const double p = 1 / (1 + std::exp(-(w[0] * cell.x[0] + w[1] * cell.x[1] + w[2])));
      for (size_t i = 0; i < 3; ++i) {
        gradient[i] += (p - cell.right) * cell.x[i];
        for (size_t k = 0; k < 3; ++k) hessian[i][k] += p * (1 - p) * cell.x[i] * cell.x[k];
      }
    }
    const auto count = static_cast<double>(cells.size());
    for (size_t i = 0; i < 3; ++i) {
      gradient[i] = gradient[i] / count + kRidge * (w[i] - kPrior[i]);
      for (size_t k = 0; k < 3; ++k) hessian[i][k] /= count;
      hessian[i][i] += kRidge;
    }
    const Vector3 move = Solve(hessian, gradient);
    double size = 0;
    for (size_t i = 0; i < 3; ++i) {
      w[i] -= std::clamp(move[i], -2.0, 2.0);  // far from the optimum a whole step may overshoot
      size = std::max(size, std::abs(move[i]));
    }
    if (size < 1e-9) break;
  }
  return {w[0], w[1], w[2]};
}

CalibrationError MeasureCalibration(const Selector& selector, const Snapshot& snapshot,
                                    const FeatureMatrix& features, absl::Span<const size_t> problems) {
  constexpr size_t kBins = 10;
  std::array<double, kBins> predicted{};
  std::array<double, kBins> right{};
  CalibrationError error;
  for (const size_t problem : problems) {
    const std::vector<float> p =
        selector.Probabilities(selector.Scores(selector.Place(features.Row(problem))));
    for (size_t arm = 0; arm < p.size(); ++arm) {
      const FrozenOutcome& cell = snapshot.At(problem, arm);
      if (cell.right < 0) continue;
      const double is_right = cell.right == 1 ? 1 : 0;
      const size_t bin = std::min(static_cast<size_t>(p[arm] * kBins), kBins - 1);
      predicted[bin] += p[arm];
      right[bin] += is_right;
      error.brier += (p[arm] - is_right) * (p[arm] - is_right);
      ++error.cells;
    }
  }
  if (error.cells == 0) return error;
  const auto count = static_cast<double>(error.cells);
  error.brier /= count;
  for (size_t bin = 0; bin < kBins; ++bin) error.expected += std::abs(predicted[bin] - right[bin]) / count;
  return error;
}

}  // namespace sprint
