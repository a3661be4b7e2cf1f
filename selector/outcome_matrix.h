// An experiment's outcomes as the matrix that the method works on: right[question][arm].
//
// Stage 1 of SPRINT ends with this matrix; the contrastive selector's positives (arms that answer a
// question correctly) and every policy that is blind to the question are read off it.
#ifndef SPRINT_SELECTOR_OUTCOME_MATRIX_H_
#define SPRINT_SELECTOR_OUTCOME_MATRIX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/reader.h"

namespace sprint {

// Rows are problems in the dataset's order, columns are arms, the baseline first. A value type.
struct OutcomeMatrix {
  std::vector<std::string> problems;   // the dataset's ids
  std::vector<QuestionId> questions;   // parallel to `problems`
  std::vector<std::string> arm_names;  // canonical
  std::vector<ArmId> arms;             // parallel to `arm_names`
  // [problems, arms], row-major: the share of judged samples that are right, NaN where none is judged.
  std::vector<float> right;

  float At(size_t problem, size_t arm) const { return right[problem * arms.size() + arm]; }
  // Share of right answers of each arm over the problems every arm has been judged on, so that arms are
  // compared on the same questions. Empty when there is no such problem.
  std::vector<double> AccuracyOnCommonProblems() const;
};

// Reads the matrix of an experiment by its latest verdicts. Cost: one scan of its outcomes.
// NOT_FOUND (kExperimentUnknown) when there is no such experiment; FAILED_PRECONDITION when nothing of it
// is judged yet.
absl::StatusOr<OutcomeMatrix> LoadOutcomeMatrix(Reader& reader, ExperimentId experiment);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_OUTCOME_MATRIX_H_
