#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/follow.h"
#include "cli/status_view.h"
#include "cli/watch.h"

namespace sprint {
namespace {

struct ViewOptions {
  std::string experiment;
  Connection connection;
  bool json = false;
};

void WriteJson(const Terminal& terminal, const nlohmann::ordered_json& json) {
  terminal.out.Write(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// The experiment named, or the latest of all.
absl::StatusOr<v1::ExperimentStatus> FindStatus(ControlClient* live, const ViewOptions& options) {
  if (live == nullptr) {
    SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
    SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
    return StatusFromDatabase(*reader, id);
  }
  if (!options.experiment.empty()) return live->Status(options.experiment);
  SPRINT_ASSIGN_OR_RETURN(const v1::ListResponse list, live->List());
  const v1::ExperimentStatus* latest = nullptr;
  for (const v1::ExperimentStatus& status : list.experiments()) {
    if (latest == nullptr || status.id() > latest->id()) latest = &status;
  }
  if (latest == nullptr) {
    return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
                 "the coordinator has no experiment; `sprint launch` makes one");
  }
  return live->Status(absl::StrCat(latest->id()));
}

absl::StatusOr<int> ShowStatus(const Terminal& terminal, const ViewOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto live, ReachLive(options.connection));
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status, FindStatus(live.get(), options));
  if (options.json) {
    WriteJson(terminal, StatusJson(status));
  } else {
    terminal.out.Write(FormatStatus(status, live != nullptr, terminal.out.style, terminal.out.width));
  }
  return kExitDone;
}

absl::StatusOr<int> ShowList(const Terminal& terminal, const ViewOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto live, ReachLive(options.connection));
  std::vector<v1::ExperimentStatus> experiments;
  if (live != nullptr) {
    SPRINT_ASSIGN_OR_RETURN(const v1::ListResponse list, live->List());
    experiments.assign(list.experiments().begin(), list.experiments().end());
  } else {
    SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
    SPRINT_ASSIGN_OR_RETURN(experiments, ListFromDatabase(*reader));
  }
  if (options.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const v1::ExperimentStatus& status : experiments) json.push_back(StatusJson(status));
    WriteJson(terminal, json);
  } else {
    terminal.out.Write(FormatList(experiments, terminal.out.style, terminal.out.width));
  }
  return kExitDone;
}

absl::StatusOr<int> ShowWorkers(const Terminal& terminal, const ViewOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const auto live, RequireLive(options.connection));
  SPRINT_ASSIGN_OR_RETURN(const v1::WorkersResponse workers, live->Workers());
  if (options.json) {
    WriteJson(terminal, WorkersJson(workers));
  } else {
    terminal.out.Write(FormatWorkers(workers, terminal.out.style, terminal.out.width));
  }
  return kExitDone;
}

absl::StatusOr<int> FollowLive(const Terminal& terminal, const ViewOptions& options) {
  Interrupts interrupts;
  SPRINT_ASSIGN_OR_RETURN(const auto live, RequireLive(options.connection));
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status, FindStatus(live.get(), options));
  WatchOptions watch;
  watch.experiment = absl::StrCat(status.id());
  if (options.json) {
    watch.on_status = [&](const v1::ExperimentStatus& update) {
      terminal.out.Write(StatusJson(update).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                         "\n");
    };
  }
  SPRINT_ASSIGN_OR_RETURN(const WatchEnd end, WatchExperiment(terminal, *live, interrupts, watch));
  if (end.interrupted) return kExitFailed;
  if (!options.json) SPRINT_RETURN_IF_ERROR(PrintStats(terminal, options.connection, end.status, false));
  return end.status.state() == "finished" && end.status.quarantined() == 0 ? kExitDone : kExitFailed;
}

void AddView(App& app, const std::string& name, const std::string& description,
             const std::vector<std::string>& examples, bool one_experiment,
             absl::StatusOr<int> (*show)(const Terminal&, const ViewOptions&)) {
  auto options = std::make_shared<ViewOptions>();
  CLI::App* command = app.Add(app.root(), name, description, examples,
                              [options, show](const Terminal& terminal) { return show(terminal, *options); });
  if (one_experiment) {
    command->add_option("EXPERIMENT", options->experiment,
                        "Its number or name; the latest of all when left out");
  }
  AddConnection(command, options->connection);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace

void AddStatusCommands(App& app) {
  AddView(app, "status", "How far an experiment is, arm by arm",
          {"sprint status", "sprint status demo --json"}, true, ShowStatus);
  AddView(app, "list", "All experiments", {"sprint list", "sprint list --db sweeps/qwen.db"}, false,
          ShowList);
  AddView(app, "watch", "Follow a running experiment to its end",
          {"sprint watch", "sprint watch demo --coordinator node7:7070"}, true, FollowLive);
  AddView(app, "workers", "The workers of a coordinator", {"sprint workers"}, false, ShowWorkers);
}

}  // namespace sprint
