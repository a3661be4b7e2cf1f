#include "eval/statistics/power.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cassert>
#include <cmath>

#include "eval/statistics/paired_tests.h"

namespace sprint {
namespace {

using Quiet = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::errno_on_error>,
    boost::math::policies::overflow_error<boost::math::policies::errno_on_error>,
    boost::math::policies::evaluation_error<boost::math::policies::errno_on_error>>;
using Binomial = boost::math::binomial_distribution<double, Quiet>;

// How many standard deviations of the number of discordant questions are summed over.
constexpr double kReach = 8;

// The fewest fixed of `discordant` that are significant; discordant + 1 where none is.
int64_t CriticalFixed(int64_t discordant, double level) {
  int64_t low = discordant / 2 + 1, high = discordant + 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (McNemarExact(middle, discordant - middle) <= level) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

double AtLeast(int64_t trials, double share, int64_t successes) {
  if (successes > trials) return 0;
  if (successes <= 0 || share >= 1) return 1;
  return boost::math::cdf(boost::math::complement(Binomial(static_cast<double>(trials), share),
                                                  static_cast<double>(successes - 1)));
}

double PointMass(int64_t trials, double share, int64_t successes) {
  if (share <= 0) return successes == 0 ? 1 : 0;
  if (share >= 1) return successes == trials ? 1 : 0;
  return boost::math::pdf(Binomial(static_cast<double>(trials), share), static_cast<double>(successes));
}

}  // namespace

double LevelOfOneTest(double rate, int64_t arms, int64_t helpful) {
  assert(arms >= 1 && helpful >= 1);
  return rate * static_cast<double>(std::min(helpful, arms)) / static_cast<double>(arms);
}

double McNemarPower(int64_t questions, double effect, const PowerDesign& design) {
  assert(questions >= 0 && effect >= 0 && effect <= 1);
  const double discordance = std::clamp(std::max(design.discordance, effect), 0.0, 1.0);
  if (discordance <= 0 || questions == 0) return 0;
  const double fixed_share = (discordance + effect) / (2 * discordance);
  const auto n = static_cast<double>(questions);
  const double mean = n * discordance;
  const double reach = kReach * std::sqrt(mean * (1 - discordance)) + kReach;
  const auto first = std::max<int64_t>(0, static_cast<int64_t>(mean - reach));
  const auto last = std::min(questions, static_cast<int64_t>(mean + reach));
  double power = 0;
  int64_t critical = CriticalFixed(first, design.level);
  for (int64_t discordant = first; discordant <= last; ++discordant) {
    // With one question more the critical number stays or grows by one.
    while (critical <= discordant && McNemarExact(critical, discordant - critical) > design.level) ++critical;
    critical = std::min(critical, discordant + 1);
    power += PointMass(questions, discordance, discordant) * AtLeast(discordant, fixed_share, critical);
  }
  return std::min(power, 1.0);
}

std::optional<double> DetectableEffect(int64_t questions, double power, const PowerDesign& design) {
  if (McNemarPower(questions, 1, design) < power) return std::nullopt;
  double low = 0, high = 1;
  while (high - low > 1e-5) {
    const double middle = 0.5 * (low + high);
    (McNemarPower(questions, middle, design) >= power ? high : low) = middle;
  }
  return high;
}

std::optional<int64_t> QuestionsNeeded(double effect, double power, const PowerDesign& design, int64_t most) {
  if (effect <= 0) return std::nullopt;
  int64_t low = 0, high = 1;  // low is too few
  while (McNemarPower(high, effect, design) < power) {
    low = high;
    if (high >= most) return std::nullopt;
    high = std::min(most, high * 2);
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (McNemarPower(middle, effect, design) >= power ? high : low) = middle;
  }
  return high;
}

double ExpectedMaxOfNormals(int64_t count) {
  assert(count >= 1);
  // E = integral over x > 0 of 1 - F(x)^n - F(-x)^n, by the trapezoid rule (smooth, and flat at the far end).
  const boost::math::normal_distribution<double, Quiet> normal;
  const auto n = static_cast<double>(count);
  constexpr double kStep = 1.0 / 512;
  constexpr int kSteps = 12 * 512;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double tail = boost::math::cdf(boost::math::complement(normal, i * kStep));
    const double value = -std::expm1(n * std::log1p(-tail)) - std::exp(n * std::log(tail));
    sum += (i == 0 || i == kSteps ? 0.5 : 1) * value;
  }
  return sum * kStep;
}

double ExpectedNullBest(int64_t questions, int64_t arms, double discordance) {
  if (questions <= 0 || arms <= 0) return 0;
  return ExpectedMaxOfNormals(arms) * std::sqrt(discordance / 2 / static_cast<double>(questions));
}

int64_t FewestFixed(double level) {
  int64_t fixed = 1;
  while (fixed < 1000 && McNemarExact(fixed, 0) > level) ++fixed;
  return fixed;
}

}  // namespace sprint
