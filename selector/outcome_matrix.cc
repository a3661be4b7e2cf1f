#include "selector/outcome_matrix.h"

#include <cmath>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

absl::Status LoadProblems(Reader& reader, ExperimentId experiment, OutcomeMatrix& matrix) {
  return reader.ForEachRow(
      "SELECT external_id, question_id FROM problem WHERE experiment_id = ? ORDER BY ordinal",
      {experiment.value()}, [&](const std::vector<std::string>&, const std::vector<SqlValue>& row) {
        matrix.problems.push_back(TextOf(row[0]));
        matrix.questions.emplace_back(IntegerOf(row[1]));
        return true;
      });
}

absl::Status LoadArms(Reader& reader, ExperimentId experiment, OutcomeMatrix& matrix) {
  return reader.ForEachRow(
      "SELECT x.arm_id, a.name FROM experiment_arm x JOIN arm a ON a.arm_id = x.arm_id "
      "WHERE x.experiment_id = ? ORDER BY x.ordinal",
      {experiment.value()}, [&](const std::vector<std::string>&, const std::vector<SqlValue>& row) {
        matrix.arms.emplace_back(IntegerOf(row[0]));
        matrix.arm_names.push_back(TextOf(row[1]));
        return true;
      });
}

}  // namespace

std::vector<double> OutcomeMatrix::AccuracyOnCommonProblems() const {
  std::vector<double> sums(arms.size(), 0.0);
  int64_t common = 0;
  for (size_t problem = 0; problem < problems.size(); ++problem) {
    bool complete = true;
    for (size_t arm = 0; arm < arms.size(); ++arm) complete = complete && !std::isnan(At(problem, arm));
    if (!complete) continue;
    ++common;
    for (size_t arm = 0; arm < arms.size(); ++arm) sums[arm] += At(problem, arm);
  }
  if (common == 0) return {};
  for (double& sum : sums) sum /= static_cast<double>(common);
  return sums;
}

absl::StatusOr<OutcomeMatrix> LoadOutcomeMatrix(Reader& reader, ExperimentId experiment) {
  OutcomeMatrix matrix;
  SPRINT_RETURN_IF_ERROR(LoadProblems(reader, experiment, matrix));
  SPRINT_RETURN_IF_ERROR(LoadArms(reader, experiment, matrix));
  if (matrix.arms.empty()) {
    return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
                 absl::StrCat("there is no experiment ", experiment.value(), " in this database"));
  }
  absl::flat_hash_map<ArmId, size_t> column;
  for (size_t arm = 0; arm < matrix.arms.size(); ++arm) column[matrix.arms[arm]] = arm;
  absl::flat_hash_map<std::string, size_t> line;
  for (size_t problem = 0; problem < matrix.problems.size(); ++problem)
    line[matrix.problems[problem]] = problem;

  const size_t size = matrix.problems.size() * matrix.arms.size();
  std::vector<float> judged(size, 0.0F);
  matrix.right.assign(size, 0.0F);
  int64_t rows = 0;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT problem, arm_id, correct FROM v_judged WHERE experiment_id = ? AND correct IS NOT NULL",
      {experiment.value()}, [&](const std::vector<std::string>&, const std::vector<SqlValue>& row) {
        const auto problem = line.find(TextOf(row[0]));
        const auto arm = column.find(ArmId(IntegerOf(row[1])));
        if (problem == line.end() || arm == column.end()) return true;
        const size_t cell = problem->second * matrix.arms.size() + arm->second;
        judged[cell] += 1.0F;
        matrix.right[cell] += static_cast<float>(IntegerOf(row[2]));
        ++rows;
        return true;
      }));
  if (rows == 0) {
    return absl::FailedPreconditionError(absl::StrCat("nothing of experiment ", experiment.value(),
                                                      " is judged yet; wait for its first outcomes"));
  }
  for (size_t cell = 0; cell < size; ++cell) {
    matrix.right[cell] =
        judged[cell] > 0 ? matrix.right[cell] / judged[cell] : std::numeric_limits<float>::quiet_NaN();
  }
  return matrix;
}

}  // namespace sprint
