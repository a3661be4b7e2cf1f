// The held-out measure: greedy answers of the unpruned model and of every arm that zeroes one head,
// and what follows from them.
#ifndef SPRINT_DEMO_EVALUATE_H_
#define SPRINT_DEMO_EVALUATE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "demo/net.h"
#include "demo/problems.h"
#include "model/tokenizer.h"

namespace sprint::demo {

// Longest answer that is decoded, in tokens; longer ones count as wrong.
inline constexpr int kMaxAnswerTokens = 64;

// The text inside the last \boxed{ }, trimmed; empty without one.
std::string BoxedAnswer(absl::string_view text);

// right[arm][problem]: arm 0 is the baseline, arm 1 + layer * heads + head zeroes that head.
struct HeldOutMeasure {
  int64_t layers = 0, heads = 0;
  std::vector<std::vector<bool>> right;
};

// Decodes greedily, problems of one prompt length and all their arms in one batch. `every_head`
// false: the baseline alone.
HeldOutMeasure MeasureHeldOut(const Net& net, const Tokenizer& tokenizer,
                              const std::vector<Problem>& problems, bool every_head);

// The greedy answer of the unpruned model, as text.
std::string GreedyAnswer(const Net& net, const Tokenizer& tokenizer, const Problem& problem);

double BaselineAccuracy(const HeldOutMeasure& measure);

// A table for people: baseline (and by subject), mean, worst and best head, coverage by any head or
// the baseline, wrong answers fixed by some head; then accuracy, fixed and broken of every arm.
std::string MeasureReport(const HeldOutMeasure& measure, const std::vector<Problem>& problems);

}  // namespace sprint::demo

#endif  // SPRINT_DEMO_EVALUATE_H_
