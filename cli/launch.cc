#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/estimate.h"
#include "cli/follow.h"
#include "cli/launch_spec.h"
#include "cli/prepare.h"
#include "cli/render/text.h"
#include "cli/status_view.h"

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

void AddSpecFlags(CLI::App* launch, LaunchFlags& flags) {
  launch->add_option("SPEC", flags.spec, "The experiment: YAML, JSON or textproto")->type_name("FILE");
  const char* group = "The experiment (over the spec, or instead of it)";
  const auto add = [&](CLI::Option* option, const char* type) { option->type_name(type)->group(group); };
  add(launch->add_option("--name", flags.name, "What people call it"), "NAME");
  add(launch->add_option("--model", flags.model, "A Hugging Face folder or a .gguf file"), "PATH");
  add(launch->add_option("--dtype", flags.dtype, "What the weights are computed in")
          ->check(CLI::IsMember({"f32", "bf16"}).description("")),
      "f32|bf16");
  add(launch->add_option("--dataset", flags.dataset, "Questions and answers, JSON lines"), "FILE");
  add(launch->add_option("--limit", flags.limit, "So many questions")
          ->check(CLI::Validator(CLI::NonNegativeNumber).description("")),
      "N");
  add(launch->add_option("--offset", flags.offset, "Skip so many first")
          ->check(CLI::Validator(CLI::NonNegativeNumber).description("")),
      "N");
  add(launch->add_option("--ids", flags.ids, "These questions only")->delimiter(','), "ID,…");
  add(launch->add_option(
          "--field", flags.fields,
          "A row's field by another name: question=problem; or preset=gsm8k|math|svamp|minerva|aime"),
      "FIELD=NAME");
  add(launch->add_option(
          "--arms", flags.arms,
          "all; L3H* (each head of layer 3); L3 (the whole layer); 3:5; L3H0-8+L7H2; several by commas"),
      "ARMS");
  add(launch->add_option("--group", flags.group, "Heads taken together in all and L3H*")
          ->check(CLI::Validator(CLI::PositiveNumber).description("")),
      "N");
  add(launch->add_option("--format", flags.format, "How a prompt is laid out")
          ->check(CLI::IsMember({"raw", "chatml", "llama3"}).description("")),
      "raw|chatml|llama3");
  add(launch->add_option("--system", flags.system, "The system text"), "TEXT");
  add(launch->add_option("--template", flags.prompt_template, "The user's turn, with {question} in it"),
      "TEXT");
  add(launch->add_option("--max-new-tokens", flags.max_new_tokens, "Tokens an answer has at most"), "N");
  add(launch->add_option("--stop-token", flags.stop_tokens, "Ends an answer, beside the model's own"), "ID");
  launch->add_flag("--ignore-eos", flags.ignore_eos, "The model's own end tokens do not end an answer")
      ->group(group);
  add(launch->add_option("--temperature", flags.temperature, "0 is greedy; more samples"), "T");
  add(launch->add_option("--top-k", flags.top_k, "Draw among the k best tokens"), "K");
  add(launch->add_option("--top-p", flags.top_p, "Draw among the fewest tokens of this mass"), "P");
  add(launch->add_option("--min-p", flags.min_p, "Draw among tokens this likely against the best"), "P");
  add(launch->add_option("--repetition-penalty", flags.repetition_penalty, "Above 1 repeats less"), "R");
  add(launch->add_option("--stop-string", flags.stop_strings, "An answer's text ends before it"), "TEXT");
  add(launch->add_option("--loop-repeats", flags.loop_repeats,
                         "Ends an answer that says a piece so often in a row"),
      "K");
  add(launch->add_option("--samples", flags.samples, "Answers of each question under each arm"), "N");
  add(launch->add_option("--seed", flags.seed, "Part of the run's identity"), "N");
  add(launch->add_option("--priority", flags.priority, "Higher first among experiments"), "N");
}

