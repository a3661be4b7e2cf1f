// Real processes for end-to-end tests: started, killed, waited for.
#ifndef SPRINT_TESTS_TESTING_PROCESSES_H_
#define SPRINT_TESTS_TESTING_PROCESSES_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sprint::testing {

// A child. It is killed and waited for at the end of the scope, and dies with the test.
class Process {
 public:
  // `words[0]` is the program's path. Its output goes to `output`, appended; its environment is ours
  // and `environment`.
  static absl::StatusOr<Process> Start(std::vector<std::string> words, const std::string& output,
                                       const std::map<std::string, std::string>& environment = {});
  Process() = default;
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int signal) const;
  // kill -9, and waits for it to be gone.
  void Kill();
  // The exit code, 128 + signal for one that was killed; DEADLINE_EXCEEDED when it goes on.
  absl::StatusOr<int> Wait(absl::Duration patience);

 private:
  pid_t pid_ = 0;
  int exit_code_ = -1;
};

// The pids whose parent is `parent`.
std::vector<pid_t> ChildrenOf(pid_t parent);

// Asks `condition` again and again until it holds; false after `patience`.
bool Eventually(absl::Duration patience, const std::function<bool()>& condition);

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_PROCESSES_H_
