#include "worker/engine/step_cost.h"

#include <algorithm>

namespace sprint {

StepCost::StepCost(std::vector<std::pair<int64_t, double>> points) : points_(std::move(points)) {
  for (size_t i = 1; i < points_.size(); ++i) {
    points_[i].second = std::max(points_[i].second, points_[i - 1].second);
  }
}

double StepCost::Seconds(int64_t rows) const {
  size_t i = 1;
  while (i + 1 < points_.size() && points_[i].first < rows) ++i;
  const auto& [low, from] = points_[i - 1];
  const auto& [high, to] = points_[i];
  const double share = static_cast<double>(rows - low) / static_cast<double>(high - low);
  return from + std::max(0.0, share) * (to - from);
}

int64_t StepCost::WidthThatPays() const {
  constexpr double kMargin = 1.05;
  const auto row = [](const std::pair<int64_t, double>& point) {
    return point.second / static_cast<double>(point.first);
  };
  double least = row(points_.front());
  for (const auto& point : points_) least = std::min(least, row(point));
  return std::find_if(points_.begin(), points_.end(),
                      [&](const auto& point) { return row(point) <= kMargin * least; })
      ->first;
}

int64_t DraftsWorthTheirRows(const StepCost& cost, int64_t rows, int64_t running,
                             const std::vector<double>& chances) {
  constexpr double kMargin = 0.95;
  const double token = kMargin * cost.Seconds(running) / static_cast<double>(running);
  const double base = cost.Seconds(rows);
  double best = 0;
  double expected = 0;
  int64_t count = 0;
  for (size_t i = 0; i < chances.size(); ++i) {
    expected += chances[i];
    const auto drafts = static_cast<int64_t>(i) + 1;
    const double gain = expected * token - (cost.Seconds(rows + drafts) - base);
    if (gain <= best) continue;
    best = gain;
    count = drafts;
  }
  return count;
}

}  // namespace sprint
