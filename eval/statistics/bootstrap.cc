#include "eval/statistics/bootstrap.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/rng.h"

namespace sprint {

QuestionBootstrap::QuestionBootstrap(size_t questions, const BootstrapOptions& options)
    : questions_(questions),
      replicates_(options.replicates),
      weights_(questions * static_cast<size_t>(options.replicates), 0) {
  if (questions == 0) return;
  for (int replicate = 0; replicate < replicates_; ++replicate) {
    CounterRng rng(options.seed, static_cast<uint64_t>(replicate));
    uint16_t* const weights = weights_.data() + questions_ * static_cast<size_t>(replicate);
    for (size_t draw = 0; draw < questions_; ++draw) {
      uint16_t& weight = weights[rng.NextBelow(questions_)];
      if (weight < UINT16_MAX) ++weight;
    }
  }
}

std::vector<double> QuestionBootstrap::Means(absl::Span<const double> values) const {
  assert(values.size() == questions_);
  std::vector<double> means;
  if (questions_ == 0) return means;
  means.reserve(static_cast<size_t>(replicates_));
  for (int replicate = 0; replicate < replicates_; ++replicate) {
    const uint16_t* const weights = weights_.data() + questions_ * static_cast<size_t>(replicate);
    double sum = 0;
    for (size_t i = 0; i < questions_; ++i) sum += weights[i] * values[i];
    means.push_back(sum / static_cast<double>(questions_));
  }
  return means;
}

Interval QuestionBootstrap::MeanInterval(absl::Span<const double> values) const {
  std::vector<double> means = Means(values);
  if (means.empty()) return {};
  std::sort(means.begin(), means.end());
  // The (R + 1) * 0.025-th smallest and largest.
  const auto rank =
      static_cast<size_t>(std::max(1.0, std::floor(0.025 * static_cast<double>(means.size() + 1))));
  return {means[rank - 1], means[means.size() - rank]};
}

}  // namespace sprint
