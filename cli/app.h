// A command tree, and how a command line becomes an exit code: `sprint`'s own, and those of programs that
// it runs in its name.
//
// Exit codes: 0, done; 1, it was understood and failed (one line on stderr says why); 2, the command
// line itself is wrong.
#ifndef SPRINT_CLI_APP_H_
#define SPRINT_CLI_APP_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/terminal.h"

namespace sprint {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Runs a command that was parsed; its exit code, or the error that becomes kExitFailed. An
// INVALID_ARGUMENT made by UsageError becomes kExitUsage.
using Action = std::function<absl::StatusOr<int>(const Terminal&)>;

// For what only shows when values are looked at together. The message names the option.
absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

// The tree of commands. Not copyable; lives as long as the process needs it.
class App {
 public:
  // `name` is what people type: "sprint", "sprint selector". It stands before errors.
  explicit App(
      const std::string& description = "Head-pruning sweeps and Best-of-N experiments over many workers.",
      const std::string& name = "sprint");
  CLI::App& root() { return root_; }
  const CLI::App& root() const { return root_; }

  // A command under `parent`. `examples` are lines for its --help: a command, two spaces and more, what
  // it does. `action` runs when it is the command that was given; a command without one needs a
  // subcommand.
  CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& description,
                const std::vector<std::string>& examples, Action action = nullptr);

  // Parses and runs. Writes errors as "NAME: …" to stderr.
  int Run(const std::vector<std::string>& arguments);

 private:
  absl::StatusOr<int> RunSelected(const Terminal& terminal);
  int Fail(const Terminal& terminal, absl::string_view message, int code) const;
  // One line for a CLI11 error, with the nearest command where one was mistyped.
  std::string Explain(const CLI::ParseError& error, const std::vector<std::string>& arguments) const;

  CLI::App root_;
  std::string color_ = "auto";
  std::map<const CLI::App*, Action> actions_;
};

// An option that takes one of `choices`; completion scripts offer them.
CLI::Option* AddChoice(CLI::App* command, const std::string& flags, std::string& value,
                       const std::vector<std::string>& choices, const std::string& description);

}  // namespace sprint

#endif  // SPRINT_CLI_APP_H_
