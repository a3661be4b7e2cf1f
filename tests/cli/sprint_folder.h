// A fixture that runs `sprint` in a folder of its own, with the coordinators that it starts there.
#ifndef SPRINT_TESTS_CLI_SPRINT_FOLDER_H_
#define SPRINT_TESTS_CLI_SPRINT_FOLDER_H_

#include <signal.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "storage/endpoint.h"
#include "tests/cli/program.h"
#include "tests/testing/testing.h"

namespace sprint::testing {

class SprintFolder : public ::testing::Test {
 protected:
  // A coordinator that a failed test left behind ends with its folder.
  ~SprintFolder() override {
    const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(folder_.File("sprint.db"));
    if (endpoint.ok()) kill(static_cast<pid_t>(endpoint->pid), SIGKILL);
  }
  ProgramResult Sprint(const std::vector<std::string>& arguments) {
    return RunSprint(arguments, folder_.path());
  }
  nlohmann::json SprintJson(std::vector<std::string> arguments, int exit_code = 0) {
    arguments.emplace_back("--json");
    const ProgramResult result = Sprint(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  const TempDir folder_;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_CLI_SPRINT_FOLDER_H_
