// sprint selector train: from a snapshot to one selector a seed.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/render/progress.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "selector/calibration.h"
#include "selector/cross_validation.h"
#include "selector/program/commands.h"
#include "selector/program/training_job.h"
#include "selector/thinning.h"
#include "selector/trainer.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string source;
  FreezeOptions freeze;
  std::string recipe = "hidden";
  FeatureOptions features;
  TrainOptions train;
  std::string loss = "infonce";
  std::string score = "dot";
  std::string thin;
  int32_t folds = 0;
  int32_t seeds = 1;
  std::string out;
  std::string checkpoint;
  int32_t checkpoint_every = 5;
  bool json = false;
  // Of a training that a coordinator runs.
  std::vector<std::string> words;  // the command line behind "train"
  std::string coordinator, token_file;
  bool detach = false;
  bool here = false;  // in this process, whoever owns the database; nothing is recorded
  std::string progress_file;
};

// "10:300": clusters, and questions kept of each.
absl::Status ParseThinning(const std::string& text, Lineage& lineage) {
  if (text.empty()) return absl::OkStatus();
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &lineage.thin_clusters) &&
      absl::SimpleAtoi(parts[1], &lineage.thin_each) && lineage.thin_clusters > 0 && lineage.thin_each > 0) {
    return absl::OkStatus();
  }
  return UsageError(absl::StrCat("--thin ", text, ": write CLUSTERS:EACH, such as 10:300"));
}

// How far a training is: a bar, or a file for who runs this as a child.
class TrainingBar {
 public:
  // `before` of `all` trainings are done.
  TrainingBar(const Terminal& terminal, std::string label, const std::string& file, int32_t before,
              int32_t all)
      : label_(std::move(label)),
        file_(file),
        before_(before),
        all_(all),
        printer_({terminal.err.tty, terminal.err.width, terminal.err.style},
                 [&terminal](absl::string_view text) { terminal.err.Write(text); }),
        start_(absl::Now()) {}
  ~TrainingBar() { printer_.Clear(); }

  void Show(const TrainProgress& progress) {
    if (first_ == 0) first_ = progress.epoch;
    const absl::Time now = absl::Now();
    ProgressState state;
    state.label = label_;
    state.done = progress.epoch;
    state.total = progress.epochs;
    const double each = absl::ToDoubleSeconds(now - start_) / (progress.epoch - first_ + 1);
    // Of the others, too, were none of them to stop early.
    state.eta_seconds = each * (progress.epochs - progress.epoch + (all_ - before_ - 1) * progress.epochs);
    state.state = absl::StrFormat("loss %.4f, validation %.4f, best %.4f", progress.train_loss,
                                  progress.validation_loss, progress.best_loss);
    if (file_.empty()) {
      if (now - start_ > absl::Seconds(1)) printer_.Update(state, now);
    } else if (now >= next_write_) {
      next_write_ = now + absl::Milliseconds(200);
      Write(state);
    }
  }

 private:
  void Write(const ProgressState& state) const {
    const double share = static_cast<double>(state.done) / static_cast<double>(state.total);
    const Json json = {
        {"doing", absl::StrCat(label_, ", epoch ", state.done, " of ", state.total, ", ", state.state)},
        {"share", (before_ + share) / all_},
        {"eta_seconds", state.eta_seconds}};
    // Progress that cannot be told is no reason to stop.
    (void)WriteFileAtomically(file_, json.dump());
  }

  const std::string label_;
  const std::string file_;
  const int32_t before_, all_;
  absl::Time next_write_ = absl::InfinitePast();
  ProgressPrinter printer_;
  const absl::Time start_;
  int32_t first_ = 0;
};

Json ReportJson(const TrainReport& report, const CalibrationError& error) {
  return {{"epochs", report.epochs},
          {"best_epoch", report.best_epoch},
          {"train_loss", report.train_loss},
          {"validation_loss", report.validation_loss},
          {"train_questions", report.train_questions},
          {"validation_questions", report.validation_questions},
          {"validation_brier", error.brier},
          {"validation_calibration_error", error.expected}};
}

// What a command trains on, read once.
struct Material {
  Snapshot snapshot;
  FeatureMatrix features;
  std::vector<size_t> train, validation;
  Lineage lineage;
};

