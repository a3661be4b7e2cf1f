// Whether an arm differs from the baseline on the questions that both answered. Pure and thread-safe.
#ifndef SPRINT_EVAL_STATISTICS_PAIRED_TESTS_H_
#define SPRINT_EVAL_STATISTICS_PAIRED_TESTS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace sprint {

// Exact two-sided McNemar test: the probability, if an arm changed nothing, of a split of the
// discordant pairs at least as uneven as `fixed` against `broken` (binomial, p = 1/2). 1 for none.
// Good to 1e-11 relative up to a million pairs. REQUIRES: neither is negative.
double McNemarExact(int64_t fixed, int64_t broken);

// The same for several samples a question: exact two-sided permutation test of the sum of
// `differences` (one a question: the arm's right samples less the baseline's), where under the null
// each question's difference is as likely with either sign. Nothing is drawn: the distribution of the
// sum is computed, a convolution of one binomial for each size of difference. Good to 1e-12 absolute,
// and never below 1e-15; equal to McNemarExact where every difference is -1, 0 or 1.
// Cost: about sizes * sqrt(questions) * the sum's standard deviation * 100.
double SignFlipExact(absl::Span<const int32_t> differences);

}  // namespace sprint

#endif  // SPRINT_EVAL_STATISTICS_PAIRED_TESTS_H_
