// A training that a coordinator runs, seen from the command that asked for it; and the selectors that a
// database keeps.
#ifndef SPRINT_SELECTOR_PROGRAM_TRAINING_JOB_H_
#define SPRINT_SELECTOR_PROGRAM_TRAINING_JOB_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/connection.h"
#include "cli/terminal.h"

namespace sprint {

struct TrainingJob {
  Connection connection;
  std::string name;
  std::vector<std::string> arguments;  // of `sprint-selector train`, as they were given
  bool detach = false;
  bool json = false;
};

// The coordinator that is to run it: the one named, the live owner of the database, or, to detach, one that
// is started. Neither attached nor started: none; train in this process.
absl::StatusOr<Coordinator> CoordinatorFor(const TrainingJob& job);

// Submits it and, unless detached, waits for its end with a bar. A failed training is an error.
absl::Status RunTrainingJob(const Terminal& terminal, Coordinator& coordinator, TrainingJob job);

// Keeps selectors in the database, where there is one. A database that another process owns is left alone,
// with a line.
absl::Status RecordSelectors(const Terminal& terminal, const std::string& database,
                             const std::string& snapshot_hash, const std::vector<std::string>& files);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_PROGRAM_TRAINING_JOB_H_
