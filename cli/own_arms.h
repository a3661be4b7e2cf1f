// Each question's own arms, from the spec to what is submitted.
#ifndef SPRINT_CLI_OWN_ARMS_H_
#define SPRINT_CLI_OWN_ARMS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/prepare.h"
#include "eval/choices.h"
#include "sprint/v1/control.pb.h"
#include "sprint/v1/experiment.pb.h"

namespace sprint {

bool HasOwnArms(const v1::Arms& arms);

// What the spec's file, or its list, chooses. Errors are ReadChoices'; those of the list name
// "arms.choices[3]".
absl::StatusOr<std::vector<Choice>> ChoicesOf(const v1::Arms& arms);
// The list that says the same; what the spec names a file for is replaced by it.
void WriteChoices(const std::vector<Choice>& choices, v1::Arms& arms);

// Fills in choices, arms and blocks. REQUIRES: model, problems, question_of are there. Errors are
// ChoicesOf's, MatchChoices' and, with greedy decoding, several samples of an arm.
absl::Status UseOwnArms(PreparedLaunch& launch);
// The same for a spec whose questions all get all `launch.arms`.
void UseGrid(PreparedLaunch& launch);

// Writes each problem's own arms; `questions` are one a problem. Nothing without choices.
void AddOwnArms(const PreparedLaunch& launch, std::vector<v1::Question>& questions);

}  // namespace sprint

#endif  // SPRINT_CLI_OWN_ARMS_H_
