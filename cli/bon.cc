// sprint bon: N answers to each question by several methods, through the coordinator, and what they are
// worth.
//
// Greedy methods make one experiment, sampled ones another (NAME-sampled): another decoding is another run.
// Each keeps what every method chose in its stored spec, so that `sprint votes` needs nothing else. To launch
// the same again continues it.
#include <algorithm>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/bon_methods.h"
#include "cli/bon_selection.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/follow.h"
#include "cli/launch_flags.h"
#include "cli/own_arms.h"
#include "cli/render/text.h"
#include "cli/submit.h"
#include "cli/votes.h"

namespace sprint {
namespace {

struct BonOptions {
  LaunchFlags flags;
  Connection connection;
  LocalWorkerOptions local;
  std::vector<std::string> methods;
  int32_t n = 8;
  std::string choices;
  std::string selector;
  std::string policy;
  std::string snapshot;
  std::vector<std::string> train;
  bool with_baseline = false;
  bool allow_seen = false;
  bool skip_seen = false;
  bool dry_run = false;
  bool detach = false;
  bool json = false;
};

bool HasTraining(const BonOptions& options) { return !options.snapshot.empty() || !options.train.empty(); }
bool HasSelection(const BonOptions& options) { return !options.choices.empty() || !options.selector.empty(); }

// Those named, or all that what was given allows.
absl::StatusOr<std::vector<BonMethod>> MethodsFor(const BonOptions& options) {
  std::vector<BonMethod> methods;
  for (const std::string& name : options.methods) {
    const absl::StatusOr<BonMethod> method = ParseBonMethod(name);
    if (!method.ok()) return UsageError(absl::StrCat("--methods: ", method.status().message()));
    if (NeedsSelection(*method) && !HasSelection(options))
      return UsageError(absl::StrCat("--methods ", name, " needs --selector or --choices"));
    if (NeedsTraining(*method) && !HasTraining(options))
      return UsageError(absl::StrCat("--methods ", name, " needs --snapshot or --train"));
    if (std::find(methods.begin(), methods.end(), *method) == methods.end()) methods.push_back(*method);
  }
  if (!methods.empty()) return methods;
  methods = {BonMethod::kBaseline, BonMethod::kSamples, BonMethod::kRandom};
  if (HasSelection(options))
    methods.insert(methods.end(), {BonMethod::kSelector, BonMethod::kSelectorSampled});
  if (HasTraining(options))
    methods.insert(methods.end(), {BonMethod::kAverage, BonMethod::kBestArms, BonMethod::kSetCover});
  return methods;
}

// The spec of the sampled experiment: as the method's authors sample, unless something else is given.
v1::ExperimentSpec SampledSpec(const v1::ExperimentSpec& spec) {
  v1::ExperimentSpec sampled = spec;
  sampled.set_name(SampledName(spec.name()));
  v1::Decoding& decoding = *sampled.mutable_decoding();
  if (decoding.temperature() > 0) return sampled;
  decoding.set_temperature(0.9);
  decoding.set_top_k(40);
  decoding.set_top_p(0.95);
  return sampled;
}

v1::ExperimentSpec GreedySpec(const v1::ExperimentSpec& spec) {
  v1::ExperimentSpec greedy = spec;
  v1::Decoding& decoding = *greedy.mutable_decoding();
  decoding.clear_temperature();
  decoding.clear_top_k();
  decoding.clear_top_p();
  decoding.clear_min_p();
  greedy.set_samples(1);
  return greedy;
}

// Greedy, with the arms that random draws from: those of the spec, else every head.
absl::StatusOr<v1::ExperimentSpec> BaseSpec(const BonOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(v1::ExperimentSpec spec, BuildSpec(options.flags));
  if (!options.flags.name) spec.set_name(spec.name() + "-bon");
  v1::Arms& arms = *spec.mutable_arms();
  const bool none = !arms.all_heads() && arms.head_layers().empty() && arms.whole_layers().empty() &&
                    arms.explicit_().empty();
  if (HasOwnArms(arms)) {
    return UsageError("the spec's questions have arms of their own; launch runs it, bon takes --choices");
  }
  if (none) arms.set_all_heads(true);
  return spec;
}

absl::StatusOr<std::vector<Choice>> Selection(const Terminal& terminal, const BonOptions& options,
                                              const PreparedLaunch& launch) {
  if (options.choices.empty()) {
    if (!FileExists(options.selector)) {
      return absl::NotFoundError(absl::StrCat("there is no selector ", options.selector,
                                              "; sprint selector train makes one from a sweep's outcomes"));
    }
    terminal.err.Write("sprint-selector chooses the arms …\n");
    return AskSelector({options.selector, options.policy, options.n, options.allow_seen, options.skip_seen},
                       launch);
  }
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Choice> choices, ReadChoices(options.choices));
  // What is said wrongly is said with its own place, before it is taken apart.
  DatasetOptions all;
  all.fields = DatasetOptionsOf(launch.spec.dataset()).fields;
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Problem> known, ReadDataset(launch.spec.dataset().path(), all));
  return MatchChoices(choices, launch.problems, known, launch.model->config.layers,
                      launch.model->config.heads);
}

