// What a training question asks of the scores: a distribution over its arms, or a yes or no for each.
#ifndef SPRINT_SELECTOR_TARGETS_H_
#define SPRINT_SELECTOR_TARGETS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "selector/selector.h"
#include "selector/snapshot.h"

namespace sprint {

// [rows, arms], row-major.
struct Targets {
  std::vector<size_t> problems;  // of each row, in the snapshot
  // Softmax losses: sums to 1 over the row. Logistic: 1 where the arm is right.
  std::vector<float> target;
  std::vector<uint8_t> known;  // 1 where the arm was judged; others take no part
};

// u = lambda * right + (1 - lambda) * (1 - tokens / most tokens of any answer of the snapshot), as in EPIC.
double Utility(const FrozenOutcome& outcome, double lambda, int32_t most_tokens);

// Rows for `problems`. A softmax loss leaves out questions that no arm or every judged arm answers: they
// say nothing about which arm to take. Targets over the right arms: kInfoNce equal, kUtility in proportion
// to their utility, kBest the arms of the highest utility, equally. kLogistic keeps every question with a
// judged arm.
Targets MakeTargets(const Snapshot& snapshot, absl::Span<const size_t> problems, LossKind loss,
                    double lambda);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_TARGETS_H_
