// The answers that stored experiments gave, as methods of Best-of-N.
//
// A method has some answers to each question. One that chose arms has them in its order: N answers are the
// first N. One that drew samples has M that are alike: N answers are any N of them, and what they are worth
// is the mean over all choices (eval/aggregation.h). Nothing is computed here but votes.
#ifndef SPRINT_SELECTOR_STORED_ANSWERS_H_
#define SPRINT_SELECTOR_STORED_ANSWERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/ids.h"
#include "eval/aggregation.h"
#include "eval/choices.h"
#include "storage/reader.h"

namespace sprint {

struct StoredAnswer {
  int32_t answer_class = -1;  // among the question's answers in this experiment; -1: nothing extracted
  bool right = false;
  int32_t tokens = 0;            // generated
  double confidence = 0;         // the mean log-probability of a token
  std::optional<double> reward;  // a reward model's score, where one was asked
};

// Judged answers to one question, by (arm, sample).
struct AnsweredQuestion {
  std::string problem;  // the dataset's id
  std::map<std::pair<int32_t, int32_t>, StoredAnswer> answers;
};

struct StoredAnswers {
  std::string experiment;  // its name
  std::string spec;        // as stored: YAML
  std::vector<std::string> arms;
  std::optional<size_t> baseline;
  int64_t samples = 1;                            // at most, of an arm on a question
  int64_t unanswered = 0;                         // cells still to come, or given up
  double tokens_per_second = 0;                   // of one worker while it worked; 0: not known
  std::map<int64_t, AnsweredQuestion> questions;  // by the database's number: equal prompts, one number
};

// NOT_FOUND (kExperimentUnknown). Reads every judged answer: about two microseconds each.
absl::StatusOr<StoredAnswers> ReadStoredAnswers(Reader& reader, ExperimentId id);

struct MethodAnswer {
  SampledAnswer answer;  // its score is a weight
  int32_t tokens = 0;
};

struct AnsweringMethod {
  std::string name;
  bool ordered = true;           // else its answers are alike
  bool everything = false;       // an oracle: all that was run, whatever N is; coverage is all it says
  double tokens_per_second = 0;  // of its experiment
  std::map<int64_t, std::vector<MethodAnswer>> answers = {};  // by question; incomplete ones are left out
  // The least number of answers that a question has; 0 without questions.
  int32_t most_n() const;
};

// What weighs a vote, and picks the best.
enum class VoteScore {
  kChoice,      // the scores of the choices, as eval/choices.h has it; of methods without any, kConfidence
  kConfidence,  // the mean log-probability of a token
  kReward,      // the answers' rewards: as they are, or as logarithms where one is negative
};

// The methods of an experiment. With `choices` (those of its spec): each method that chose, by its name
// ("chosen" where it has none), in the order of its arms, sample after sample; one that chose one arm with
// several samples has answers that are alike; and "oracle", all that was run for a question, where there is
// more than one arm. With kReward, a question with an answer that has none is incomplete. Without: "samples"
// of the baseline, where it has several; else "baseline", "random" (its pruned arms, which are alike) and
// "oracle".
std::vector<AnsweringMethod> MethodsOf(const StoredAnswers& stored, absl::Span<const Choice> choices,
                                       VoteScore score);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_STORED_ANSWERS_H_
