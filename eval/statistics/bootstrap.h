// The bootstrap over questions: how a mean would differ had other questions of the kind been asked.
#ifndef SPRINT_EVAL_STATISTICS_BOOTSTRAP_H_
#define SPRINT_EVAL_STATISTICS_BOOTSTRAP_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "eval/statistics/intervals.h"

namespace sprint {

struct BootstrapOptions {
  int replicates = 1000;
  uint64_t seed = 1;
};

// Draws `replicates` resamples of `questions` questions with replacement once, and uses the same ones for
// every mean asked of it, so means of several arms stay paired (Efron 1979). The same seed gives the
// same resamples on any machine. Memory: 2 bytes * questions * replicates. Immutable after construction.
class QuestionBootstrap {
 public:
  explicit QuestionBootstrap(size_t questions, const BootstrapOptions& options = {});

  // The mean of `values` in each resample. REQUIRES: one value a question.
  std::vector<double> Means(absl::Span<const double> values) const;
  // The percentile interval of those means. {0, 1} without questions.
  Interval MeanInterval(absl::Span<const double> values) const;

 private:
  size_t questions_;
  int replicates_;
  std::vector<uint16_t> weights_;  // [replicate][question]: how often it was drawn
};

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_BOOTSTRAP_H_
