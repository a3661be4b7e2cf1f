#include "selector/policies.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

// Arms that may be chosen at all; `first` is what each is worth as the first choice.
template <typename T>
std::vector<int32_t> Candidates(absl::Span<const T> first, BaselineUse use) {
  std::vector<int32_t> candidates;
  const bool beaten = std::any_of(first.begin(), first.end(), [&](T value) { return value > first[0]; });
  const bool baseline = use == BaselineUse::kCandidate || (use == BaselineUse::kFallback && !beaten);
  for (int32_t arm = baseline ? 0 : 1; arm < static_cast<int32_t>(first.size()); ++arm)
    candidates.push_back(arm);
  return candidates;
}

// What each arm adds to the weight that is covered. [arms]
std::vector<double> Gains(absl::Span<const uint8_t> right, size_t arms, absl::Span<const double> open) {
  std::vector<double> gain(arms, 0.0);
  for (size_t row = 0; row < open.size(); ++row) {
    if (open[row] == 0) continue;
    const uint8_t* cells = right.data() + row * arms;
    for (size_t arm = 0; arm < arms; ++arm) gain[arm] += cells[arm] != 0 ? open[row] : 0.0;
  }
  return gain;
}

void KeepFirst(std::vector<int32_t>& arms, int32_t n) {
  if (static_cast<int32_t>(arms.size()) > n) arms.resize(static_cast<size_t>(std::max(n, 0)));
}

}  // namespace

absl::string_view PolicyKindName(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kTop:
      return "top";
    case PolicyKind::kCoverage:
      return "coverage";
    case PolicyKind::kNeighbours:
      return "neighbours";
  }
  return "unknown";
}

absl::string_view BaselineUseName(BaselineUse use) {
  switch (use) {
    case BaselineUse::kCandidate:
      return "candidate";
    case BaselineUse::kExcluded:
      return "excluded";
    case BaselineUse::kFallback:
      return "fallback";
  }
  return "unknown";
}

absl::StatusOr<PolicyKind> ParsePolicyKind(absl::string_view name) {
  for (const PolicyKind kind : {PolicyKind::kTop, PolicyKind::kCoverage, PolicyKind::kNeighbours}) {
    if (PolicyKindName(kind) == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no policy \"", name, "\"; there are top, coverage and neighbours"));
}

absl::StatusOr<BaselineUse> ParseBaselineUse(absl::string_view name) {
  for (const BaselineUse use : {BaselineUse::kCandidate, BaselineUse::kExcluded, BaselineUse::kFallback}) {
    if (BaselineUseName(use) == name) return use;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the baseline cannot be \"", name, "\"; it can be candidate, excluded or fallback"));
}

std::vector<int32_t> TopArms(absl::Span<const float> scores, int32_t n, BaselineUse use) {
  std::vector<int32_t> arms = Candidates(scores, use);
  const auto kept = std::min<std::ptrdiff_t>(std::max(n, 0), std::ssize(arms));
  std::partial_sort(arms.begin(), arms.begin() + kept, arms.end(), [&](int32_t a, int32_t b) {
    const float x = scores[static_cast<size_t>(a)];
    const float y = scores[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  KeepFirst(arms, n);
  return arms;
}

std::vector<int32_t> CoverageArms(absl::Span<const float> probabilities, int32_t n, BaselineUse use) {
  std::vector<int32_t> left = Candidates(probabilities, use);
  std::vector<int32_t> chosen;
  double open = 1;  // the probability that no chosen arm is right
  while (!left.empty() && static_cast<int32_t>(chosen.size()) < n) {
    auto best = left.begin();
    for (auto arm = left.begin(); arm != left.end(); ++arm) {
      if (open * probabilities[static_cast<size_t>(*arm)] > open * probabilities[static_cast<size_t>(*best)])
        best = arm;
    }
    open *= 1 - static_cast<double>(probabilities[static_cast<size_t>(*best)]);
    chosen.push_back(*best);
    left.erase(best);
  }
  return chosen;
}

std::vector<int32_t> CoverArms(absl::Span<const uint8_t> right, int32_t arms, absl::Span<const float> weights,
                               int32_t n, BaselineUse use) {
  const auto columns = static_cast<size_t>(arms);
  std::vector<int32_t> chosen;
  std::vector<double> open(weights.begin(), weights.end());
  const std::vector<double> first = Gains(right, columns, open);
  std::vector<int32_t> left = Candidates(absl::MakeConstSpan(first), use);
  bool fresh = true;  // no arm was chosen since covering began
  while (!left.empty() && static_cast<int32_t>(chosen.size()) < n) {
    const std::vector<double> gain = Gains(right, columns, open);
    auto best = left.begin();
    for (auto arm = left.begin(); arm != left.end(); ++arm) {
      if (gain[static_cast<size_t>(*arm)] > gain[static_cast<size_t>(*best)]) best = arm;
    }
    if (gain[static_cast<size_t>(*best)] <= 0 && !fresh) {
      open.assign(weights.begin(), weights.end());
      fresh = true;
      continue;
    }
    for (size_t row = 0; row < open.size(); ++row) {
      if (right[row * columns + static_cast<size_t>(*best)] != 0) open[row] = 0;
    }
    fresh = false;
    chosen.push_back(*best);
    left.erase(best);
  }
  return chosen;
}

std::vector<float> NeighbourWeights(absl::Span<const float> similarity, double sharpness) {
  std::vector<float> weights;
  if (similarity.empty()) return weights;
  const float top = *std::max_element(similarity.begin(), similarity.end());
  double sum = 0;
  for (const float s : similarity) {
    weights.push_back(static_cast<float>(std::exp(sharpness * (s - top))));
    sum += weights.back();
  }
  for (float& weight : weights) weight = static_cast<float>(weight / sum);
  return weights;
}

std::vector<int32_t> ChooseArms(const Selector& selector, absl::Span<const float> features, int32_t n,
                                const PolicyOptions& options) {
  const std::vector<float> place = selector.Place(features);
  const std::vector<float> scores = selector.Scores(place);
  switch (options.kind) {
    case PolicyKind::kTop:
      return TopArms(scores, n, options.baseline);
    case PolicyKind::kCoverage:
      return CoverageArms(selector.Probabilities(scores), n, options.baseline);
    case PolicyKind::kNeighbours: {
      const std::vector<float> weights = NeighbourWeights(selector.TrainSimilarity(place), options.sharpness);
      return CoverArms(selector.train_right, static_cast<int32_t>(selector.weights.arms), weights, n,
                       options.baseline);
    }
  }
  return {};
}

}  // namespace sprint
