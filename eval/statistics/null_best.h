// The best of many arms that do nothing: what luck alone makes of the top of a table.
#ifndef SPRINT_EVAL_STATISTICS_NULL_BEST_H_
#define SPRINT_EVAL_STATISTICS_NULL_BEST_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "eval/statistics/intervals.h"

namespace sprint {

struct NullBestOptions {
  int replicates = 1000;
  uint64_t seed = 1;
};

// Effects are shares, as everywhere: 0.04 is four points.
struct NullBest {
  double observed = 0;  // the largest effect of any arm
  double expected = 0;  // its mean had no arm done anything
  Interval range;       // the middle 95 % of it
  // How often luck alone gives an effect as large as `observed`: (hits + 1) / (replicates + 1).
  double chance = 1;
};

// Each replicate flips the sign of every question's differences, of all arms at once, or not: so each arm
// keeps its own discordant questions, and arms stay as correlated as their shared baseline makes them
// (the max-T procedure of Westfall and Young 1993, with sign flips as in a multiplier bootstrap).
// Not thread-safe while arms are added.
class NullBestSimulation {
 public:
  explicit NullBestSimulation(size_t questions);

  // An arm by its difference from the baseline on each question, and the samples its effect is a share
  // of. An arm without samples is left out. REQUIRES: one difference a question.
  void AddArm(absl::Span<const int32_t> differences, int64_t samples);
  size_t arms() const { return arms_.size(); }

  // {} without arms. Cost: replicates * arms * questions / 32 machine words.
  NullBest Run(const NullBestOptions& options = {}) const;

 private:
  // Questions as bits. plus[j] has those whose difference is positive and has the bit j; so minus.
  struct ArmPlanes {
    std::vector<std::vector<uint64_t>> plus, minus;
    int64_t sum = 0;
    double samples = 0;
  };
  double BestUnder(const std::vector<uint64_t>& flips) const;

  size_t questions_;
  std::vector<ArmPlanes> arms_;
};

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_NULL_BEST_H_
