// Questions that come more than once: in one dataset, or in two that should share none.
#ifndef SPRINT_EVAL_DATASET_REPEATS_H_
#define SPRINT_EVAL_DATASET_REPEATS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "eval/dataset.h"

namespace sprint {

// A question in one spelling: lower case, no spaces, punctuation or LaTeX that only concerns looks.
std::string RepeatKey(absl::string_view question);

struct NamedDataset {
  std::string name;
  std::vector<Problem> problems;
};

// A question of `set` that came before: in the same set (`earlier_set` == `set`) or in an earlier one.
struct RepeatedQuestion {
  int64_t set = 0;  // indices into the sets, the ids of the problems
  std::string id;
  int64_t earlier_set = 0;
  std::string earlier_id;
  bool same_answer = true;  // as texts; else one of them is likely wrong
};

// In the order of the sets and their problems; each question at most once, with its first occurrence.
std::vector<RepeatedQuestion> FindRepeats(const std::vector<NamedDataset>& sets);

}  // namespace sprint

#endif  // SPRINT_EVAL_DATASET_REPEATS_H_
