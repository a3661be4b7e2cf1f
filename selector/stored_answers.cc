#include "selector/stored_answers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "selector/snapshot_rows.h"

namespace sprint {
namespace {

using Cell = std::pair<int32_t, int32_t>;  // (arm, sample)

AnsweredQuestion QuestionOf(const JudgedQuestion& judged) {
  AnsweredQuestion question;
  question.problem = judged.problem;
  AnswerClasses classes;
  for (const JudgedCell& cell : judged.cells) {
    StoredAnswer& answer = question.answers[{cell.arm, cell.sample}];
    answer.answer_class = cell.unanswered ? -1 : classes.Of(cell.answer);
    answer.right = cell.right;
    answer.tokens = cell.tokens;
    answer.confidence = cell.tokens > 0 ? cell.logprob_sum / cell.tokens : 0;
  }
  return question;
}

class Builder {
 public:
  Builder(const StoredAnswers& stored, VoteScore score) : stored_(stored), score_(score) {
    for (size_t i = 0; i < stored.arms.size(); ++i) arm_[stored.arms[i]] = static_cast<int32_t>(i);
    for (const auto& [number, question] : stored.questions) {
      number_[question.problem] = number;
      for (const auto& [cell, answer] : question.answers)
        negative_rewards_ = negative_rewards_ || answer.reward.value_or(0) < 0;
    }
  }

  void AddChoices(absl::Span<const Choice> choices) {
    std::map<std::string, size_t> index;
    for (const Choice& choice : choices) {
      for (const double score : choice.scores) {
        if (score < 0) logarithmic_.insert(choice.method);
      }
    }
    for (const Choice& choice : choices) {
      const auto [found, is_new] =
          index.try_emplace(choice.method.empty() ? "chosen" : choice.method, methods_.size());
      if (is_new) methods_.push_back({.name = found->first});
      AddChoice(choice, methods_[found->second]);
    }
    if (stored_.arms.size() > 1) AddAll("oracle", /*everything=*/true);
  }

  void AddGrid() {
    const bool several = stored_.arms.size() > 1;
    if (stored_.baseline) {
      AnsweringMethod& method = methods_.emplace_back();
      method.ordered = stored_.samples == 1;
      method.name = method.ordered ? "baseline" : "samples";
      const auto baseline = static_cast<int32_t>(*stored_.baseline);
      std::vector<Cell> cells;
      for (int32_t sample = 0; sample < stored_.samples; ++sample) cells.emplace_back(baseline, sample);
      for (const auto& [number, question] : stored_.questions) Put(method, number, Pick(question, cells, {}));
    }
    if (several && stored_.samples == 1) AddAll("random", /*everything=*/false);
    if (several) AddAll("oracle", /*everything=*/true);
  }

  std::vector<AnsweringMethod> Take() {
    for (AnsweringMethod& method : methods_) method.tokens_per_second = stored_.tokens_per_second;
    return std::move(methods_);
  }

 private:
  static void Put(AnsweringMethod& method, int64_t number, std::vector<MethodAnswer> answers) {
    if (!answers.empty()) method.answers[number] = std::move(answers);
  }

  void AddChoice(const Choice& choice, AnsweringMethod& method) {
    const auto number = number_.find(choice.id);
    if (number == number_.end()) return;  // its prompt is another problem's, too, or it has no right answer
    const int32_t samples = std::max(choice.samples, 1);
    if (choice.arms.size() == 1 && samples > 1) method.ordered = false;
    std::vector<Cell> cells;
    std::vector<double> scores;
    for (int32_t sample = 0; sample < samples; ++sample) {
      for (size_t i = 0; i < choice.arms.size(); ++i) {
        const auto arm = arm_.find(choice.arms[i].Name());
        if (arm == arm_.end()) return;
        cells.emplace_back(arm->second, sample);
        if (score_ == VoteScore::kChoice && !choice.scores.empty()) scores.push_back(choice.scores[i]);
      }
    }
    if (logarithmic_.contains(choice.method)) scores = VoteWeights(scores);
    Put(method, number->second, Pick(stored_.questions.at(number->second), cells, std::move(scores)));
  }

