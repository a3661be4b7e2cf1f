#include "eval/statistics/null_best.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdlib>

#include "base/rng.h"

namespace sprint {
namespace {

constexpr size_t kWordBits = 64;

void SetBit(std::vector<std::vector<uint64_t>>& planes, size_t plane, size_t question, size_t words) {
  while (planes.size() <= plane) planes.emplace_back(words, 0);
  planes[plane][question / kWordBits] |= uint64_t{1} << (question % kWordBits);
}

int64_t CountBoth(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  int64_t count = 0;
  for (size_t i = 0; i < a.size(); ++i) count += std::popcount(a[i] & b[i]);
  return count;
}

}  // namespace

NullBestSimulation::NullBestSimulation(size_t questions) : questions_(questions) {}

void NullBestSimulation::AddArm(absl::Span<const int32_t> differences, int64_t samples) {
  assert(differences.size() == questions_);
  if (samples <= 0) return;
  const size_t words = (questions_ + kWordBits - 1) / kWordBits;
  ArmPlanes& arm = arms_.emplace_back();
  arm.samples = static_cast<double>(samples);
  for (size_t q = 0; q < questions_; ++q) {
    arm.sum += differences[q];
    const auto size = static_cast<uint32_t>(std::abs(differences[q]));
    for (size_t bit = 0; size >> bit != 0; ++bit) {
      if ((size >> bit & 1) != 0) SetBit(differences[q] > 0 ? arm.plus : arm.minus, bit, q, words);
    }
  }
}

// A flipped question counts once less than nothing: the sum changes by twice its difference.
double NullBestSimulation::BestUnder(const std::vector<uint64_t>& flips) const {
  double best = -1;
  for (const ArmPlanes& arm : arms_) {
    int64_t flipped = 0;
    for (size_t bit = 0; bit < arm.plus.size(); ++bit) flipped += CountBoth(arm.plus[bit], flips) << bit;
    for (size_t bit = 0; bit < arm.minus.size(); ++bit) flipped -= CountBoth(arm.minus[bit], flips) << bit;
    best = std::max(best, static_cast<double>(arm.sum - 2 * flipped) / arm.samples);
  }
  return best;
}

NullBest NullBestSimulation::Run(const NullBestOptions& options) const {
  NullBest result;
  if (arms_.empty() || options.replicates < 1) return result;
  std::vector<uint64_t> flips((questions_ + kWordBits - 1) / kWordBits, 0);
  result.observed = BestUnder(flips);
  std::vector<double> best;
  best.reserve(static_cast<size_t>(options.replicates));
  for (int replicate = 0; replicate < options.replicates; ++replicate) {
    CounterRng rng(options.seed, static_cast<uint64_t>(replicate));
    for (uint64_t& word : flips) word = rng.NextUint64();
    best.push_back(BestUnder(flips));
  }
  std::sort(best.begin(), best.end());
  double sum = 0;
  for (const double effect : best) sum += effect;
  const auto count = static_cast<double>(best.size());
  result.expected = sum / count;
  const auto rank = static_cast<size_t>(std::max(1.0, std::floor(0.025 * (count + 1))));
  result.range = {best[rank - 1], best[best.size() - rank]};
  const auto reached = best.end() - std::lower_bound(best.begin(), best.end(), result.observed - 1e-12);
  result.chance = (static_cast<double>(reached) + 1) / (count + 1);
  return result;
}

}  // namespace sprint
