#include "selector/sampled_outcomes.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/status.h"
#include "selector/snapshot_rows.h"
#include "storage/records.h"

namespace sprint {
namespace {

Hash256 KeyOf(const std::vector<int32_t>& tokens) { return QuestionRecord{tokens, ""}.ContentHash(); }

absl::Status CheckRun(const SnapshotRun& run, const Snapshot& snapshot) {
  if (run.weights_hash != snapshot.weights_hash || run.dtype != snapshot.dtype) {
    return absl::FailedPreconditionError(
        absl::StrCat("experiment ", run.experiment, " is of model ", run.model_name, " in ", run.dtype,
                     ", not of the snapshot's (", snapshot.model_name, " in ", snapshot.dtype, ")"));
  }
  if (run.hash != snapshot.run_hash) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("experiment ", run.experiment,
                   " is greedy, as the snapshot: it has no samples; sprint bon makes some"));
}

// The database's number of each question that the experiment asks.
absl::StatusOr<absl::flat_hash_map<Hash256, int64_t>> NumbersOf(SnapshotRows& rows, ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<SnapshotProblemRow> problems, rows.Problems(id));
  absl::flat_hash_map<Hash256, int64_t> numbers;
  for (const SnapshotProblemRow& row : problems) {
    int64_t number = 0;
    if (absl::SimpleAtoi(row.question_key, &number)) numbers[KeyOf(row.problem.tokens)] = number;
  }
  return numbers;
}

// [experiment's arm]: its number in the snapshot; -1 where it is not there.
std::vector<int32_t> ArmsIn(const Snapshot& snapshot, const std::vector<std::string>& names) {
  std::vector<int32_t> arms;
  for (const std::string& name : names) {
    const auto found = std::find(snapshot.arms.begin(), snapshot.arms.end(), name);
    arms.push_back(found == snapshot.arms.end() ? -1 : static_cast<int32_t>(found - snapshot.arms.begin()));
  }
  return arms;
}

// Adds what sample `sample` of each of these arms is worth, and costs; false where an arm lacks it.
bool AddSample(const std::map<std::pair<int32_t, int32_t>, StoredAnswer>& known,
               absl::Span<const int32_t> arms, absl::Span<const double> weights, int32_t sample,
               Aggregation aggregation, double& value, double& tokens) {
  if (arms.empty()) return false;
  std::vector<SampledAnswer> answers;
  double cost = 0;
  for (size_t i = 0; i < arms.size(); ++i) {
    const auto found = known.find({arms[i], sample});
    if (found == known.end()) return false;
    answers.push_back({found->second.answer_class, found->second.right, weights.empty() ? 1 : weights[i]});
    cost += found->second.tokens;
  }
  value += Aggregate(answers, aggregation);
  tokens += cost;
  return true;
}

}  // namespace

absl::StatusOr<SampledOutcomes> ReadSampledOutcomes(Reader& reader, const std::string& experiment,
                                                    const Snapshot& snapshot,
                                                    absl::Span<const size_t> questions) {
  SnapshotRows rows(reader);
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, rows.Find(experiment));
  SPRINT_ASSIGN_OR_RETURN(const SnapshotRun run, rows.RunOf(id));
  SPRINT_RETURN_IF_ERROR(CheckRun(run, snapshot));
  SPRINT_ASSIGN_OR_RETURN(const StoredAnswers stored, ReadStoredAnswers(reader, id));
  SPRINT_ASSIGN_OR_RETURN(const auto numbers, NumbersOf(rows, id));
  const std::vector<int32_t> arms = ArmsIn(snapshot, stored.arms);
  SampledOutcomes outcomes{run.experiment, stored.tokens_per_second, {}};
  outcomes.answers.resize(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto number = numbers.find(KeyOf(snapshot.problems[questions[i]].tokens));
    const auto question =
        number == numbers.end() ? stored.questions.end() : stored.questions.find(number->second);
    if (question == stored.questions.end()) continue;
    for (const auto& [cell, answer] : question->second.answers) {
      const int32_t arm = arms[static_cast<size_t>(cell.first)];
      if (arm >= 0) outcomes.answers[i][{arm, cell.second}] = answer;
    }
  }
  return outcomes;
}

AnsweringMethod BaselineSamples(const SampledOutcomes& outcomes) {
  AnsweringMethod samples{.name = "samples", .ordered = false};
  samples.tokens_per_second = outcomes.tokens_per_second;
  for (size_t i = 0; i < outcomes.answers.size(); ++i) {
    std::vector<MethodAnswer> answers;
    std::vector<double> confidences;
    for (const auto& [cell, answer] : outcomes.answers[i]) {
      if (cell.first != 0) continue;
      answers.push_back({{answer.answer_class, answer.right, 0}, answer.tokens});
      confidences.push_back(answer.confidence);
    }
    const std::vector<double> weights = VoteWeights(confidences);
    for (size_t k = 0; k < answers.size(); ++k) answers[k].answer.score = weights[k];
    if (!answers.empty()) samples.answers[static_cast<int64_t>(i)] = std::move(answers);
  }
  return samples;
}

absl::StatusOr<MethodResult> SelectedSamples(const SampledOutcomes& outcomes, const SelectorChoices& selector,
                                             int32_t n, Aggregation aggregation) {
  MethodResult result;
  result.method = absl::StrCat(selector.name, ", sampled");
  result.n = n;
  result.aggregation = aggregation;
  const size_t questions = outcomes.answers.size();
  result.of_question.assign(questions, 0);
  const auto seeds = static_cast<double>(selector.of.size());
  int64_t lacking = 0;
  for (const std::vector<ChosenArms>& of_seed : selector.of) {
    double sum = 0;
    for (size_t i = 0; i < questions; ++i) {
      const size_t count = std::min(of_seed[i].arms.size(), static_cast<size_t>(n));
      const auto arms = absl::MakeConstSpan(of_seed[i].arms).first(count);
      const auto weights = absl::MakeConstSpan(of_seed[i].weights);
      double value = 0;
      double tokens = 0;
      int32_t samples = 0;
      while (AddSample(outcomes.answers[i], arms, weights, samples, aggregation, value, tokens)) ++samples;
      lacking += samples == 0 ? 1 : 0;
      if (samples == 0) continue;
      result.of_question[i] += value / samples / seeds;
      result.mean_tokens += tokens / samples / seeds / static_cast<double>(questions);
      sum += value / samples;
    }
    result.of_repetition.push_back(sum / static_cast<double>(questions));
  }
  if (lacking > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        lacking, " choices of ", selector.name, " for ", questions, " questions have arms that experiment ",
        outcomes.experiment, " has no sample of; sprint launch with a temperature and all arms makes them"));
  }
  if (outcomes.tokens_per_second > 0) result.mean_seconds = result.mean_tokens / outcomes.tokens_per_second;
  return result;
}

}  // namespace sprint
