// What each method of Best-of-N chooses for the questions of a data set, as choices to be run. Nothing here
// knows an answer to these questions.
#ifndef SPRINT_CLI_BON_METHODS_H_
#define SPRINT_CLI_BON_METHODS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/prepare.h"
#include "eval/choices.h"
#include "selector/snapshot.h"

namespace sprint {

// The letters of METHOD's comparison; by their names on the command line.
enum class BonMethod {
  kBaseline,         // "baseline": one greedy answer of the unpruned model
  kSelector,         // (a) "selector": the chosen arms, greedy
  kSamples,          // (b) "samples": N samples of the unpruned model
  kRandom,           // (c) "random": N different arms, all sets as likely
  kAverage,          // (d) "average": the N arms with most right answers in training
  kBestArms,         // (e) "best-arms": N different arms, drawn from the training distribution of best arms
  kSelectorSampled,  // (g) "selector-sampled": the chosen arms, a sample each
  kSetCover,         // (h) "set-cover": greedy set cover of the training questions
};
absl::string_view BonMethodName(BonMethod method);
// INVALID_ARGUMENT naming the known ones.
absl::StatusOr<BonMethod> ParseBonMethod(absl::string_view name);
bool NeedsSelection(BonMethod method);  // reads `selected`
bool NeedsTraining(BonMethod method);   // reads `training`
// Draws its answers: it runs in the experiment with a temperature.
bool IsSampled(BonMethod method);

struct BonInputs {
  const PreparedLaunch* launch = nullptr;  // the questions; its arms are those that random draws from
  std::vector<Choice> selected;            // a line a question, or several by method; for NeedsSelection
  const Snapshot* training = nullptr;      // for NeedsTraining
  int32_t n = 8;
  uint64_t seed = 0;
  bool with_baseline = false;  // random, average, best-arms and set-cover may take the baseline
};

// One choice a problem (of a selection: as many as it has, the first n arms of each), with the method's name.
// What is drawn depends on the seed and the prompt alone. INVALID_ARGUMENT: fewer arms than n to draw from,
// an arm of the training that does not read.
absl::StatusOr<std::vector<Choice>> ChooseFor(BonMethod method, const BonInputs& inputs);

// By problem of the launch: whether it, by its prompt, is a training (or validation) question of the
// snapshot.
std::vector<bool> SeenInTraining(const Snapshot& training, const PreparedLaunch& launch);

// FAILED_PRECONDITION when a training (or validation) question of the snapshot is among the launch's, by its
// prompt: what was learned from a question is not tested on it. Says how many.
absl::Status CheckUnseen(const Snapshot& training, const PreparedLaunch& launch);

}  // namespace sprint

#endif  // SPRINT_CLI_BON_METHODS_H_
