// The programs that `sprint` runs, git-style: sprint-coordinator, sprint-worker, sprint-selector, sprint-try.
#ifndef SPRINT_CLI_SIBLINGS_H_
#define SPRINT_CLI_SIBLINGS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sprint {

// Commands that are programs of their own: "worker", "coordinator" and "selector" become `sprint-NAME …`,
// "compare" and "select" `sprint-selector NAME …`.
bool IsSiblingCommand(const std::string& name);

// Where `sprint-NAME` is: in $SPRINT_EXEC_PATH, beside this program, or in $PATH, in that order.
// NOT_FOUND says where it was looked for.
absl::StatusOr<std::string> FindSibling(const std::string& name);

// Replaces this process by `sprint-NAME arguments…`. Returns only when that failed.
absl::Status ExecSibling(const std::string& name, const std::vector<std::string>& arguments);

// Starts `program` in a session of its own, so that no signal of this terminal reaches it, with
// stdin from /dev/null and both outputs appended to `log`. Its process id.
absl::StatusOr<pid_t> StartDetached(const std::string& program, const std::vector<std::string>& arguments,
                                    const std::string& log);

struct SiblingOutput {
  std::string out;
  std::string err;
  int exit_code = 0;  // 128 + the signal when one ended it
};
// Runs `program` to its end with stdin from /dev/null and collects what it writes.
absl::StatusOr<SiblingOutput> RunSibling(const std::string& program,
                                         const std::vector<std::string>& arguments);

}  // namespace sprint

#endif  // SPRINT_CLI_SIBLINGS_H_
