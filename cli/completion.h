// Completion scripts for bash, zsh and fish, made from the tree of commands, so that they know every
// command and option there is.
#ifndef SPRINT_CLI_COMPLETION_H_
#define SPRINT_CLI_COMPLETION_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/app.h"

namespace sprint {

// What a script needs of an option.
struct CompletionOption {
  std::vector<std::string> flags;  // "--json", "-h"; empty: a positional
  std::string description;
  bool takes_value = false;
  bool takes_path = false;           // a file or folder
  std::vector<std::string> choices;  // empty: anything
};

struct CompletionCommand {
  std::vector<std::string> path;  // below `sprint`; empty: the root
  std::string description;
  std::vector<CompletionOption> options;
  std::vector<std::pair<std::string, std::string>> subcommands;  // name, description
};

// Every command with a name, the root first. What help does not show is left out.
std::vector<CompletionCommand> DescribeCommands(const CLI::App& root);

// For a program whose commands another completes, as sprint does sprint-selector's: they as JSON, and back.
// INVALID_ARGUMENT for what CommandsToJson did not write.
std::string CommandsToJson(const std::vector<CompletionCommand>& commands);
absl::StatusOr<std::vector<CompletionCommand>> CommandsFromJson(absl::string_view json);

// Adds the hidden command that prints them: `describe-commands`.
void AddDescribeCommands(App& app);

// Puts the commands of sprint-selector where sprint has them: its own under "selector", "compare" and
// "select" at the top, too, and "freeze" under "dataset".
void AddSelectorCommands(const std::vector<CompletionCommand>& selector,
                         std::vector<CompletionCommand>& commands);

std::string BashCompletion(const std::vector<CompletionCommand>& commands);
std::string ZshCompletion(const std::vector<CompletionCommand>& commands);
std::string FishCompletion(const std::vector<CompletionCommand>& commands);

}  // namespace sprint

#endif  // SPRINT_CLI_COMPLETION_H_
