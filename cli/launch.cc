#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/follow.h"
#include "cli/hidden_states.h"
#include "cli/launch_flags.h"
#include "cli/render/text.h"
#include "cli/status_view.h"
#include "cli/submit.h"

namespace sprint {
namespace {

struct LaunchOptions {
  LaunchFlags flags;
  Connection connection;
  LocalWorkerOptions local;
  bool dry_run = false;
  bool detach = false;
  bool json = false;
};

// Answers that were there before hidden states were asked for have none.
void NoteMissingStates(const Terminal& terminal, const LaunchOptions& options, const PreparedLaunch& launch) {
  if (launch.hidden_layers.empty()) return;
  const auto reader = OpenDatabase(options.connection.database);
  if (!reader.ok()) return;  // another machine's
  const absl::StatusOr<int64_t> missing = CountMissingStates(**reader, launch);
  if (!missing.ok() || *missing == 0) return;
  terminal.err.Write(absl::StrCat("note: ", FormatCount(*missing), " of ",
                                  Plural(std::ssize(launch.questions), "prompt has", "prompts have"),
                                  " no hidden states: they come with answers of the unpruned model that are "
                                  "computed now; sprint embed ",
                                  launch.spec.name(), launch.run.dtype == "f32" ? "" : " --dtype ",
                                  launch.run.dtype == "f32" ? "" : launch.run.dtype, " computes the rest\n"));
}

absl::StatusOr<int> Launch(const Terminal& terminal, const LaunchOptions& options) {
  // Before any thread, so that Ctrl-C is ours wherever it arrives.
  Interrupts interrupts;
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentSpec spec, BuildSpec(options.flags));
  SPRINT_ASSIGN_OR_RETURN(const PreparedLaunch launch, PrepareWithProgress(terminal, spec));
  if (options.dry_run)
    return PrintEstimate(terminal, options.connection, options.local, launch, options.json);
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, ReachOrStart(options.connection, options.local));
  SPRINT_ASSIGN_OR_RETURN(const int64_t experiment, SubmitLaunch(terminal, coordinator, launch));
  FollowOptions follow;
  follow.connection = options.connection;
  follow.experiments = {experiment};
  follow.json = options.json;
  if (!options.detach) {
    SPRINT_ASSIGN_OR_RETURN(const int code, Follow(terminal, coordinator, interrupts, follow));
    NoteMissingStates(terminal, options, launch);
    return code;
  }
  terminal.err.Write("it runs on its own from here; sprint watch follows it, sprint shutdown ends it\n");
  if (options.json) {
    SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status,
                            coordinator.client().Status(absl::StrCat(experiment)));
    terminal.out.Write(StatusJson(status).dump(2) + "\n");
  } else {
    terminal.out.Write(absl::StrCat(experiment, "\n"));
  }
  return kExitDone;
}

}  // namespace

void AddLaunch(App& app) {
  auto options = std::make_shared<LaunchOptions>();
  CLI::App* launch = app.Add(
      app.root(), "launch", "Run an experiment, or continue it",
      {"sprint launch demo/sweep.yaml --dry-run          what it would cost", "sprint launch demo/sweep.yaml",
       "sprint launch demo/sweep.yaml --limit 200         more questions; known rows are kept",
       "sprint launch --model DIR --dataset test.jsonl --field question=problem --arms L5H* --format chatml",
       "sprint launch demo/sweep.yaml --choices arms.jsonl   each question under arms of its own",
       "sprint launch sweep.yaml --coordinator node7:7070 --detach"},
      [options](const Terminal& terminal) { return Launch(terminal, *options); });
  AddSpecFlags(launch, options->flags);
  AddArmFlags(launch, options->flags);
  launch
      ->add_option("--choices", options->flags.choices,
                   "Each question's own arms, for Best-of-N: JSON lines {id, arms: [\"L3H5\", …]}")
      ->type_name("FILE");
  AddConnection(launch, options->connection);
  AddLocalWorkers(launch, options->local);
  launch->add_flag("--dry-run", options->dry_run, "Only say what it would cost");
  launch->add_flag("--detach", options->detach, "Return once it is submitted");
  launch->add_flag("--json", options->json, "The result as JSON");
}

}  // namespace sprint
