// Watching an experiment until it ends, with a progress bar, and what Ctrl-C means meanwhile.
#ifndef SPRINT_CLI_WATCH_H_
#define SPRINT_CLI_WATCH_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/interrupts.h"
#include "cli/local_coordinator.h"
#include "cli/terminal.h"
#include "sprint/v1/control.pb.h"

namespace sprint {

struct WatchEnd {
  v1::ExperimentStatus status;  // the last that was heard
  bool interrupted = false;     // Ctrl-C ended it, not the experiment
};

struct WatchOptions {
  std::string experiment;
  // The coordinator, when this process started it: the first Ctrl-C drains it, the second ends it now.
  // Null: Ctrl-C stops watching, and the experiment goes on.
  LocalCoordinator* started = nullptr;
  // Instead of the progress bar, every status (for --json).
  std::function<void(const v1::ExperimentStatus&)> on_status;
};

// Until the experiment is finished or cancelled. UNAVAILABLE (kNotReachable) when the coordinator is gone
// meanwhile, saying what to do; the bar is on stderr.
absl::StatusOr<WatchEnd> WatchExperiment(const Terminal& terminal, ControlClient& client,
                                         Interrupts& interrupts, const WatchOptions& options);

}  // namespace sprint

#endif  // SPRINT_CLI_WATCH_H_
