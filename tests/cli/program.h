// Runs the built programs as a user's shell would.
#ifndef SPRINT_TESTS_CLI_PROGRAM_H_
#define SPRINT_TESTS_CLI_PROGRAM_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace sprint::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + the signal when one ended it
  std::string out;
  std::string err;
};

// Runs `command` with `arguments` in the folder `where`, stdin empty, with `environment` over ours.
ProgramResult RunProgram(const std::string& command, const std::vector<std::string>& arguments,
                         const std::string& where = ".", const std::vector<std::string>& environment = {});
// The built `sprint`.
ProgramResult RunSprint(const std::vector<std::string>& arguments, const std::string& where = ".",
                        const std::vector<std::string>& environment = {});

// A process of its own in the background; killed at the end of the scope.
class Background {
 public:
  Background(const std::string& command, const std::vector<std::string>& arguments, const std::string& where,
             const std::string& out_file, const std::string& err_file);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Its exit code, as in ProgramResult.
  int Wait();

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
  int exit_code_ = -1;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_CLI_PROGRAM_H_