absl::StatusOr<Material> Prepare(const Terminal& terminal, const Options& options) {
  Material material;
  if (FileExists(options.source)) {
    SPRINT_ASSIGN_OR_RETURN(material.snapshot, LoadSnapshot(options.source));
  } else {
    FreezeOptions freeze = options.freeze;
    freeze.experiments = {options.source};
    SPRINT_ASSIGN_OR_RETURN(FrozenFile frozen, FreezeToFile(options.features.sources.database, freeze, ""));
    terminal.err.Write(absl::StrCat("froze experiment ", options.source, " in ", frozen.path, "\n"));
    material.snapshot = std::move(frozen.snapshot);
  }
  const Snapshot& snapshot = material.snapshot;
  material.lineage = LineageOf(snapshot);
  SPRINT_RETURN_IF_ERROR(ParseThinning(options.thin, material.lineage));
  SPRINT_ASSIGN_OR_RETURN(material.features,
                          FeaturesWithProgress(terminal, options.recipe, snapshot.problems,
                                               snapshot.model_path, snapshot.weights_hash, options.features));
  material.lineage.recipe = material.features.kind;
  material.lineage.extractor_hash = material.features.extractor.Hex();
  material.train = snapshot.Of(Split::kTrain);
  material.validation = snapshot.Of(Split::kValidation);
  for (const std::vector<size_t>& split : {material.train, material.validation}) {
    for (const size_t problem : split)
      material.lineage.seen.push_back(NormalisedQuestion(snapshot.problems[problem].text));
  }
  if (material.lineage.thin_clusters > 0) {
    material.train = ThinQuestions(material.features, material.train, material.lineage.thin_clusters,
                                   material.lineage.thin_each, options.train.seed);
  }
  return material;
}

struct Row {
  std::string path;
  uint64_t seed = 0;
  TrainReport report;
  CalibrationError error;
};

// One seed: trained, calibrated, written.
absl::StatusOr<Row> TrainSeed(const Terminal& terminal, const Options& options, const Material& material,
                              uint64_t seed) {
  TrainOptions train = options.train;
  train.seed = seed;
  const std::string base = options.out.empty() ? material.snapshot.name : options.out;
  Row row;
  row.path = absl::StrCat(base, "-", seed, ".selector");
  row.seed = seed;
  TrainRun run;
  run.threads = options.features.sources.threads;
  run.checkpoint = options.checkpoint.empty() ? absl::StrCat(row.path, ".checkpoint")
                                              : absl::StrCat(options.checkpoint, "-", seed);
  run.checkpoint_every = options.checkpoint_every;
  TrainingBar bar(terminal, absl::StrCat("seed ", seed), options.progress_file,
                  static_cast<int32_t>(seed - options.train.seed), options.seeds + options.folds);
  SPRINT_ASSIGN_OR_RETURN(TrainedSelector trained,
                          TrainSelector(material.snapshot, material.features, material.train,
                                        material.validation, train, run, [&](const TrainProgress& progress) {
                                          bar.Show(progress);
                                          return true;
                                        }));
  row.report = trained.report;
  row.error = MeasureCalibration(trained.selector, material.snapshot, material.features, material.validation);
  Lineage lineage = material.lineage;
  lineage.options = TrainOptionsJson(train);
  lineage.seed = seed;
  lineage.report = ReportJson(row.report, row.error).dump();
  trained.selector.lineage = LineageToJson(lineage);
  SPRINT_RETURN_IF_ERROR(SaveSelector(trained.selector, row.path));
  std::remove(run.checkpoint.c_str());
  return row;
}

void ShowRows(const Terminal& terminal, const std::vector<Row>& rows) {
  Table table({{"selector"},
               {"seed", Align::kRight},
               {"epochs", Align::kRight},
               {"best", Align::kRight},
               {"training loss", Align::kRight},
               {"validation loss", Align::kRight},
               {"calibration error", Align::kRight}});
  for (const Row& row : rows) {
    table.AddRow({row.path, absl::StrCat(row.seed), absl::StrCat(row.report.epochs),
                  absl::StrCat(row.report.best_epoch), absl::StrFormat("%.4f", row.report.train_loss),
                  absl::StrFormat("%.4f", row.report.validation_loss),
                  absl::StrFormat("%.4f", row.error.expected)});
  }
  terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
}

Json FoldsJson(const CrossValidation& folds) {
  Json json = Json::array();
  for (const FoldResult& result : folds.results) {
    json.push_back({{"method", result.method},
                    {"n", result.n},
                    {"coverage", result.estimate.mean},
                    {"low", result.estimate.interval.low},
                    {"high", result.estimate.interval.high},
                    {"selector_minus", result.selector_minus.mean},
                    {"selector_minus_low", result.selector_minus.interval.low},
                    {"selector_minus_high", result.selector_minus.interval.high}});
  }
  return json;
}

