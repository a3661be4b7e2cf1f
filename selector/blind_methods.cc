#include "selector/blind_methods.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/rng.h"

namespace sprint {

BlindKnowledge LearnBlindly(const Snapshot& snapshot, BaselineUse use) {
  const size_t arms = snapshot.arms.size();
  const std::vector<size_t> train = snapshot.Of(Split::kTrain);
  std::vector<uint8_t> right;
  std::vector<float> average(arms, 0.0F);
  BlindKnowledge knowledge;
  knowledge.best_share.assign(arms, 0.0);
  const size_t first = use == BaselineUse::kExcluded ? 1 : 0;
  for (const size_t problem : train) {
    double winners = 0;
    for (size_t arm = 0; arm < arms; ++arm) {
      const bool is_right = snapshot.At(problem, arm).right == 1;
      right.push_back(is_right ? 1 : 0);
      average[arm] += is_right ? 1.0F : 0.0F;
      if (arm >= first && is_right) ++winners;
    }
    for (size_t arm = first; arm < arms; ++arm) {
      if (snapshot.At(problem, arm).right == 1) knowledge.best_share[arm] += 1 / winners;
    }
  }
  const auto all = static_cast<int32_t>(arms);
  knowledge.by_average = TopArms(average, all, use);
  const std::vector<float> weights(train.size(), 1.0F);
  knowledge.by_cover = CoverArms(right, all, weights, all, use);
  return knowledge;
}

std::vector<int32_t> DrawArms(absl::Span<const double> weight, int32_t n, uint64_t seed, uint64_t stream) {
  CounterRng rng(seed, stream);
  std::vector<std::pair<double, int32_t>> keys;
  for (size_t arm = 0; arm < weight.size(); ++arm) {
    const double u = rng.NextDouble();
    if (weight[arm] > 0) keys.emplace_back(-std::log(1 - u) / weight[arm], static_cast<int32_t>(arm));
  }
  const auto count = std::min(keys.size(), static_cast<size_t>(n));
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
  std::vector<int32_t> order;
  for (size_t i = 0; i < count; ++i) order.push_back(keys[i].second);
  return order;
}

}  // namespace sprint
