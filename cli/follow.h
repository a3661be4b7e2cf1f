// What `launch` and `resume` do once experiments run: watch them, report, and end what they started.
#ifndef SPRINT_CLI_FOLLOW_H_
#define SPRINT_CLI_FOLLOW_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/connection.h"
#include "cli/interrupts.h"
#include "cli/local_coordinator.h"
#include "cli/terminal.h"

namespace sprint {

struct FollowOptions {
  Connection connection;
  std::vector<int64_t> experiments;  // watched one after the other
  bool statistics = true;            // of each, when it is finished
  bool json = false;                 // they are written as JSON
};

// kExitDone when all are finished without a quarantined cell, else kExitFailed. A coordinator that this
// process started has ended when it returns.
absl::StatusOr<int> Follow(const Terminal& terminal, Coordinator& coordinator, Interrupts& interrupts,
                           const FollowOptions& options);

// What an experiment shows (stats.h), from the database where it can be read; else how far it is, from the
// coordinator's status.
absl::Status PrintStats(const Terminal& terminal, const Connection& connection,
                        const v1::ExperimentStatus& status, bool json);

}  // namespace sprint

#endif  // SPRINT_CLI_FOLLOW_H_
