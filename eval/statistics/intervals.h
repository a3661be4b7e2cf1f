// How far an observed share, or a difference of two, may lie from the truth. All intervals are two-sided
// at confidence 0.95. Pure and thread-safe; docs/STATISTICS.md says when each misleads.
#ifndef SPRINT_EVAL_STATISTICS_INTERVALS_H_
#define SPRINT_EVAL_STATISTICS_INTERVALS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace sprint {

// The normal quantile of 0.975.
inline constexpr double kZ95 = 1.959963984540054;

struct Interval {
  double low = 0;
  double high = 1;
};

// Wilson's score interval (Wilson 1927) of `successes` of `trials`; [0, 1] for no trials.
// REQUIRES: 0 <= successes <= trials.
Interval WilsonInterval(int64_t successes, int64_t trials);

// What one question contributes: `right` of its `trials` samples.
struct QuestionCount {
  int32_t right = 0;
  int32_t trials = 0;
};

// A share of samples, where samples of one question are alike.
struct ClusteredShare {
  int64_t questions = 0;  // with a sample
  int64_t samples = 0;
  int64_t right = 0;
  double share = 0;           // right / samples; 0 without samples
  double standard_error = 0;  // clustered by question (Liang and Zeger 1986), with Q / (Q - 1)
  // As many independent samples as would have that standard error: at least 1, never more than
  // `samples`; `questions` where all are right or all wrong.
  double effective_trials = 0;
  // Wilson's, of `share` of `effective_trials` (Korn and Graubard 1998); WilsonInterval itself for one
  // sample a question.
  Interval interval;
};
// REQUIRES: 0 <= right <= trials for each.
ClusteredShare ShareByQuestion(absl::Span<const QuestionCount> counts);

// The difference of two paired shares, arm minus baseline, of `questions` questions: Tango's score
// interval (Tango, Statistics in Medicine 17, 1998). [-1, 1] for no questions.
// REQUIRES: fixed, broken >= 0 and fixed + broken <= questions.
Interval PairedDifferenceInterval(int64_t fixed, int64_t broken, int64_t questions);

// What one question contributes to a comparison: the arm's right samples less the baseline's, over
// `trials` samples that both have.
struct QuestionDifference {
  int32_t difference = 0;
  int32_t trials = 0;
};
struct PairedDifference {
  int64_t questions = 0;
  int64_t samples = 0;
  double effect = 0;          // sum of differences / samples
  double standard_error = 0;  // clustered by question
  // Tango's for one sample a question; else effect -+ kZ95 standard errors, and Tango's for no
  // difference where none was seen.
  Interval interval{-1, 1};
};
// REQUIRES: |difference| <= trials for each.
PairedDifference DifferenceByQuestion(absl::Span<const QuestionDifference> differences);

// A mean over questions of values that need not be whole: shares of draws, of samples, of training seeds.
struct QuestionMean {
  double mean = 0;
  double mean_square = 0;
  int64_t questions = 0;
  double added_variance = 0;  // of the mean, by chance that is not the questions': seeds, draws
};
// Of values in [0, 1]: Wilson's with as many trials as give the mean its variance over questions (Korn and
// Graubard 1998); `questions` where all are alike. Of values 0 and 1 it is WilsonInterval.
Interval ShareInterval(const QuestionMean& share);
// Of values in [-1, 1], the differences of a pair: Tango's score interval for differences of -1, 0 and 1
// (times a factor of at most 1) that have the same mean and mean square. Of values -1, 0 and 1 it is
// PairedDifferenceInterval.
//
// Both: added variance widens each side as for a sum of independent errors (Zou and Donner, Statistics in
// Medicine 27, 2008). [0, 1] and [-1, 1] without questions.
Interval DifferenceInterval(const QuestionMean& difference);

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_INTERVALS_H_
