// sprint embed: the hidden states of an experiment's prompts, computed through the same coordinator.
//
// An embed experiment is one of engine mode "embed" (model/engine_mode.h): a cell is a prompt and a layer, so
// that leases, retries, resume and sharing are as for answers. What a sweep's hidden_states brought along
// already is computed again where a layer is incomplete, and stays as it is.
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/hidden_states.h"
#include "cli/render/text.h"
#include "cli/submit.h"

namespace sprint {
namespace {

struct EmbedOptions {
  std::string experiment;
  EmbedRequest request;
  Connection connection;
  LocalWorkerOptions local;
  bool dry_run = false;
  bool detach = false;
  bool json = false;
};

absl::Status PrintStored(const Terminal& terminal, const EmbedOptions& options,
                         const PreparedLaunch& launch) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  SPRINT_ASSIGN_OR_RETURN(const int64_t missing, CountMissingStates(*reader, launch));
  const auto questions = std::ssize(launch.questions);
  if (options.json) {
    const nlohmann::ordered_json json = {{"name", launch.spec.name()},
                                         {"layers", launch.hidden_layers},
                                         {"dtype", launch.run.dtype},
                                         {"questions", questions},
                                         {"missing", missing}};
    terminal.out.Write(json.dump(2) + "\n");
    return absl::OkStatus();
  }
  terminal.out.Write(
      absl::StrCat(FormatCount(questions - missing), " of ", Plural(questions, "prompt has", "prompts have"),
                   " the hidden states after layer ", absl::StrJoin(launch.hidden_layers, ", "), " stored (",
                   launch.run.dtype, "); sprint selector train ", options.experiment,
                   " --features hidden:", launch.hidden_layers[0],
                   " reads them, so does the view "
                   "v_feature\n"));
  return absl::OkStatus();
}

absl::StatusOr<int> RunEmbed(const Terminal& terminal, const EmbedOptions& options) {
  Interrupts interrupts;
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, options.experiment));
  SPRINT_ASSIGN_OR_RETURN(const PreparedLaunch launch, PrepareEmbed(*reader, id, options.request));
  if (options.dry_run)
    return PrintEstimate(terminal, options.connection, options.local, launch, options.json);
  SPRINT_ASSIGN_OR_RETURN(const int64_t missing, CountMissingStates(*reader, launch));
  if (missing == 0) {
    SPRINT_RETURN_IF_ERROR(PrintStored(terminal, options, launch));
    return kExitDone;
  }
  const auto print = [&](int64_t) { return PrintStored(terminal, options, launch); };
  return RunSideJob(terminal, interrupts, options.connection, options.local, launch, options.detach, print);
}

}  // namespace

void AddEmbed(App& app) {
  auto options = std::make_shared<EmbedOptions>();
  CLI::App* embed =
      app.Add(app.root(), "embed", "The model's hidden states of an experiment's prompts, kept",
              {"sprint embed demo                      after the middle layer",
               "sprint embed demo --layers 0,15,last", "sprint selector train demo --features hidden:15"},
              [options](const Terminal& terminal) { return RunEmbed(terminal, *options); });
  EmbedRequest& request = options->request;
  embed->add_option("EXPERIMENT", options->experiment, "Its number or name")->required();
  embed
      ->add_option(
          "--layers", request.layers,
          "After which layers: 15, middle, last; by commas. Else the experiment's hidden_states, or middle")
      ->delimiter(',')
      ->type_name("LAYERS");
  AddChoice(embed, "--dtype", request.dtype, {"f32", "bf16"},
            "What they are computed in; the selector reads f32")
      ->capture_default_str();
  embed->add_option("--model", request.model, "The model; else where the experiment found it")
      ->type_name("PATH");
  embed->add_option("--name", request.name, "What people call it (EXPERIMENT-hidden)")->type_name("NAME");
  AddConnection(embed, options->connection);
  AddLocalWorkers(embed, options->local);
  embed->add_flag("--dry-run", options->dry_run, "Only say what it would cost");
  embed->add_flag("--detach", options->detach, "Return once it is submitted");
  embed->add_flag("--json", options->json, "The result as JSON");
}

}  // namespace sprint