// All of the experiments' questions train: these are not asked again.
absl::StatusOr<Snapshot> TrainingOf(const BonOptions& options) {
  if (!options.snapshot.empty()) return LoadSnapshot(options.snapshot);
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  FreezeOptions freeze;
  freeze.experiments = options.train;
  freeze.split.test_fraction = 0;
  SPRINT_ASSIGN_OR_RETURN(Snapshot snapshot, FreezeSnapshot(*reader, freeze));
  for (SnapshotProblem& problem : snapshot.problems) problem.split = Split::kTrain;
  return snapshot;
}

// Leaves the questions out that training saw: those of `training` (may be null), and, of a selector's, those
// it chose nothing for. `spec` then names the others.
absl::Status LeaveOutSeen(const Terminal& terminal, const Snapshot* training, v1::ExperimentSpec& spec,
                          PreparedLaunch& base, std::vector<Choice>& selected) {
  absl::flat_hash_set<std::string> chosen;
  for (const Choice& choice : selected) chosen.insert(choice.id);
  std::vector<bool> seen(base.problems.size(), false);
  if (training != nullptr) seen = SeenInTraining(*training, base);
  absl::flat_hash_set<std::string> kept;
  for (size_t i = 0; i < base.problems.size(); ++i) {
    const std::string& id = base.problems[i].id;
    if (!seen[i] && (selected.empty() || chosen.contains(id))) kept.insert(id);
  }
  const auto left_out = std::ssize(base.problems) - std::ssize(kept);
  if (kept.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--skip-seen: all ", left_out, " questions were seen in training; ask others (--offset)"));
  }
  if (left_out == 0) return absl::OkStatus();
  terminal.err.Write(absl::StrCat("left out: ", Plural(left_out, "question", "questions"),
                                  " that training saw; ", FormatCount(std::ssize(kept)), " are asked\n"));
  // What --offset and --limit leave out is not among the ids.
  v1::Dataset& dataset = *spec.mutable_dataset();
  dataset.clear_ids();
  dataset.clear_offset();
  dataset.clear_limit();
  for (const Problem& problem : base.problems) {
    if (kept.contains(problem.id)) dataset.add_ids(problem.id);
  }
  std::erase_if(selected, [&kept](const Choice& choice) { return !kept.contains(choice.id); });
  SPRINT_ASSIGN_OR_RETURN(base, PrepareWithProgress(terminal, GreedySpec(spec), &base));
  return absl::OkStatus();
}

