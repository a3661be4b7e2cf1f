#include "eval/statistics/at_k.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace sprint {
namespace {

constexpr double kMostSubsets = 20'000;
// Sums of scores this near are a tie: the order of adding must not decide.
constexpr double kTie = 1e-9;

double Choose(int n, int k) {
  if (k < 0 || k > n) return 0;
  double result = 1;
  for (int i = 1; i <= std::min(k, n - k); ++i) result = result * (n - i + 1) / i;
  return result;
}

struct Group {
  int size = 0;
  int right = 0;
  // Of the group's answers: all the same, unless the judge and the grouping disagree.
  double right_share() const { return static_cast<double>(right) / size; }
};

std::vector<Group> GroupsOf(absl::Span<const SampledAnswer> answers, int& silent) {
  std::vector<Group> groups;
  silent = 0;
  for (const SampledAnswer& answer : answers) {
    if (answer.group < 0) {
      ++silent;
      continue;
    }
    const auto index = static_cast<size_t>(answer.group);
    if (groups.size() <= index) groups.resize(index + 1);
    ++groups[index].size;
    groups[index].right += answer.right ? 1 : 0;
  }
  return groups;
}

// Ways to draw `votes` answers from all groups but `winner`, none with more than `top` of them, and 1 /
// (1 + those that have `top` exactly) as weight; [votes].
std::vector<double> WaysToLose(const std::vector<Group>& groups, size_t winner, int top, int k) {
  const auto width = static_cast<size_t>(k + 1);
  const auto ties = static_cast<size_t>(k / top + 2);
  // [tied][drawn]
  std::vector<std::vector<double>> ways(ties, std::vector<double>(width, 0));
  ways[0][0] = 1;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (g == winner || groups[g].size == 0) continue;
    std::vector<std::vector<double>> next(ties, std::vector<double>(width, 0));
    for (size_t tied = 0; tied < ties; ++tied) {
      for (size_t drawn = 0; drawn < width; ++drawn) {
        if (ways[tied][drawn] == 0) continue;
        const int most = std::min({groups[g].size, top, k - static_cast<int>(drawn)});
        for (int take = 0; take <= most; ++take) {
          const size_t to = tied + (take == top ? 1 : 0);
          if (to < ties)
            next[to][drawn + static_cast<size_t>(take)] += ways[tied][drawn] * Choose(groups[g].size, take);
        }
      }
    }
    ways = std::move(next);
  }
  std::vector<double> weighted(width, 0);
  for (size_t tied = 0; tied < ties; ++tied) {
    for (size_t drawn = 0; drawn < width; ++drawn)
      weighted[drawn] += ways[tied][drawn] / static_cast<double>(tied + 1);
  }
  return weighted;
}

// The share of right among the winners of one subset.
double WinnersShare(absl::Span<const SampledAnswer> answers, const std::vector<int>& subset,
                    std::vector<double>& sums) {
  std::fill(sums.begin(), sums.end(), -1);
  double best = -1;
  for (const int i : subset) {
    const SampledAnswer& answer = answers[static_cast<size_t>(i)];
    if (answer.group < 0) continue;
    double& sum = sums[static_cast<size_t>(answer.group)];
    sum = std::max(sum, 0.0) + answer.score;
    best = std::max(best, sum);
  }
  if (best < 0) return 0;
  int winners = 0;
  double right = 0;
  for (size_t group = 0; group < sums.size(); ++group) {
    if (sums[group] < best - kTie * std::max(1.0, best)) continue;
    ++winners;
    for (const int i : subset) {
      if (answers[static_cast<size_t>(i)].group == static_cast<int>(group)) {
        right += answers[static_cast<size_t>(i)].right ? 1 : 0;
        break;
      }
    }
  }
  return right / winners;
}

// The next subset of 0 … n - 1 in lexicographic order; false after the last.
bool NextSubset(std::vector<int>& subset, int n) {
  const auto k = static_cast<int>(subset.size());
  for (int i = k - 1; i >= 0; --i) {
    int& member = subset[static_cast<size_t>(i)];
    if (member < n - k + i) {
      std::iota(subset.begin() + i, subset.end(), member + 1);
      return true;
    }
  }
  return false;
}

}  // namespace

double PassAtK(int samples, int right, int k) {
  assert(0 <= right && right <= samples && 1 <= k && k <= samples);
  if (samples - right < k) return 1;
  double none = 1;
  for (int i = samples - right + 1; i <= samples; ++i) none *= 1 - static_cast<double>(k) / i;
  return 1 - none;
}

double MajorityAtK(absl::Span<const SampledAnswer> answers, int k) {
  assert(1 <= k && k <= static_cast<int>(answers.size()));
  int silent = 0;
  const std::vector<Group> groups = GroupsOf(answers, silent);
  const double all = Choose(static_cast<int>(answers.size()), k);
  double result = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (groups[g].right == 0) continue;
    for (int top = 1; top <= std::min(groups[g].size, k); ++top) {
      const std::vector<double> others = WaysToLose(groups, g, top, k);
      double ways = 0;
      for (int drawn = 0; drawn + top <= k; ++drawn)
        ways += others[static_cast<size_t>(drawn)] * Choose(silent, k - top - drawn);
      result += groups[g].right_share() * Choose(groups[g].size, top) * ways / all;
    }
  }
  return std::min(result, 1.0);
}

double WeightedVoteAtK(absl::Span<const SampledAnswer> answers, int k, uint64_t seed) {
  const auto n = static_cast<int>(answers.size());
  assert(1 <= k && k <= n);
  int groups = 0;
  for (const SampledAnswer& answer : answers) groups = std::max(groups, answer.group + 1);
  std::vector<double> sums(static_cast<size_t>(groups));
  std::vector<int> subset(static_cast<size_t>(k));
  std::iota(subset.begin(), subset.end(), 0);
  double total = 0, subsets = 0;
  if (Choose(n, k) <= kMostSubsets) {
    do {
      total += WinnersShare(answers, subset, sums);
      ++subsets;
    } while (NextSubset(subset, n));
    return total / subsets;
  }
  CounterRng rng(seed, 0);
  std::vector<int> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (; subsets < kMostSubsets; ++subsets) {
    for (size_t i = 0; i < subset.size(); ++i) {  // the first k of a shuffle
      std::swap(order[i], order[i + rng.NextBelow(order.size() - i)]);
      subset[i] = order[i];
    }
    total += WinnersShare(answers, subset, sums);
  }
  return total / subsets;
}

double BestAtK(absl::Span<const SampledAnswer> answers, int k) {
  const auto n = static_cast<int>(answers.size());
  assert(1 <= k && k <= n);
  std::vector<SampledAnswer> sorted(answers.begin(), answers.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const SampledAnswer& a, const SampledAnswer& b) { return a.score < b.score; });
  const double all = Choose(n, k);
  double result = 0;
  for (int begin = 0; begin < n;) {
    int end = begin, right = 0;
    for (; end < n && sorted[static_cast<size_t>(end)].score == sorted[static_cast<size_t>(begin)].score;
         ++end)
      right += sorted[static_cast<size_t>(end)].group >= 0 && sorted[static_cast<size_t>(end)].right ? 1 : 0;
    // The largest score of a subset is this one when it holds one of these and none above.
    const double ways = Choose(end, k) - Choose(begin, k);
    result += ways / all * right / (end - begin);
    begin = end;
  }
  return result;
}

}  // namespace sprint
