// What a reward model is asked about stored answers: whole answers, or each step of them.
#ifndef SPRINT_CLI_SCORE_TEXTS_H_
#define SPRINT_CLI_SCORE_TEXTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "storage/reader.h"

namespace sprint {

// A stored answer of an experiment.
struct AnswerToScore {
  std::string problem;  // the dataset's id
  std::string arm;
  int32_t sample = 0;
  std::string prompt;    // as the answering model was asked
  std::string question;  // as the dataset has it
  std::string text;      // the answer
};
absl::StatusOr<std::vector<AnswerToScore>> ReadAnswersToScore(Reader& reader, ExperimentId id);

// How an answer is put to a model that scores steps.
struct StepFormat {
  std::string separator = {};  // a step ends behind it; empty: the answer is one step
  // What is put behind each step, where the model reads its score there ("<extra_0>"); empty: nothing.
  std::string token = {};
  // The token stands before the separator ("Step 1: … ки\nStep 2: …"), else in its place.
  bool keep_separator = false;
};
// The beginnings of `text` that end with a step, the last being all of it, each with the token behind every
// step. What is only spaces is no step.
std::vector<std::string> StepsOf(absl::string_view text, const StepFormat& format);

// `answer` put into a template that may name {prompt}, {question} and {answer}, in one pass: braces in what
// is put in stay.
std::string FillTemplate(absl::string_view text_template, const AnswerToScore& answer,
                         absl::string_view beginning);

// The id of a step among the problems of a score experiment, and back; nullopt for what is none.
//   "heldout-3/L3H5/0/2": step 2 of sample 0 under L3H5
std::string ScoreId(const AnswerToScore& answer, size_t step);
struct ScoredStep {
  std::string problem;
  std::string arm;
  int32_t sample = 0;
  int32_t step = 0;
};
std::optional<ScoredStep> ParseScoreId(absl::string_view id);

// How the scores of an answer's steps become the answer's.
enum class StepReduction { kLast, kMin, kProduct };
absl::string_view StepReductionName(StepReduction reduction);  // "last", "min", "product"
double Reduce(const std::vector<double>& steps, StepReduction reduction);

// The answers' scores of a score experiment, by (problem, arm, sample).
using AnswerScores = std::map<std::tuple<std::string, std::string, int32_t>, double>;
// FAILED_PRECONDITION: it is no score experiment, or its cells are not all there.
absl::StatusOr<AnswerScores> ReadScores(Reader& reader, ExperimentId id, StepReduction reduction);

}  // namespace sprint

#endif  // SPRINT_CLI_SCORE_TEXTS_H_