// Opens, renders, fingerprints; the last with its progress on a terminal.
absl::StatusOr<PreparedLaunch> PrepareWithProgress(const Terminal& terminal, const LaunchOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentSpec spec, BuildSpec(options.flags));
  int shown = -1;
  const auto progress = [&](double share) {
    const int percent = static_cast<int>(100 * share);
    if (!terminal.err.tty || percent == shown) return;
    shown = percent;
    terminal.err.Write(absl::StrCat("\rreading the weights  ", percent, " %\x1b[K"));
  };
  absl::StatusOr<PreparedLaunch> launch = Prepare(spec, progress);
  if (shown >= 0) terminal.err.Write("\r\x1b[K");
  return launch;
}

std::vector<Hash256> HashesOf(const std::vector<Arm>& arms) {
  std::vector<Hash256> hashes;
  for (const Arm& arm : arms) hashes.push_back(arm.ContentHash());
  return hashes;
}

absl::StatusOr<int> DryRun(const Terminal& terminal, const LaunchOptions& options,
                           const PreparedLaunch& launch) {
  SelectionCensus census;
  if (FileExists(options.connection.database)) {
    SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(options.connection.database));
    SPRINT_ASSIGN_OR_RETURN(census, reader->Census(launch.run.ContentHash(), launch.questions,
                                                   HashesOf(launch.arms), launch.spec.samples()));
  }
  int workers = options.local.workers;
  SPRINT_ASSIGN_OR_RETURN(const auto live, ReachLive(options.connection));
  if (live != nullptr) {
    SPRINT_ASSIGN_OR_RETURN(const v1::WorkersResponse response, live->Workers());
    workers = 0;
    for (const v1::WorkerStatus& worker : response.workers()) workers += worker.state() != "lost" ? 1 : 0;
  }
  const LaunchEstimate estimate = Estimate(launch, census, workers);
  terminal.out.Write(options.json ? EstimateJson(estimate, launch) : FormatEstimate(estimate, launch));
  return kExitDone;
}

absl::StatusOr<int> Launch(const Terminal& terminal, const LaunchOptions& options) {
  // Before any thread, so that Ctrl-C is ours wherever it arrives.
  Interrupts interrupts;
  SPRINT_ASSIGN_OR_RETURN(const PreparedLaunch launch, PrepareWithProgress(terminal, options));
  if (options.dry_run) return DryRun(terminal, options, launch);
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, ReachOrStart(options.connection, options.local));
  const absl::StatusOr<v1::SubmitResponse> submitted =
      coordinator.client().Submit(SubmissionOf(launch), QuestionsOf(launch));
  if (!submitted.ok()) {
    if (coordinator.started != nullptr) coordinator.started->EndNow();
    return submitted.status();
  }
  const int64_t missing = submitted->cells() - submitted->existing();
  terminal.err.Write(absl::StrCat(
      submitted->continued() ? "continues " : "launched ", launch.spec.name(), " (experiment ",
      submitted->experiment(), "): ", Plural(submitted->cells(), "cell", "cells"), ", ",
      FormatCount(submitted->existing()), " there already, ", FormatCount(missing), " to compute\n"));
  FollowOptions follow;
  follow.connection = options.connection;
  follow.experiments = {submitted->experiment()};
  follow.json = options.json;
  if (!options.detach) return Follow(terminal, coordinator, interrupts, follow);
  terminal.err.Write("it runs on its own from here; sprint watch follows it, sprint shutdown ends it\n");
  if (options.json) {
    SPRINT_ASSIGN_OR_RETURN(const v1::ExperimentStatus status,
                            coordinator.client().Status(absl::StrCat(submitted->experiment())));
    terminal.out.Write(StatusJson(status).dump(2) + "\n");
  } else {
    terminal.out.Write(absl::StrCat(submitted->experiment(), "\n"));
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
       "sprint launch sweep.yaml --coordinator node7:7070 --detach"},
      [options](const Terminal& terminal) { return Launch(terminal, *options); });
  AddSpecFlags(launch, options->flags);
  AddConnection(launch, options->connection);
  AddLocalWorkers(launch, options->local);
  launch->add_flag("--dry-run", options->dry_run, "Only say what it would cost");
  launch->add_flag("--detach", options->detach, "Return once it is submitted");
  launch->add_flag("--json", options->json, "The result as JSON");
}

}  // namespace sprint
