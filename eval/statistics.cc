#include "eval/statistics.h"

#include <math.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace sprint {
namespace {

// The normal quantile of 0.975.
constexpr double kZ = 1.959963984540054;

// ln(n!). lgammal_r and not std::lgamma, which writes a global.
long double LogFactorial(int64_t n) {
  int sign = 0;
  return lgammal_r(static_cast<long double>(n) + 1, &sign);
}

}  // namespace

Interval WilsonInterval(int64_t successes, int64_t trials) {
  assert(0 <= successes && successes <= trials);
  if (trials <= 0) return {};
  const double n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double spread = 1 + kZ * kZ / n;
  const double centre = (p + kZ * kZ / (2 * n)) / spread;
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / spread;
  return {successes == 0 ? 0 : std::max(0.0, centre - half),
          successes == trials ? 1 : std::min(1.0, centre + half)};
}

double McNemarExact(int64_t fixed, int64_t broken) {
  assert(fixed >= 0 && broken >= 0);
  const int64_t n = fixed + broken;
  const int64_t few = std::min(fixed, broken);
  if (few == n - few) return 1;  // as even as can be, or none
  // Twice the lower tail, summed from its largest term downwards: each is the one before times
  // i / (n - i + 1), and the rest is left out once it cannot change the sum.
  const long double log_first =
      LogFactorial(n) - LogFactorial(few) - LogFactorial(n - few) - static_cast<long double>(n) * logl(2.0L);
  long double sum = 0;
  long double term = 1;
  for (int64_t i = few; i >= 0 && term > sum * 1e-20L; --i) {
    sum += term;
    term *= static_cast<long double>(i) / static_cast<long double>(n - i + 1);
  }
  return static_cast<double>(std::min(1.0L, 2 * sum * expl(log_first)));
}

std::vector<double> BenjaminiHochberg(absl::Span<const double> p_values) {
  const size_t m = p_values.size();
  std::vector<size_t> order(m);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> q(m);
  double least = 1;
  for (size_t rank = m; rank > 0; --rank) {
    const size_t i = order[rank - 1];
    least = std::min(least, p_values[i] * static_cast<double>(m) / static_cast<double>(rank));
    q[i] = least;
  }
  return q;
}

}  // namespace sprint
