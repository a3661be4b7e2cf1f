// From a spec to a submitted experiment, as a command shows it.
#ifndef SPRINT_CLI_SUBMIT_H_
#define SPRINT_CLI_SUBMIT_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/connection.h"
#include "cli/estimate.h"
#include "cli/interrupts.h"
#include "cli/prepare.h"
#include "cli/terminal.h"

namespace sprint {

// Prepare, with its progress on a terminal.
absl::StatusOr<PreparedLaunch> PrepareWithProgress(const Terminal& terminal, const v1::ExperimentSpec& spec,
                                                   const PreparedLaunch* like = nullptr);

// What the launch will cost, by what the database has and the workers at hand.
absl::StatusOr<LaunchEstimate> EstimateHere(const Connection& connection, const LocalWorkerOptions& local,
                                            const PreparedLaunch& launch);

// The estimate on stdout, as text or JSON; kExitDone. What --dry-run does.
absl::StatusOr<int> PrintEstimate(const Terminal& terminal, const Connection& connection,
                                  const LocalWorkerOptions& local, const PreparedLaunch& launch, bool json);

// Submits, and says so on stderr; the experiment's number. A coordinator that this process started has
// ended when it fails.
absl::StatusOr<int64_t> SubmitLaunch(const Terminal& terminal, Coordinator& coordinator,
                                     const PreparedLaunch& launch);

// Runs what was made of another experiment's answers or prompts: submits it, follows it and, when all is
// done, calls `print` with its number. With `detach` it writes the number and does not wait. Returns as
// Follow does.
absl::StatusOr<int> RunSideJob(const Terminal& terminal, Interrupts& interrupts, const Connection& connection,
                               const LocalWorkerOptions& local, const PreparedLaunch& launch, bool detach,
                               absl::FunctionRef<absl::Status(int64_t)> print);

}  // namespace sprint

#endif  // SPRINT_CLI_SUBMIT_H_
