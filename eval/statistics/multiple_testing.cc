#include "eval/statistics/multiple_testing.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace sprint {

std::vector<double> QValues(absl::Span<const double> p_values, Correction correction) {
  const size_t m = p_values.size();
  std::vector<size_t> order(m);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  auto factor = static_cast<double>(m);
  if (correction == Correction::kBenjaminiYekutieli) {
    double harmonic = 0;
    for (size_t i = m; i > 0; --i) harmonic += 1 / static_cast<double>(i);
    factor *= harmonic;
  }
  std::vector<double> q(m);
  double least = 1;
  for (size_t rank = m; rank > 0; --rank) {
    const size_t i = order[rank - 1];
    least = std::min(least, p_values[i] * factor / static_cast<double>(rank));
    q[i] = least;
  }
  return q;
}

}  // namespace sprint
