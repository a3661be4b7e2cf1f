#include "cli/commands.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "cli/siblings.h"

namespace sprint {
namespace {

// The program's command that the arguments name, or nothing when the command is one of this program's own.
// `dataset freeze` makes a data set of outcomes, which is the selector's business.
std::vector<std::string> ProgramCommand(const std::vector<std::string>& arguments) {
  if (arguments.size() >= 2 && arguments[0] == "dataset" && arguments[1] == "freeze") {
    std::vector<std::string> command = {"selector"};
    command.insert(command.end(), arguments.begin() + 1, arguments.end());
    return command;
  }
  return !arguments.empty() && IsSiblingCommand(arguments.front()) ? arguments : std::vector<std::string>();
}

// Becomes the program behind a command that has one. Returns only when that failed.
absl::Status RunProgram(const std::string& command, std::vector<std::string> arguments) {
  if (command != "compare" && command != "select") return ExecSibling(command, arguments);
  arguments.insert(arguments.begin(), command);
  return ExecSibling("selector", arguments);
}

}  // namespace

void AddPrograms(App& app) {
  const auto add = [&app](const std::string& name, const std::string& description,
                          const std::string& example) {
    CLI::App* command =
        app.Add(app.root(), name, description, {example},
                [name](const Terminal&) -> absl::StatusOr<int> { return RunProgram(name, {}); });
    command->group("Programs");
  };
  add("coordinator", "Run a coordinator (sprint-coordinator)", "sprint coordinator --help");
  add("worker", "Run a worker (sprint-worker)", "sprint worker --help");
  add("selector", "Freeze outcomes, train and look at selectors (sprint-selector)", "sprint selector --help");
  add("compare", "Selectors against every fair way to spend N answers (sprint-selector compare)",
      "sprint compare demo.snapshot.json demo-*.selector");
  add("select", "The arms that a selector would run for a question (sprint-selector select)",
      "sprint select demo-1.selector \"Ben has 11 books and 24 plums …\"");
}

void AddAllCommands(App& app) {
  AddLaunch(app);
  AddBon(app);
  AddResume(app);
  AddStatusCommands(app);
  AddControlCommands(app);
  AddStats(app);
  AddVotes(app);
  AddScore(app);
  AddEmbed(app);
  AddPlan(app);
  AddQuery(app);
  AddExport(app);
  AddDb(app);
  AddModel(app);
  AddTry(app);
  AddJudge(app);
  AddExplain(app);
  AddRegrade(app);
  AddDataset(app);
  AddPrograms(app);
  AddCompletion(app);
}

int RunCli(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  try {
    if (const std::vector<std::string> command = ProgramCommand(arguments); !command.empty()) {
      const absl::Status failed = RunProgram(command.front(), {command.begin() + 1, command.end()});
      OpenTerminal(ColorMode::kAuto).err.Write(absl::StrCat("sprint: ", failed.message(), "\n"));
      return kExitFailed;
    }
    App app;
    AddAllCommands(app);
    return app.Run(arguments);
  } catch (const std::exception& error) {
    OpenTerminal(ColorMode::kAuto).err.Write(absl::StrCat("sprint: unexpected: ", error.what(), "\n"));
    return kExitFailed;
  }
}

}  // namespace sprint
