// Commands of programs that sprint runs, for its completion scripts.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "cli/completion.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

using Path = std::vector<std::string>;

Json OptionJson(const CompletionOption& option) {
  return {{"flags", option.flags},
          {"description", option.description},
          {"takes_value", option.takes_value},
          {"takes_path", option.takes_path},
          {"choices", option.choices}};
}

// The command at `path`, new where there is none.
CompletionCommand& At(const Path& path, std::vector<CompletionCommand>& commands) {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&path](const CompletionCommand& command) { return command.path == path; });
  if (found != commands.end()) return *found;
  commands.push_back({path, "", {}, {}});
  return commands.back();
}

}  // namespace

std::string CommandsToJson(const std::vector<CompletionCommand>& commands) {
  Json json = Json::array();
  for (const CompletionCommand& command : commands) {
    Json options = Json::array();
    for (const CompletionOption& option : command.options) options.push_back(OptionJson(option));
    json.push_back({{"path", command.path},
                    {"description", command.description},
                    {"options", options},
                    {"subcommands", command.subcommands}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::vector<CompletionCommand>> CommandsFromJson(absl::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  std::vector<CompletionCommand> commands;
  if (!json.is_array()) return absl::InvalidArgumentError("no list of commands");
  try {
    for (const Json& row : json) {
      CompletionCommand& command = commands.emplace_back();
      command.path = row.at("path").get<Path>();
      command.description = row.at("description").get<std::string>();
      command.subcommands = row.at("subcommands").get<std::vector<std::pair<std::string, std::string>>>();
      for (const Json& option : row.at("options")) {
        command.options.push_back({option.at("flags").get<std::vector<std::string>>(),
                                   option.at("description").get<std::string>(),
                                   option.at("takes_value").get<bool>(), option.at("takes_path").get<bool>(),
                                   option.at("choices").get<std::vector<std::string>>()});
      }
    }
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (commands.empty()) return absl::InvalidArgumentError("no list of commands");
  return commands;
}

void AddDescribeCommands(App& app) {
  app.Add(app.root(), "describe-commands", "Its commands and options, as JSON, for completion", {},
          [&app](const Terminal& terminal) -> absl::StatusOr<int> {
            terminal.out.Write(CommandsToJson(DescribeCommands(app.root())));
            return kExitDone;
          })
      ->group("");
}

void AddSelectorCommands(const std::vector<CompletionCommand>& selector,
                         std::vector<CompletionCommand>& commands) {
  const auto put = [&commands](const CompletionCommand& command, Path path) {
    CompletionCommand& at = At(path, commands);
    at = command;
    at.path = std::move(path);
  };
  for (const CompletionCommand& command : selector) {
    Path below = {"selector"};
    below.insert(below.end(), command.path.begin(), command.path.end());
    put(command, below);
    if (command.path == Path{"compare"} || command.path == Path{"select"}) put(command, command.path);
    if (command.path != Path{"freeze"}) continue;
    put(command, {"dataset", "freeze"});
    At({"dataset"}, commands).subcommands.emplace_back("freeze", command.description);
  }
}

}  // namespace sprint
