#include "selector/sampled_outcomes.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/status.h"
#include "selector/snapshot_rows.h"
#include "selector/stored_answers.h"
#include "selector/vote_table.h"
#include "storage/records.h"

namespace sprint {
namespace {

Hash256 KeyOf(const std::vector<int32_t>& tokens) { return QuestionRecord{tokens, ""}.ContentHash(); }

absl::Status CheckRun(const SnapshotRun& run, const Snapshot& snapshot) {
  if (run.weights_hash == snapshot.weights_hash && run.dtype == snapshot.dtype) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("experiment ", run.experiment, " is of model ", run.model_name, " in ", run.dtype,
                   ", not of the snapshot's (", snapshot.model_name, " in ", snapshot.dtype, ")"));
}

// The baseline's samples, by the database's number of a question.
absl::StatusOr<AnsweringMethod> BaselineSamples(Reader& reader, ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(const StoredAnswers stored, ReadStoredAnswers(reader, id));
  AnsweringMethod samples{"samples", false, false, {}};
  if (!stored.baseline) return samples;
  const auto baseline = static_cast<int32_t>(*stored.baseline);
  for (const auto& [number, question] : stored.questions) {
    std::vector<MethodAnswer>& answers = samples.answers[number];
    std::vector<double> confidences;
    for (const auto& [cell, answer] : question.answers) {
      if (cell.first != baseline) continue;
      answers.push_back({{answer.answer_class, answer.right, 0}, answer.tokens});
      confidences.push_back(answer.confidence);
    }
    const std::vector<double> weights = VoteWeights(confidences);
    for (size_t i = 0; i < answers.size(); ++i) answers[i].answer.score = weights[i];
  }
  return samples;
}

// The database's number of each compared question.
absl::StatusOr<std::vector<int64_t>> MatchQuestions(SnapshotRows& rows, ExperimentId id,
                                                    const Snapshot& snapshot,
                                                    const AnsweringMethod& samples) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<SnapshotProblemRow> problems, rows.Problems(id));
  absl::flat_hash_map<Hash256, int64_t> numbers;
  for (const SnapshotProblemRow& row : problems) {
    int64_t number = 0;
    if (absl::SimpleAtoi(row.question_key, &number)) numbers[KeyOf(row.problem.tokens)] = number;
  }
  std::vector<int64_t> matched;
  int64_t missing = 0;
  for (const size_t problem : ComparedQuestions(snapshot)) {
    const auto found = numbers.find(KeyOf(snapshot.problems[problem].tokens));
    const auto answers = found == numbers.end() ? samples.answers.end() : samples.answers.find(found->second);
    if (answers == samples.answers.end() || answers->second.empty()) {
      ++missing;
    } else {
      matched.push_back(found->second);
    }
  }
  if (missing == 0) return matched;
  return absl::FailedPreconditionError(
      absl::StrCat(missing, " of the snapshot's ", ComparedQuestions(snapshot).size(),
                   " test questions have no samples of the unpruned model in experiment ", id.value(),
                   "; sprint bon --methods samples makes them"));
}

}  // namespace

absl::StatusOr<std::vector<MethodResult>> SampledResults(Reader& reader, const std::string& experiment,
                                                         const Snapshot& snapshot,
                                                         const ComparisonOptions& options) {
  SnapshotRows rows(reader);
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, rows.Find(experiment));
  SPRINT_ASSIGN_OR_RETURN(const SnapshotRun run, rows.RunOf(id));
  SPRINT_RETURN_IF_ERROR(CheckRun(run, snapshot));
  if (run.hash == snapshot.run_hash) {
    return absl::FailedPreconditionError(
        absl::StrCat("experiment ", run.experiment,
                     " is greedy, as the snapshot: it has no samples; sprint bon makes some"));
  }
  SPRINT_ASSIGN_OR_RETURN(const AnsweringMethod samples, BaselineSamples(reader, id));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<int64_t> questions, MatchQuestions(rows, id, snapshot, samples));
  MethodValues values(samples, questions);
  std::vector<MethodResult> results;
  for (const int32_t n : options.n) {
    if (n > values.most_n()) continue;
    for (const Aggregation aggregation : options.aggregations)
      results.push_back(values.AtN(n, aggregation).result);
  }
  return results;
}

}  // namespace sprint
