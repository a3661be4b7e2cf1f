// A trained selector's choice for the questions of a launch: asks the program sprint-selector.
#ifndef SPRINT_CLI_BON_SELECTION_H_
#define SPRINT_CLI_BON_SELECTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/prepare.h"
#include "eval/choices.h"

namespace sprint {

struct SelectionRequest {
  std::string selector;  // its file
  std::string policy;    // empty: the program's default
  int32_t n = 8;
  bool allow_seen = false;
  bool skip_seen = false;  // no choice for a question that its training saw
};

// UNKNOWN with the program's own reason when it fails; NOT_FOUND where there is no such program.
absl::StatusOr<std::vector<Choice>> AskSelector(const SelectionRequest& request,
                                                const PreparedLaunch& launch);

}  // namespace sprint

#endif  // SPRINT_CLI_BON_SELECTION_H_
