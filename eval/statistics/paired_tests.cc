#include "eval/statistics/paired_tests.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <map>
#include <vector>

namespace sprint {
namespace {

// What is dropped from either end of a distribution, of its mass 1.
constexpr double kNegligible = 1e-17;
constexpr double kSmallestP = 1e-15;

// Errors end in the result instead of an exception: no argument of ours is out of range.
using Quiet = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::errno_on_error>,
    boost::math::policies::overflow_error<boost::math::policies::errno_on_error>,
    boost::math::policies::evaluation_error<boost::math::policies::errno_on_error>>;
using Binomial = boost::math::binomial_distribution<double, Quiet>;

// A distribution over low, low + 1, …
struct Pmf {
  int64_t low = 0;
  std::vector<double> mass = {1};
};

// Binomial(n, 1/2) outwards from its mode, as far as it is not negligible.
Pmf FairBinomial(int64_t n) {
  const int64_t mode = n / 2;
  std::vector<double> down, up = {1};
  double term = 1;
  for (int64_t k = mode; k > 0 && term > kNegligible; --k)
    down.push_back(term *= static_cast<double>(k) / static_cast<double>(n - k + 1));
  term = 1;
  for (int64_t k = mode; k < n && term > kNegligible; ++k)
    up.push_back(term *= static_cast<double>(n - k) / static_cast<double>(k + 1));
  Pmf pmf;
  pmf.low = mode - static_cast<int64_t>(down.size());
  pmf.mass.assign(down.rbegin(), down.rend());
  pmf.mass.insert(pmf.mass.end(), up.begin(), up.end());
  double total = 0;
  for (const double mass : pmf.mass) total += mass;
  for (double& mass : pmf.mass) mass /= total;
  return pmf;
}

void Trim(Pmf& pmf) {
  size_t begin = 0, end = pmf.mass.size();
  for (double tail = 0; begin + 1 < end && (tail += pmf.mass[begin]) < kNegligible;) ++begin;
  for (double tail = 0; begin + 1 < end && (tail += pmf.mass[end - 1]) < kNegligible;) --end;
  pmf.mass = std::vector<double>(pmf.mass.begin() + static_cast<std::ptrdiff_t>(begin),
                                 pmf.mass.begin() + static_cast<std::ptrdiff_t>(end));
  pmf.low += static_cast<int64_t>(begin);
}

// The sum so far plus size * (number of pluses - number of minuses) of `count` questions.
Pmf AddFlips(const Pmf& sum, int64_t size, int64_t count) {
  const Pmf pluses = FairBinomial(count);
  const auto step = static_cast<size_t>(2 * size);
  Pmf result;
  result.low = sum.low + size * (2 * pluses.low - count);
  result.mass.assign(sum.mass.size() + step * (pluses.mass.size() - 1), 0);
  for (size_t k = 0; k < pluses.mass.size(); ++k) {
    const double weight = pluses.mass[k];
    double* const to = result.mass.data() + step * k;
    for (size_t i = 0; i < sum.mass.size(); ++i) to[i] += weight * sum.mass[i];
  }
  Trim(result);
  return result;
}

}  // namespace

double McNemarExact(int64_t fixed, int64_t broken) {
  assert(fixed >= 0 && broken >= 0);
  const int64_t few = std::min(fixed, broken);
  const int64_t n = fixed + broken;
  if (few == n - few) return 1;  // as even as can be, or none
  const Binomial binomial(static_cast<double>(n), 0.5);
  return std::min(1.0, 2 * boost::math::cdf(binomial, static_cast<double>(few)));
}

double SignFlipExact(absl::Span<const int32_t> differences) {
  std::map<int64_t, int64_t> count_of_size;
  int64_t observed = 0, fixed = 0, broken = 0;
  for (const int32_t difference : differences) {
    if (difference == 0) continue;
    ++count_of_size[std::abs(static_cast<int64_t>(difference))];
    observed += difference;
    ++(difference > 0 ? fixed : broken);
  }
  if (observed == 0) return 1;
  if (count_of_size.size() == 1) return McNemarExact(fixed, broken);  // the size cancels out
  Pmf sum;
  for (const auto& [size, count] : count_of_size) sum = AddFlips(sum, size, count);
  // Both tails by symmetry, from the thin end.
  double tail = 0;
  const int64_t from = std::abs(observed);
  for (int64_t i = static_cast<int64_t>(sum.mass.size()) - 1; i >= 0 && sum.low + i >= from; --i)
    tail += sum.mass[static_cast<size_t>(i)];
  return std::clamp(2 * tail, kSmallestP, 1.0);
}

}  // namespace sprint
