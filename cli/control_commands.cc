#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/render/text.h"
#include "cli/status_view.h"

namespace sprint {
namespace {

struct ControlOptions {
  std::string experiment;
  Connection connection;
  bool json = false;
  bool yes = false;
  bool now = false;
};

using Call = absl::StatusOr<v1::ExperimentStatus> (ControlClient::*)(const std::string&);

// Runs `call` on the live coordinator; on one that is started for the moment and ended again where none
// runs, as every change of a database goes through its owner.
absl::StatusOr<int> Change(const Terminal& terminal, const ControlOptions& options, const std::string& done,
                           Call call) {
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, ReachOrStartBriefly(options.connection));
  const absl::StatusOr<v1::ExperimentStatus> status = (coordinator.client().*call)(options.experiment);
  const bool live = coordinator.started == nullptr;
  if (!live) coordinator.started->EndNow();
  if (!status.ok()) return status.status();
  if (options.json) {
    terminal.out.Write(StatusJson(*status).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                       "\n");
    return kExitDone;
  }
  const bool ended = status->state() == "finished" && status->quarantined() == 0;
  terminal.out.Write(absl::StrCat(ended ? "nothing to do for" : done, " ", status->name(), " (experiment ",
                                  status->id(), "): ", FormatCount(status->done()), " of ",
                                  Plural(status->cells(), "cell", "cells"), " done, ", status->state(),
                                  "\n"));
  if (!live && status->state() == "running") {
    terminal.out.Write(absl::StrCat("no coordinator runs over ", options.connection.database,
                                    "; sprint resume ", status->id(), " goes on with it\n"));
  }
  return kExitDone;
}

absl::StatusOr<int> Delete(const Terminal& terminal, const ControlOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, ReachOrStartBriefly(options.connection));
  const absl::Status deleted = coordinator.client().Delete(options.experiment);
  if (coordinator.started != nullptr) coordinator.started->EndNow();
  SPRINT_RETURN_IF_ERROR(deleted);
  terminal.out.Write(absl::StrCat("deleted ", options.experiment, "; its outcomes stay in the database\n"));
  return kExitDone;
}

absl::StatusOr<int> Shutdown(const Terminal& terminal, const ControlOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto live, RequireLive(options.connection));
  SPRINT_RETURN_IF_ERROR(live->Shutdown(options.now));
  terminal.out.Write(
      absl::StrCat("the coordinator at ", live->address(),
                   options.now ? " ends now\n" : " ends when its workers have finished what runs\n"));
  return kExitDone;
}

void AddChange(App& app, const std::string& name, const std::string& description, const std::string& example,
               const std::string& done, Call call) {
  auto options = std::make_shared<ControlOptions>();
  CLI::App* command = app.Add(
      app.root(), name, description, {example},
      [options, done, call](const Terminal& terminal) { return Change(terminal, *options, done, call); });
  command->add_option("EXPERIMENT", options->experiment, "Its number or name")->required();
  AddConnection(command, options->connection);
  command->add_flag("--json", options->json, "The new status as JSON");
}

}  // namespace

void AddControlCommands(App& app) {
  AddChange(app, "pause", "Give out no more cells of an experiment; what runs is finished",
            "sprint pause demo", "paused", &ControlClient::Pause);
  AddChange(app, "cancel", "Stop an experiment for good; its rows stay", "sprint cancel 3", "cancelled",
            &ControlClient::Cancel);
  AddChange(app, "retry", "Put quarantined cells back", "sprint retry demo",
            "put back the quarantined cells of", &ControlClient::Retry);

  auto options = std::make_shared<ControlOptions>();
  CLI::App* remove =
      app.Add(app.root(), "delete", "Remove an experiment; outcomes stay, being shared", {"sprint delete 3"},
              [options](const Terminal& terminal) { return Delete(terminal, *options); });
  remove->add_option("EXPERIMENT", options->experiment, "Its number or name")->required();
  AddConnection(remove, options->connection);

  auto ending = std::make_shared<ControlOptions>();
  CLI::App* shutdown =
      app.Add(app.root(), "shutdown", "End a coordinator and its workers",
              {"sprint shutdown              when what runs is finished", "sprint shutdown --now"},
              [ending](const Terminal& terminal) { return Shutdown(terminal, *ending); });
  AddConnection(shutdown, ending->connection);
  shutdown->add_flag("--now", ending->now, "Do not wait for what runs");
}

}  // namespace sprint
