#include "cli/commands.h"

#include "cli/siblings.h"

namespace sprint {

void AddPrograms(App& app) {
  const auto add = [&app](const std::string& name, const std::string& description,
                          const std::string& example) {
    CLI::App* command =
        app.Add(app.root(), name, description, {example},
                [name](const Terminal&) -> absl::StatusOr<int> { return ExecSibling(name, {}); });
    command->group("Programs");
  };
  add("coordinator", "Run a coordinator (sprint-coordinator)", "sprint coordinator --help");
  add("worker", "Run a worker (sprint-worker)", "sprint worker --help");
}

void AddAllCommands(App& app) {
  AddLaunch(app);
  AddResume(app);
  AddStatusCommands(app);
  AddControlCommands(app);
  AddStats(app);
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

}  // namespace sprint