// One or two launches, ready to be submitted.
absl::StatusOr<std::vector<PreparedLaunch>> PrepareAll(const Terminal& terminal, const BonOptions& options,
                                                       const std::vector<BonMethod>& methods) {
  SPRINT_ASSIGN_OR_RETURN(v1::ExperimentSpec spec, BaseSpec(options));
  SPRINT_ASSIGN_OR_RETURN(PreparedLaunch base, PrepareWithProgress(terminal, GreedySpec(spec)));
  BonInputs inputs;
  inputs.launch = &base;
  inputs.n = options.n;
  inputs.seed = spec.seed();
  inputs.with_baseline = options.with_baseline;
  std::optional<Snapshot> training;
  if (std::any_of(methods.begin(), methods.end(), NeedsTraining)) {
    SPRINT_ASSIGN_OR_RETURN(training, TrainingOf(options));
    if (!options.allow_seen && !options.skip_seen) SPRINT_RETURN_IF_ERROR(CheckUnseen(*training, base));
    inputs.training = &*training;
  }
  if (std::any_of(methods.begin(), methods.end(), NeedsSelection)) {
    SPRINT_ASSIGN_OR_RETURN(inputs.selected, Selection(terminal, options, base));
  }
  if (options.skip_seen)
    SPRINT_RETURN_IF_ERROR(LeaveOutSeen(terminal, inputs.training, spec, base, inputs.selected));
  std::vector<Choice> greedy, sampled;
  for (const BonMethod method : methods) {
    SPRINT_ASSIGN_OR_RETURN(const std::vector<Choice> choices, ChooseFor(method, inputs));
    std::vector<Choice>& all = IsSampled(method) ? sampled : greedy;
    all.insert(all.end(), choices.begin(), choices.end());
  }
  std::vector<PreparedLaunch> launches;
  for (const bool is_sampled : {false, true}) {
    const std::vector<Choice>& choices = is_sampled ? sampled : greedy;
    if (choices.empty()) continue;
    v1::ExperimentSpec own = is_sampled ? SampledSpec(spec) : GreedySpec(spec);
    WriteChoices(choices, *own.mutable_arms());
    own.set_samples(1);
    SPRINT_ASSIGN_OR_RETURN(PreparedLaunch launch, PrepareWithProgress(terminal, own, &base));
    launches.push_back(std::move(launch));
  }
  return launches;
}

absl::StatusOr<int> DryRun(const Terminal& terminal, const BonOptions& options,
                           const std::vector<PreparedLaunch>& launches) {
  std::vector<std::string> parts;
  for (const PreparedLaunch& launch : launches) {
    SPRINT_ASSIGN_OR_RETURN(const LaunchEstimate estimate,
                            EstimateHere(options.connection, options.local, launch));
    parts.push_back(options.json ? EstimateJson(estimate, launch) : FormatEstimate(estimate, launch));
  }
  terminal.out.Write(options.json ? absl::StrCat("[", absl::StrJoin(parts, ","), "]\n")
                                  : absl::StrJoin(parts, "\n"));
  return kExitDone;
}

// 1, 2, 4, … and N itself.
std::vector<int32_t> Counts(int32_t n) {
  std::vector<int32_t> counts;
  for (int64_t count = 1; count < n; count *= 2) counts.push_back(static_cast<int32_t>(count));
  counts.push_back(n);
  return counts;
}

absl::Status PrintVotes(const Terminal& terminal, const BonOptions& options,
                        const std::vector<std::string>& experiments) {
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(options.connection.database));
  VotesOptions how;
  how.table.n = Counts(options.n);
  SPRINT_ASSIGN_OR_RETURN(const Votes votes, LoadVotes(*reader, experiments, how));
  terminal.out.Write(options.json ? VotesJson(votes)
                                  : FormatVotes(votes, terminal.out.style, terminal.out.width));
  return absl::OkStatus();
}

