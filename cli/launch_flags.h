// The options that say what to run: a spec, and flags over it or instead of it.
#ifndef SPRINT_CLI_LAUNCH_FLAGS_H_
#define SPRINT_CLI_LAUNCH_FLAGS_H_

#include <CLI/CLI.hpp>

#include "cli/launch_spec.h"

namespace sprint {

// SPEC and every option of LaunchFlags but the arms'.
void AddSpecFlags(CLI::App* command, LaunchFlags& flags);
// --arms and --group.
void AddArmFlags(CLI::App* command, LaunchFlags& flags);

}  // namespace sprint

#endif  // SPRINT_CLI_LAUNCH_FLAGS_H_