void ShowFolds(const Terminal& terminal, const CrossValidation& folds, int32_t count) {
  terminal.out.Write(absl::StrCat("\n", count, "-fold cross-validation over ", folds.questions,
                                  " questions that are not the test's, coverage:\n"));
  Table table({{"method"},
               {"N", Align::kRight},
               {"any right", Align::kRight},
               {"95 % interval"},
               {"selector minus it", Align::kRight},
               {"95 % interval"}});
  for (const FoldResult& r : folds.results) {
    table.AddRow(
        {r.method, absl::StrCat(r.n), FormatPercent(r.estimate.mean),
         absl::StrFormat("%.1f to %.1f", 100 * r.estimate.interval.low, 100 * r.estimate.interval.high),
         absl::StrFormat("%+.1f", 100 * r.selector_minus.mean),
         absl::StrFormat("%+.1f to %+.1f", 100 * r.selector_minus.interval.low,
                         100 * r.selector_minus.interval.high)});
  }
  terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
}

absl::StatusOr<CrossValidation> ValidateFolds(const Terminal& terminal, const Options& options,
                                              const Material& material) {
  std::optional<TrainingBar> bar;
  int32_t shown = -1;
  return CrossValidate(
      material.snapshot, material.features, options.folds, options.train,
      {options.features.sources.threads, "", 0}, [&](int32_t fold, const TrainProgress& progress) {
        if (fold != shown) {
          bar.emplace(terminal, absl::StrCat("fold ", fold + 1, " of ", options.folds), options.progress_file,
                      options.seeds + fold, options.seeds + options.folds);
          shown = fold;
        }
        bar->Show(progress);
      });
}

// Gives the training to a coordinator where one is to run it; whether it did.
absl::StatusOr<bool> HandOn(const Terminal& terminal, const Options& options) {
  if (options.here) return false;
  TrainingJob job;
  job.connection.database = options.features.sources.database;
  job.connection.coordinator = options.coordinator;
  job.connection.token_file = options.token_file;
  job.detach = options.detach;
  job.json = options.json;
  job.name = options.source;
  SPRINT_ASSIGN_OR_RETURN(Coordinator coordinator, CoordinatorFor(job));
  if (coordinator.attached == nullptr && coordinator.started == nullptr) return false;
  std::string source = options.source;
  if (!FileExists(source)) {
    // Frozen now: a training that goes on after a restart must find the same outcomes.
    FreezeOptions freeze = options.freeze;
    freeze.experiments = {options.source};
    SPRINT_ASSIGN_OR_RETURN(const FrozenFile frozen,
                            FreezeToFile(options.features.sources.database, freeze, ""));
    source = frozen.path;
  }
  for (const std::string& word : options.words)
    job.arguments.push_back(word == options.source ? source : word);
  SPRINT_RETURN_IF_ERROR(RunTrainingJob(terminal, coordinator, std::move(job)));
  return true;
}

absl::StatusOr<int> Train(const Terminal& terminal, Options options) {
  SPRINT_ASSIGN_OR_RETURN(options.train.loss, ParseLossKind(options.loss));
  SPRINT_ASSIGN_OR_RETURN(options.train.score, ParseScoreKind(options.score));
  const absl::Status valid = CheckTrainOptions(options.train);
  if (!valid.ok()) return UsageError(valid.message());
  const absl::Status recipe = CheckRecipe(options.recipe);
  if (!recipe.ok()) return UsageError(recipe.message());
  SPRINT_ASSIGN_OR_RETURN(const bool handed_on, HandOn(terminal, options));
  if (handed_on) return kExitDone;
  SPRINT_ASSIGN_OR_RETURN(const Material material, Prepare(terminal, options));
  Json json = {{"snapshot", material.lineage.snapshot_hash}, {"features", material.lineage.recipe}};
  std::vector<Row> rows;
  for (int32_t i = 0; i < options.seeds; ++i) {
    SPRINT_ASSIGN_OR_RETURN(
        Row row, TrainSeed(terminal, options, material, options.train.seed + static_cast<uint64_t>(i)));
    Json entry = ReportJson(row.report, row.error);
    entry["file"] = row.path;
    entry["seed"] = row.seed;
    json["selectors"].push_back(entry);
    rows.push_back(std::move(row));
  }
  if (!options.here) {
    std::vector<std::string> files;
    for (const Row& row : rows) files.push_back(row.path);
    SPRINT_RETURN_IF_ERROR(
        RecordSelectors(terminal, options.features.sources.database, material.lineage.snapshot_hash, files));
  }
  if (!options.json) ShowRows(terminal, rows);
  if (options.folds > 0) {
    SPRINT_ASSIGN_OR_RETURN(const CrossValidation folds, ValidateFolds(terminal, options, material));
    json["folds"] = FoldsJson(folds);
    if (!options.json) ShowFolds(terminal, folds, options.folds);
  }
  if (options.json) terminal.out.Write(json.dump(2) + "\n");
  return kExitDone;
}

