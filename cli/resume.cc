#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/follow.h"
#include "cli/render/text.h"
#include "cli/status_view.h"

namespace sprint {
namespace {

struct ResumeOptions {
  std::string experiment;
  Connection connection;
  LocalWorkerOptions local;
  bool detach = false;
  bool json = false;
};

// What is to go on: the experiment named, or every one that was running when its coordinator ended; of
// paused ones alone, the latest.
std::vector<v1::ExperimentStatus> Unfinished(const std::vector<v1::ExperimentStatus>& all) {
  std::vector<v1::ExperimentStatus> running;
  std::vector<v1::ExperimentStatus> paused;
  for (const v1::ExperimentStatus& status : all) {
    if (status.state() == "running") running.push_back(status);
    if (status.state() == "paused") paused.push_back(status);
  }
  if (running.empty() && !paused.empty()) return std::vector{paused.back()};
  return running;
}

// The experiment named, or all there are.
absl::StatusOr<std::vector<v1::ExperimentStatus>> Candidates(ControlClient* live,
                                                             const ResumeOptions& options) {
  if (live != nullptr) {
    if (!options.experiment.empty()) {
      SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status, live->Status(options.experiment));
      return std::vector{status};
    }
    SPRINT_ASSIGN_OR_RETURN(const v1::ListResponse list, live->List());
    return std::vector<v1::ExperimentStatus>(list.experiments().begin(), list.experiments().end());
  }
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  if (options.experiment.empty()) return ListFromDatabase(*reader);
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status, StatusFromDatabase(*reader, id));
  return std::vector{status};
}

// To resume puts no quarantined cell back: what does.
void PointAtRetry(const Terminal& terminal, const std::vector<v1::ExperimentStatus>& experiments) {
  for (const v1::ExperimentStatus& status : experiments) {
    if (status.quarantined() == 0 || status.state() != "finished") continue;
    terminal.err.Write(absl::StrCat(Printable(status.name()), " (experiment ", status.id(), ") ended with ",
                                    Plural(status.quarantined(), "cell", "cells"),
                                    " quarantined; sprint retry ", status.id(), " tries again\n"));
  }
}

absl::StatusOr<int> Resume(const Terminal& terminal, const ResumeOptions& options) {
  Interrupts interrupts;
  Coordinator coordinator;
  SPRINT_ASSIGN_OR_RETURN(coordinator.attached, ReachLive(options.connection));
  SPRINT_ASSIGN_OR_RETURN(const auto candidates, Candidates(coordinator.attached.get(), options));
  const auto targets = options.experiment.empty() ? Unfinished(candidates) : candidates;
  if (targets.empty() || !options.experiment.empty()) PointAtRetry(terminal, candidates);
  if (targets.empty()) {
    terminal.err.Write("nothing to resume: every experiment is finished or cancelled (sprint list)\n");
    return kExitDone;
  }
  if (targets.size() == 1 && targets.front().state() == "finished") {
    SPRINT_RETURN_IF_ERROR(PrintStats(terminal, options.connection, targets.front(), options.json));
    return targets.front().quarantined() == 0 ? kExitDone : kExitFailed;
  }
  if (coordinator.attached != nullptr) {
    terminal.err.Write(absl::StrCat("attached to the coordinator at ", coordinator.client().address(),
                                    "; Ctrl-C leaves it running\n"));
  } else {
    SPRINT_ASSIGN_OR_RETURN(coordinator, ReachOrStart(options.connection, options.local));
  }
  FollowOptions follow;
  follow.connection = options.connection;
  follow.json = options.json;
  for (const v1::ExperimentStatus& target : targets) {
    if (target.state() != "running") {
      const absl::Status resumed = coordinator.client().Resume(absl::StrCat(target.id())).status();
      if (!resumed.ok() && coordinator.started != nullptr) coordinator.started->EndNow();
      SPRINT_RETURN_IF_ERROR(resumed);
    }
    terminal.err.Write(absl::StrCat("continues ", target.name(), " (experiment ", target.id(),
                                    "): ", FormatCount(target.done()), " of ",
                                    Plural(target.cells(), "cell", "cells"), " done\n"));
    follow.experiments.push_back(target.id());
  }
  if (options.detach) return kExitDone;
  return Follow(terminal, coordinator, interrupts, follow);
}

}  // namespace

void AddResume(App& app) {
  auto options = std::make_shared<ResumeOptions>();
  CLI::App* resume =
      app.Add(app.root(), "resume", "Go on with what a crash, a Ctrl-C or a pause left unfinished",
              {"sprint resume                 everything that was running", "sprint resume demo --workers 4",
               "sprint resume 3 --detach"},
              [options](const Terminal& terminal) { return Resume(terminal, *options); });
  resume->add_option("EXPERIMENT", options->experiment, "Its number or name");
  AddConnection(resume, options->connection);
  AddLocalWorkers(resume, options->local);
  resume->add_flag("--detach", options->detach, "Return once it goes on");
  resume->add_flag("--json", options->json, "The result as JSON");
}

}  // namespace sprint
