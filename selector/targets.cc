#include "selector/targets.h"

#include <algorithm>

namespace sprint {
namespace {

// The row of a softmax loss; empty when the question says nothing.
std::vector<float> SoftmaxRow(const Snapshot& snapshot, size_t problem, LossKind loss, double lambda,
                              int32_t most_tokens) {
  const size_t arms = snapshot.arms.size();
  std::vector<float> row(arms, 0.0F);
  bool some_wrong = false;
  double top = 0;
  double sum = 0;
  for (size_t arm = 0; arm < arms; ++arm) {
    const FrozenOutcome& cell = snapshot.At(problem, arm);
    some_wrong = some_wrong || cell.right == 0;
    if (cell.right != 1) continue;
    row[arm] = loss == LossKind::kInfoNce ? 1.0F : static_cast<float>(Utility(cell, lambda, most_tokens));
    top = std::max(top, static_cast<double>(row[arm]));
  }
  for (float& value : row) {
    if (loss == LossKind::kBest) value = value > 0 && static_cast<double>(value) == top ? 1.0F : 0.0F;
    sum += value;
  }
  if (!some_wrong || sum <= 0) return {};
  for (float& value : row) value = static_cast<float>(value / sum);
  return row;
}

}  // namespace

double Utility(const FrozenOutcome& outcome, double lambda, int32_t most_tokens) {
  const double cost = most_tokens > 0 ? static_cast<double>(outcome.tokens) / most_tokens : 0.0;
  return lambda * (outcome.right == 1 ? 1.0 : 0.0) + (1 - lambda) * (1 - cost);
}

Targets MakeTargets(const Snapshot& snapshot, absl::Span<const size_t> problems, LossKind loss,
                    double lambda) {
  const size_t arms = snapshot.arms.size();
  int32_t most_tokens = 0;
  for (const FrozenOutcome& cell : snapshot.outcomes) most_tokens = std::max(most_tokens, cell.tokens);
  Targets targets;
  for (const size_t problem : problems) {
    std::vector<float> row;
    bool judged = false;
    for (size_t arm = 0; arm < arms; ++arm) {
      judged = judged || snapshot.At(problem, arm).right >= 0;
      row.push_back(snapshot.At(problem, arm).right == 1 ? 1.0F : 0.0F);
    }
    if (loss != LossKind::kLogistic) row = SoftmaxRow(snapshot, problem, loss, lambda, most_tokens);
    if (row.empty() || !judged) continue;
    targets.problems.push_back(problem);
    targets.target.insert(targets.target.end(), row.begin(), row.end());
    for (size_t arm = 0; arm < arms; ++arm)
      targets.known.push_back(snapshot.At(problem, arm).right >= 0 ? 1 : 0);
  }
  return targets;
}

}  // namespace sprint
