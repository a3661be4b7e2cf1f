#include "cli/score_texts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/engine_mode.h"

namespace sprint {
namespace {

double RealOf(const SqlValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return static_cast<double>(IntegerOf(value));
}

// The part of `id` behind its last slash, which is taken off.
absl::string_view TakeLast(absl::string_view& id) {
  const size_t slash = id.rfind('/');
  if (slash == absl::string_view::npos) return "";
  const absl::string_view last = id.substr(slash + 1);
  id = id.substr(0, slash);
  return last;
}

// Every cell of the experiment has its outcome.
absl::Status CheckComplete(Reader& reader, ExperimentId id) {
  int64_t missing = 0;
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow("SELECT sum(cells) - sum(done) FROM experiment_arm WHERE experiment_id = ?1",
                        {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
                          missing = IntegerOf(row[0]);
                          return false;
                        }));
  if (missing == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("experiment ", id.value(), " has ", missing,
                                                    " scores still to come: sprint resume ", id.value()));
}

}  // namespace

absl::StatusOr<std::vector<AnswerToScore>> ReadAnswersToScore(Reader& reader, ExperimentId id) {
  std::vector<AnswerToScore> answers;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT o.problem, o.arm, o.sample, q.prompt, p.text, answer_text(a.text) FROM v_outcome o "
      "CROSS JOIN answer a ON a.answer_id = o.answer_id CROSS JOIN question q ON q.question_id = "
      "o.question_id "
      "CROSS JOIN problem p ON p.experiment_id = o.experiment_id AND p.question_id = o.question_id AND "
      "p.external_id = o.problem WHERE o.experiment_id = ?1",
      {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        answers.push_back({TextOf(row[0]), TextOf(row[1]), static_cast<int32_t>(IntegerOf(row[2])),
                           TextOf(row[3]), TextOf(row[4]), TextOf(row[5])});
        return true;
      }));
  return answers;
}

std::vector<std::string> StepsOf(absl::string_view text, const StepFormat& format) {
  std::vector<std::string> steps;
  std::string written;  // all steps so far, as they are put to the model
  size_t known = 0;     // how much of the text they have
  const auto add = [&](size_t end, size_t separator) {
    const absl::string_view step = text.substr(known, end - known);
    if (absl::StripAsciiWhitespace(step).empty()) {
      if (!format.token.empty()) known = end;  // dropped; without a token the next step has it
      return;
    }
    const absl::string_view body = step.substr(0, step.size() - separator);
    absl::StrAppend(&written, format.token.empty() ? step : body, format.token);
    steps.push_back(written);
    if (!format.token.empty() && format.keep_separator) absl::StrAppend(&written, format.separator);
    known = end;
  };
  const size_t length = format.separator.size();
  for (size_t at = length == 0 ? absl::string_view::npos : text.find(format.separator);
       at != absl::string_view::npos; at = text.find(format.separator, at + length))
    add(at + length, length);
  add(text.size(), 0);
  if (steps.empty()) steps.push_back(absl::StrCat(text, format.token));
  return steps;
}

std::string FillTemplate(absl::string_view text_template, const AnswerToScore& answer,
                         absl::string_view beginning) {
  std::string out;
  while (!text_template.empty()) {
    bool placed = false;
    for (const auto& [name, value] :
         {std::pair<absl::string_view, absl::string_view>{"{prompt}", answer.prompt},
          {"{question}", answer.question},
          {"{answer}", beginning}}) {
      if (text_template.substr(0, name.size()) != name) continue;
      absl::StrAppend(&out, value);
      text_template.remove_prefix(name.size());
      placed = true;
      break;
    }
    if (placed) continue;
    out.push_back(text_template[0]);
    text_template.remove_prefix(1);
  }
  return out;
}

std::string ScoreId(const AnswerToScore& answer, size_t step) {
  return absl::StrCat(answer.problem, "/", answer.arm, "/", answer.sample, "/", step);
}

std::optional<ScoredStep> ParseScoreId(absl::string_view id) {
  ScoredStep scored;
  if (!absl::SimpleAtoi(TakeLast(id), &scored.step)) return std::nullopt;
  if (!absl::SimpleAtoi(TakeLast(id), &scored.sample)) return std::nullopt;
  scored.arm = std::string(TakeLast(id));
  scored.problem = std::string(id);
  if (scored.arm.empty() || scored.problem.empty()) return std::nullopt;
  return scored;
}

absl::string_view StepReductionName(StepReduction reduction) {
  switch (reduction) {
    case StepReduction::kLast:
      return "last";
    case StepReduction::kMin:
      return "min";
    case StepReduction::kProduct:
      return "product";
  }
  return "unknown";
}

double Reduce(const std::vector<double>& steps, StepReduction reduction) {
  if (steps.empty()) return 0;
  if (reduction == StepReduction::kLast) return steps.back();
  if (reduction == StepReduction::kMin) return *std::min_element(steps.begin(), steps.end());
  double product = 1;
  for (const double step : steps) product *= step;
  return product;
}

absl::StatusOr<AnswerScores> ReadScores(Reader& reader, ExperimentId id, StepReduction reduction) {
  SPRINT_RETURN_IF_ERROR(CheckComplete(reader, id));
  std::map<std::tuple<std::string, std::string, int32_t>, std::map<int32_t, double>> steps;
  bool all_scores = true;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT o.problem, o.logprob_sum, r.engine_mode FROM v_outcome o CROSS JOIN run r ON r.run_id = "
      "o.run_id WHERE o.experiment_id = ?1",
      {id.value()}, [&](const auto&, const std::vector<SqlValue>& row) {
        const std::optional<ScoredStep> scored = ParseScoreId(TextOf(row[0]));
        all_scores = scored.has_value() && IsScoreMode(TextOf(row[2]));
        if (all_scores) steps[{scored->problem, scored->arm, scored->sample}][scored->step] = RealOf(row[1]);
        return all_scores;
      }));
  if (!all_scores || steps.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "experiment ", id.value(), " holds no scores of a reward model; sprint score makes them"));
  }
  AnswerScores scores;
  for (const auto& [answer, of_steps] : steps) {
    std::vector<double> in_order;
    for (const auto& [step, score] : of_steps) in_order.push_back(score);
    scores[answer] = Reduce(in_order, reduction);
  }
  return scores;
}

}  // namespace sprint