  // The answers of these cells, with `weights` (one a cell, or none: by what the score is of); none when one
  // of them, or its reward, is not there.
  std::vector<MethodAnswer> Pick(const AnsweredQuestion& question, const std::vector<Cell>& cells,
                                 std::vector<double> weights) const {
    std::vector<MethodAnswer> picked;
    std::vector<double> scores;
    for (const Cell& cell : cells) {
      const auto found = question.answers.find(cell);
      if (found == question.answers.end()) return {};
      const StoredAnswer& answer = found->second;
      if (score_ == VoteScore::kReward && !answer.reward) return {};
      picked.push_back({{answer.answer_class, answer.right, 0}, answer.tokens});
      scores.push_back(score_ == VoteScore::kReward ? *answer.reward : answer.confidence);
    }
    const bool as_they_are = score_ == VoteScore::kReward && !negative_rewards_;
    if (weights.empty()) weights = as_they_are ? scores : VoteWeights(scores);
    for (size_t i = 0; i < picked.size(); ++i) picked[i].answer.score = weights[i];
    return picked;
  }

  // Everything that was answered, or all but the baseline's, as answers that are alike.
  void AddAll(const char* name, bool everything) {
    AnsweringMethod method{.name = name, .ordered = false, .everything = everything};
    for (const auto& [number, question] : stored_.questions) {
      std::vector<Cell> cells;
      for (const auto& [cell, answer] : question.answers) {
        const bool baseline = stored_.baseline && cell.first == static_cast<int32_t>(*stored_.baseline);
        if (everything || !baseline) cells.push_back(cell);
      }
      Put(method, number, Pick(question, cells, {}));
    }
    methods_.push_back(std::move(method));
  }

  const StoredAnswers& stored_;
  const VoteScore score_;
  absl::flat_hash_map<std::string, int32_t> arm_;
  absl::flat_hash_map<std::string, int64_t> number_;  // of a problem's question
  std::set<std::string> logarithmic_;                 // methods whose scores are logarithms
  bool negative_rewards_ = false;                     // so rewards are logarithms
  std::vector<AnsweringMethod> methods_;
};

// The rate of the experiment's run; 0 where it has several.
absl::StatusOr<double> RateOf(Reader& reader, ExperimentId id) {
  std::vector<std::string> runs;
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow("SELECT DISTINCT lower(hex(r.hash)) FROM block b JOIN run r ON r.run_id = b.run_id "
                        "WHERE b.experiment_id = ?1",
                        {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
                          runs.push_back(TextOf(row[0]));
                          return true;
                        }));
  if (runs.size() != 1) return 0;
  return MeasuredRate(reader, runs.front());
}

}  // namespace

int32_t AnsweringMethod::most_n() const {
  size_t most = answers.empty() ? 0 : SIZE_MAX;
  for (const auto& [number, of_question] : answers) most = std::min(most, of_question.size());
  return static_cast<int32_t>(most);
}

absl::StatusOr<StoredAnswers> ReadStoredAnswers(Reader& reader, ExperimentId id) {
  StoredAnswers stored;
  bool known = false;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow("SELECT name, spec FROM experiment WHERE experiment_id = ?1",
                                           {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
                                             stored.experiment = TextOf(row[0]);
                                             stored.spec = TextOf(row[1]);
                                             known = true;
                                             return false;
                                           }));
  if (!known) {
    return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
                 absl::StrCat("there is no experiment ", id.value()));
  }
  SPRINT_ASSIGN_OR_RETURN(const JudgedExperiment judged,
                          reader.Judged(id, ReadAnswers::kYes, [&](const JudgedQuestion& question) {
                            stored.unanswered +=
                                question.selected - static_cast<int64_t>(question.cells.size());
                            stored.questions[question.question] = QuestionOf(question);
                            return true;
                          }));
  stored.arms = judged.arms;
  stored.baseline = judged.baseline;
  stored.samples = judged.samples;
  SPRINT_ASSIGN_OR_RETURN(stored.tokens_per_second, RateOf(reader, id));
  return stored;
}

std::vector<AnsweringMethod> MethodsOf(const StoredAnswers& stored, absl::Span<const Choice> choices,
                                       VoteScore score) {
  Builder builder(stored, score);
  choices.empty() ? builder.AddGrid() : builder.AddChoices(choices);
  return builder.Take();
}

}  // namespace sprint