absl::StatusOr<int> RunBon(const Terminal& terminal, const BonOptions& options) {
  // Before any thread, so that Ctrl-C is ours wherever it arrives.
  Interrupts interrupts;
  SPRINT_ASSIGN_OR_RETURN(const std::vector<BonMethod> methods, MethodsFor(options));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<PreparedLaunch> launches, PrepareAll(terminal, options, methods));
  if (options.dry_run) return DryRun(terminal, options, launches);
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, ReachOrStart(options.connection, options.local));
  FollowOptions follow;
  follow.connection = options.connection;
  follow.statistics = false;
  std::vector<std::string> numbers;
  for (const PreparedLaunch& launch : launches) {
    SPRINT_ASSIGN_OR_RETURN(const int64_t experiment, SubmitLaunch(terminal, coordinator, launch));
    follow.experiments.push_back(experiment);
    numbers.push_back(absl::StrCat(experiment));
  }
  const std::string later = absl::StrCat("sprint votes ", absl::StrJoin(numbers, " "));
  if (options.detach) {
    terminal.err.Write(absl::StrCat("it runs on its own from here; ", later, " shows what it is worth\n"));
    terminal.out.Write(absl::StrCat(absl::StrJoin(numbers, "\n"), "\n"));
    return kExitDone;
  }
  SPRINT_ASSIGN_OR_RETURN(const int code, Follow(terminal, coordinator, interrupts, follow));
  if (code != kExitDone && interrupts.count() > 0) return code;
  if (!options.connection.coordinator.empty() || !FileExists(options.connection.database)) {
    terminal.err.Write(absl::StrCat("what it is worth is in the coordinator's database: ", later, "\n"));
    return code;
  }
  SPRINT_RETURN_IF_ERROR(PrintVotes(terminal, options, numbers));
  return code;
}

void AddMethodFlags(CLI::App* bon, BonOptions& options) {
  bon->add_option("--n", options.n, "Answers to a question (8)")
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("N");
  bon->add_option(
         "--methods", options.methods,
         "Some of baseline, samples, random, selector, selector-sampled, average, best-arms, set-cover; "
         "else all that the options below allow")
      ->delimiter(',')
      ->type_name("NAME,…");
  bon->add_option("--selector", options.selector, "A trained selector, for selector and selector-sampled")
      ->type_name("FILE");
  bon->add_option("--policy", options.policy, "How the selector chooses N: top, coverage or neighbours")
      ->type_name("NAME");
  bon->add_option("--choices", options.choices,
                  "Instead of a selector: each question's arms, as JSON lines {id, arms, scores}")
      ->excludes("--selector")
      ->type_name("FILE");
  bon->add_option("--snapshot", options.snapshot, "Training outcomes, for average, best-arms and set-cover")
      ->type_name("FILE");
  bon->add_option("--train", options.train, "Instead of a snapshot: these experiments of the database")
      ->excludes("--snapshot")
      ->delimiter(',')
      ->type_name("EXPERIMENT,…");
  bon->add_flag("--with-baseline", options.with_baseline, "Methods may choose the baseline, too");
  CLI::Option* allow = bon->add_flag("--allow-seen", options.allow_seen, "Ask training questions, too");
  bon->add_flag("--skip-seen", options.skip_seen, "Leave training questions out, instead of refusing")
      ->excludes(allow);
}

}  // namespace

void AddBon(App& app) {
  auto options = std::make_shared<BonOptions>();
  CLI::App* bon = app.Add(
      app.root(), "bon", "Best-of-N: N answers a question by several methods, and what they are worth",
      {"sprint bon demo/sweep.yaml --offset 120 --limit 300 --train demo --n 8",
       "sprint bon demo/sweep.yaml --offset 120 --selector demo.selector --methods selector,samples",
       "sprint bon sweep.yaml --choices arms.jsonl --dry-run   what it would cost"},
      [options](const Terminal& terminal) { return RunBon(terminal, *options); });
  AddMethodFlags(bon, *options);
  AddSpecFlags(bon, options->flags);
  AddArmFlags(bon, options->flags);
  AddConnection(bon, options->connection);
  AddLocalWorkers(bon, options->local);
  bon->add_flag("--dry-run", options->dry_run, "Only say what it would cost");
  bon->add_flag("--detach", options->detach, "Return once it is submitted");
  bon->add_flag("--json", options->json, "The result as JSON");
}

}  // namespace sprint
