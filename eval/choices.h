// Which arms each question gets: what a policy chose, whatever it is and in whatever language it is
// written. A file of JSON lines,
//
//   {"id": "heldout-3", "arms": ["L3H5", "baseline"], "scores": [1.7, 0.2]}
//   {"id": "heldout-3", "arms": ["L0H2", "L1H4"], "method": "random", "samples": 1}
//
// says for each question of a dataset its arms, the best first. Several methods may choose for one
// question, each on a line of its own; what they share runs once. The baseline runs where it is chosen.
// Scores weigh votes: as they are (probabilities, say), or as logarithms where a method has negative ones.
#ifndef SPRINT_EVAL_CHOICES_H_
#define SPRINT_EVAL_CHOICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "eval/dataset.h"
#include "model/arm.h"

namespace sprint {

struct Choice {
  std::string id;              // the question's, in the dataset
  std::vector<Arm> arms;       // the best first; distinct, at least one
  std::vector<double> scores;  // one an arm, larger is better; or none
  std::string method;          // who chose; may be empty
  int32_t samples = 0;         // answers under each arm; 0: as many as the experiment says
  std::string where;           // "choices.jsonl:3", for messages
};

// Other fields of a line are passed over; empty lines too. INVALID_ARGUMENT as "FILE:LINE: …": not a JSON
// object, no id, no list of arms, an arm that does not read (kArmInvalid), an arm twice, scores that are
// not one finite number an arm, samples below 1. NOT_FOUND: no such file.
absl::StatusOr<std::vector<Choice>> ReadChoices(const std::string& path);
absl::StatusOr<std::vector<Choice>> ParseChoices(absl::string_view text, const std::string& file_name);

// What must hold for one choice, wherever it comes from: as above, beginning with `choice.where`.
absl::Status CheckChoice(const Choice& choice);

// The choices that lie within `problems`, in their order. `known`: every problem of the dataset, of which
// `problems` may be a part; what is chosen for the rest of them is passed over. INVALID_ARGUMENT beginning
// with the choice's place: an id that `known` lacks (kDatasetInvalid), a head that a model of `layers` x
// `heads` lacks (kArmInvalid), a question chosen for twice by one method (naming both places), a problem
// that a method chooses nothing for (naming how many more there are).
absl::StatusOr<std::vector<Choice>> MatchChoices(std::vector<Choice> choices,
                                                 absl::Span<const Problem> problems,
                                                 absl::Span<const Problem> known, int32_t layers,
                                                 int32_t heads);

// One line, as ParseChoices reads it, with its end of line.
std::string ChoiceLine(const Choice& choice);

}  // namespace sprint

#endif  // SPRINT_EVAL_CHOICES_H_
