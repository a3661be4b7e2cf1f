#include "cli/follow.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/app.h"
#include "cli/stats.h"
#include "cli/status_view.h"
#include "cli/watch.h"

namespace sprint {
namespace {

absl::StatusOr<int> FollowOne(const Terminal& terminal, Coordinator& coordinator, Interrupts& interrupts,
                              const FollowOptions& options, int64_t experiment) {
  WatchOptions watch;
  watch.experiment = absl::StrCat(experiment);
  watch.started = coordinator.started.get();
  SPRINT_ASSIGN_OR_RETURN(const WatchEnd end,
                          WatchExperiment(terminal, coordinator.client(), interrupts, watch));
  if (end.interrupted) {
    // A local one drains: its process is gone when all that ran is kept.
    if (coordinator.started != nullptr) {
      while (!coordinator.started->WaitForEnd(absl::Milliseconds(200))) {
        if (interrupts.count() > 1) coordinator.started->EndNow();
      }
      terminal.err.Write("stopped; sprint resume goes on where this ended\n");
    }
    return kExitFailed;
  }
  if (options.statistics)
    SPRINT_RETURN_IF_ERROR(PrintStats(terminal, options.connection, end.status, options.json));
  return end.status.state() == "finished" && end.status.quarantined() == 0 ? kExitDone : kExitFailed;
}

}  // namespace

absl::Status PrintStats(const Terminal& terminal, const Connection& connection,
                        const v1::ExperimentStatus& status, bool json) {
  if (!connection.coordinator.empty() || !FileExists(connection.database)) {
    terminal.out.Write(
        json ? StatusJson(status).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
             : FormatStatus(status, true, terminal.out.style, terminal.out.width));
    if (!json) {
      terminal.out.Write(
          "\nWhat each arm fixed and broke, and what it shows, is in the coordinator's database: "
          "sprint stats --db FILE\n");
    }
    return absl::OkStatus();
  }
  SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(connection.database));
  SPRINT_ASSIGN_OR_RETURN(const Stats stats, LoadStats(*reader, ExperimentId(status.id())));
  StatsStyle style;
  style.style = terminal.out.style;
  style.width = terminal.out.width;
  style.database = connection.database;
  terminal.out.Write(json ? StatsJson(stats) : FormatStats(stats, style));
  return absl::OkStatus();
}

absl::StatusOr<int> Follow(const Terminal& terminal, Coordinator& coordinator, Interrupts& interrupts,
                           const FollowOptions& options) {
  int worst = kExitDone;
  for (const int64_t experiment : options.experiments) {
    const absl::StatusOr<int> code = FollowOne(terminal, coordinator, interrupts, options, experiment);
    if (!code.ok()) return code.status();
    worst = std::max(worst, *code);
    if (interrupts.count() > 0) return worst;
  }
  // What this process started for its own experiments ends with them, unless others came in meanwhile.
  if (coordinator.started != nullptr) {
    const absl::StatusOr<v1::ListResponse> list = coordinator.client().List();
    bool busy = false;
    if (list.ok()) {
      for (const v1::ExperimentStatus& status : list->experiments())
        busy = busy || status.state() == "running";
    }
    if (busy) {
      terminal.err.Write("the coordinator goes on with other experiments; it ends when they are finished\n");
    } else {
      coordinator.started->EndNow();
    }
  }
  return worst;
}

}  // namespace sprint
