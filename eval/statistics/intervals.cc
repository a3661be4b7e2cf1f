#include "eval/statistics/intervals.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace sprint {
namespace {

// Wilson's interval of a share of `n` trials, which need not be whole.
Interval WilsonOfShare(double share, double n) {
  const double spread = 1 + kZ95 * kZ95 / n;
  const double centre = (share + kZ95 * kZ95 / (2 * n)) / spread;
  const double half = kZ95 * std::sqrt(share * (1 - share) / n + kZ95 * kZ95 / (4 * n * n)) / spread;
  return {share <= 0 ? 0 : std::max(0.0, centre - half), share >= 1 ? 1 : std::min(1.0, centre + half)};
}

// sqrt(Q / (Q - 1) * sum of squares) / weight: the standard error of a ratio of sums over questions.
double ClusterError(double sum_of_squares, int64_t questions, double weight) {
  if (questions < 2) return 0;
  const auto q = static_cast<double>(questions);
  return std::sqrt(q / (q - 1) * sum_of_squares) / weight;
}

// Tango's statistic: how far the pair is from a true difference `delta`, in standard deviations, with
// the nuisance parameter (the share of broken) at its likeliest.
double TangoScore(double fixed, double broken, double n, double delta) {
  const double a = 2 * n;
  const double b = -fixed - broken + (2 * n - fixed + broken) * delta;
  const double c = -broken * delta * (1 - delta);
  const double q = (std::sqrt(std::max(0.0, b * b - 4 * a * c)) - b) / (2 * a);
  const double variance = n * (2 * q + delta * (1 - delta));
  const double distance = fixed - broken - n * delta;
  if (variance <= 0) return distance == 0 ? 0 : distance > 0 ? INFINITY : -INFINITY;
  return distance / std::sqrt(variance);
}

// The delta in [low, high] where the falling score crosses `target`.
double SolveTango(double fixed, double broken, double n, double target, double low, double high) {
  for (int step = 0; step < 100 && low < high; ++step) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (TangoScore(fixed, broken, n, middle) > target ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// Tango's interval of counts that need not be whole.
Interval Tango(double fixed, double broken, double n) {
  const double observed = (fixed - broken) / n;
  return {fixed <= 0 && broken >= n ? -1 : SolveTango(fixed, broken, n, kZ95, -1, observed),
          broken <= 0 && fixed >= n ? 1 : SolveTango(fixed, broken, n, -kZ95, observed, 1)};
}

// Each side of `interval` with the variance of another, independent error.
Interval Widened(const Interval& interval, double centre, double variance) {
  return {centre - std::hypot(centre - interval.low, kZ95 * std::sqrt(variance)),
          centre + std::hypot(interval.high - centre, kZ95 * std::sqrt(variance))};
}

}  // namespace

Interval WilsonInterval(int64_t successes, int64_t trials) {
  assert(0 <= successes && successes <= trials);
  if (trials <= 0) return {};
  const auto n = static_cast<double>(trials);
  return WilsonOfShare(static_cast<double>(successes) / n, n);
}

ClusteredShare ShareByQuestion(absl::Span<const QuestionCount> counts) {
  ClusteredShare result;
  for (const QuestionCount& count : counts) {
    assert(0 <= count.right && count.right <= count.trials);
    if (count.trials == 0) continue;
    ++result.questions;
    result.samples += count.trials;
    result.right += count.right;
  }
  if (result.samples == 0) return result;
  const auto samples = static_cast<double>(result.samples);
  result.share = static_cast<double>(result.right) / samples;
  double squares = 0;
  for (const QuestionCount& count : counts) {
    const double residual = count.right - result.share * count.trials;
    squares += residual * residual;
  }
  result.standard_error = ClusterError(squares, result.questions, samples);
  if (result.samples == result.questions) {
    result.effective_trials = samples;
    result.interval = WilsonInterval(result.right, result.samples);
    return result;
  }
  const double variance = result.standard_error * result.standard_error;
  result.effective_trials = variance > 0
                                ? std::clamp(result.share * (1 - result.share) / variance, 1.0, samples)
                                : static_cast<double>(result.questions);
  result.interval = WilsonOfShare(result.share, result.effective_trials);
  return result;
}

Interval PairedDifferenceInterval(int64_t fixed, int64_t broken, int64_t questions) {
  assert(fixed >= 0 && broken >= 0 && fixed + broken <= questions);
  if (questions <= 0) return {-1, 1};
  return Tango(static_cast<double>(fixed), static_cast<double>(broken), static_cast<double>(questions));
}

Interval ShareInterval(const QuestionMean& share) {
  if (share.questions <= 0) return {};
  const auto questions = static_cast<double>(share.questions);
  const double mean = std::clamp(share.mean, 0.0, 1.0);
  const double variance = std::max(0.0, share.mean_square - mean * mean) / questions;
  const double trials = variance > 0 ? std::max(1.0, mean * (1 - mean) / variance) : questions;
  const Interval interval = Widened(WilsonOfShare(mean, trials), mean, share.added_variance);
  return {std::max(0.0, interval.low), std::min(1.0, interval.high)};
}

Interval DifferenceInterval(const QuestionMean& difference) {
  if (difference.questions <= 0) return {-1, 1};
  const auto questions = static_cast<double>(difference.questions);
  const double mean = difference.mean;
  const double square = difference.mean_square;
  // Of -factor, 0 and +factor, the counts that have this mean and mean square.
  const double factor = square < std::abs(mean) ? square / std::abs(mean) : 1;
  Interval interval = {-1, 1};
  if (factor > 0) {
    const double both = square / (factor * factor);
    const double net = mean / factor;
    const double fixed = std::max(0.0, (both + net) / 2 * questions);
    const double broken = std::max(0.0, (both - net) / 2 * questions);
    const Interval scaled = Tango(fixed, broken, questions);
    interval = Widened({factor * scaled.low, factor * scaled.high}, mean, difference.added_variance);
  }
  return {std::max(-1.0, interval.low), std::min(1.0, interval.high)};
}

PairedDifference DifferenceByQuestion(absl::Span<const QuestionDifference> differences) {
  PairedDifference result;
  int64_t sum = 0, fixed = 0, broken = 0;
  for (const QuestionDifference& question : differences) {
    assert(std::abs(question.difference) <= question.trials);
    if (question.trials == 0) continue;
    ++result.questions;
    result.samples += question.trials;
    sum += question.difference;
    fixed += question.difference > 0 ? 1 : 0;
    broken += question.difference < 0 ? 1 : 0;
  }
  if (result.samples == 0) return result;
  const auto samples = static_cast<double>(result.samples);
  result.effect = static_cast<double>(sum) / samples;
  double squares = 0;
  for (const QuestionDifference& question : differences) {
    const double residual = question.difference - result.effect * question.trials;
    squares += residual * residual;
  }
  result.standard_error = ClusterError(squares, result.questions, samples);
  if (result.samples == result.questions || result.standard_error == 0) {
    result.interval = PairedDifferenceInterval(fixed, broken, result.questions);
  } else {
    result.interval = {std::max(-1.0, result.effect - kZ95 * result.standard_error),
                       std::min(1.0, result.effect + kZ95 * result.standard_error)};
  }
  return result;
}

}  // namespace sprint