void AddTrainingOptions(CLI::App* command, Options& options) {
  TrainOptions& train = options.train;
  const auto add = [command](const std::string& flag, auto& value, const std::string& text,
                             const std::string& type) {
    return command->add_option(flag, value, text)->group("Training")->capture_default_str()->type_name(type);
  };
  AddChoice(command, "--loss", options.loss, {"infonce", "best", "utility", "logistic"},
            "All right arms; the best one; right arms by utility; each arm a yes or no")
      ->group("Training")
      ->capture_default_str();
  AddChoice(command, "--score", options.score, {"dot", "cosine", "distance"}, "How near question and arm are")
      ->group("Training")
      ->capture_default_str();
  add("--temperature", train.temperature, "Of cosine and distance", "T");
  add("--lambda", train.lambda, "Of utility: being right against being short", "X");
  add("--hidden", train.hidden, "Width of the question's MLP", "N");
  add("--dim", train.d, "Of the space that questions and arms share", "N");
  add("--components", train.components, "Principal components the MLP reads; 0: features as they are", "N");
  command->add_flag("--arm-features", train.arm_features, "Arms share what their layer and record say")
      ->group("Training");
  add("--dropout", train.dropout, "Share of hidden units left out in a step", "SHARE");
  add("--learning-rate", train.learning_rate, "Of AdamW", "X");
  add("--weight-decay", train.weight_decay, "Of AdamW", "X");
  add("--batch", train.batch, "Questions a step", "N");
  add("--epochs", train.epochs, "At most", "N");
  add("--patience", train.patience, "Epochs without a better validation loss; 0: never stop early", "N");
  add("--seed", train.seed, "Of weights, shuffles and thinning; the first of --seeds", "N");
  add("--seeds", options.seeds, "Selectors to train, each with the next seed", "N")
      ->check(CLI::PositiveNumber);
  add("--thin", options.thin, "Train on EACH questions of CLUSTERS clusters (k-means, DPP)", "CLUSTERS:EACH");
  add("--folds", options.folds, "Also cross-validate over so many folds", "K")->check(CLI::Range(0, 1000));
  add("--checkpoint-every", options.checkpoint_every, "Epochs between checkpoints; 0: none", "N");
}

void AddJobOptions(CLI::App* command, Options& options) {
  const auto add = [command](const std::string& flag, auto& value, const std::string& text) {
    return command->add_option(flag, value, text)->group("Coordinator");
  };
  add("--coordinator", options.coordinator,
      "The coordinator that trains; else the one that owns the database")
      ->envname("SPRINT_COORDINATOR")
      ->type_name("HOST:PORT");
  add("--token-file", options.token_file, "The word that it asks for")
      ->envname("SPRINT_TOKEN_FILE")
      ->type_name("FILE");
  command
      ->add_flag("--detach", options.detach,
                 "Return once a coordinator has it; where none runs one is started")
      ->group("Coordinator");
  command->add_flag("--here", options.here, "Train in this process, and record nothing")
      ->group("Coordinator");
  command->add_option("--progress-file", options.progress_file)->group("");
}

}  // namespace

void AddTrain(App& app, const std::vector<std::string>& words) {
  auto options = std::make_shared<Options>();
  options->words = words;
  CLI::App* command = app.Add(
      app.root(), "train", "Train selectors on a snapshot, or on an experiment, which is frozen first",
      {"sprint selector train demo --db sprint.db --seeds 5",
       "sprint selector train demo.snapshot.json --features hidden:1 --components 16 --folds 5",
       "sprint selector train demo.snapshot.json --loss utility --score cosine --temperature 0.1"},
      [options](const Terminal& terminal) { return Train(terminal, *options); });
  command->add_option("SNAPSHOT", options->source, "A snapshot's file, or an experiment's name")
      ->required()
      ->type_name("FILE|NAME");
  AddDatabaseOption(command, options->features.sources.database);
  command->add_option("--out", options->out, "Files are OUT-SEED.selector; else the snapshot's name")
      ->type_name("OUT");
  command
      ->add_option("--checkpoint", options->checkpoint, "Checkpoints are FILE-SEED; else beside the selector")
      ->type_name("FILE");
  command
      ->add_option("--features", options->recipe,
                   "What the selector knows of a question: hidden:LAYER, minilm, file, or A+B")
      ->group("Features")
      ->type_name("RECIPE")
      ->capture_default_str();
  AddFeatureOptions(command, options->features);
  AddTrainingOptions(command, *options);
  AddJobOptions(command, *options);
  AddSplitOptions(command, options->freeze);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
