#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/render/progress.h"
#include "cli/render/text.h"
#include "selector/program/commands.h"
#include "storage/reader.h"

namespace sprint {
namespace {

std::string DefaultCache() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder != nullptr && *folder != '\0')
    return absl::StrCat(folder, "/sprint/features");
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return absl::StrCat(home, "/.cache/sprint/features");
  return "";
}

}  // namespace

void AddDatabaseOption(CLI::App* command, std::string& database) {
  command->add_option("--db", database, "The results database")
      ->envname("SPRINT_DB")
      ->type_name("FILE")
      ->capture_default_str();
}

void AddSplitOptions(CLI::App* command, FreezeOptions& options) {
  SplitOptions& split = options.split;
  const auto add = [command](const std::string& flag, auto& value, const std::string& text) {
    return command->add_option(flag, value, text)->group("Splits")->capture_default_str();
  };
  add("--test-experiment", options.test_experiments,
      "Its questions are the test set, and no others; may be given again")
      ->type_name("NAME");
  add("--test-share", split.test_fraction, "Questions kept for the test")->type_name("SHARE");
  add("--validation-share", split.validation_fraction, "Questions that stop a training")->type_name("SHARE");
  add("--near-duplicate", split.near_duplicate,
      "Questions whose word triples are this alike (Jaccard) are never parted")
      ->type_name("SHARE");
  add("--split-seed", split.seed, "Of the split")->type_name("N");
}

absl::StatusOr<FrozenFile> FreezeToFile(const std::string& database, const FreezeOptions& options,
                                        const std::string& out) {
  SPRINT_RETURN_IF_ERROR(CheckSplitOptions(options.split));
  if (!FileExists(database)) {
    return absl::NotFoundError(
        absl::StrCat("there is no database ", database, "; sprint launch makes one, --db names another"));
  }
  SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(database));
  FrozenFile frozen;
  SPRINT_ASSIGN_OR_RETURN(frozen.snapshot, FreezeSnapshot(*reader, options));
  frozen.path = out.empty() ? absl::StrCat(frozen.snapshot.name, ".snapshot.json") : out;
  SPRINT_RETURN_IF_ERROR(SaveSnapshot(frozen.snapshot, frozen.path));
  return frozen;
}

void AddFeatureOptions(CLI::App* command, FeatureOptions& options) {
  options.cache = DefaultCache();
  FeatureSources& sources = options.sources;
  const auto add = [command](const std::string& flag, auto& value, const std::string& text) {
    return command->add_option(flag, value, text)->group("Features")->capture_default_str();
  };
  add("--model", sources.model, "The model of hidden states; else where the sweep found it")
      ->type_name("PATH");
  add("--encoder", sources.encoder, "Of minilm: a folder of all-MiniLM-L6-v2")
      ->envname("SPRINT_MINILM")
      ->type_name("DIR");
  add("--features-file", sources.file, "Features of a file: safetensors, [questions, dim]")
      ->type_name("FILE");
  command
      ->add_option("--feature-cache", options.cache,
                   "Where features are kept; else ~/.cache/sprint; \"\": nowhere")
      ->group("Features")
      ->type_name("DIR");
  add("--threads", sources.threads, "CPU threads; 0: all")->type_name("N")->check(CLI::NonNegativeNumber);
}

StepsBar::StepsBar(const Terminal& terminal)
    : printer_({terminal.err.tty, terminal.err.width, terminal.err.style},
               [&terminal](absl::string_view text) { terminal.err.Write(text); }),
      start_(absl::Now()) {}

void StepsBar::Show(const std::string& label, int64_t done, int64_t total) {
  const absl::Time now = absl::Now();
  const double spent = absl::ToDoubleSeconds(now - start_);
  if (spent < 2) return;
  ProgressState state;
  state.label = label;
  state.done = done;
  state.total = total;
  if (done > 0) state.eta_seconds = spent / static_cast<double>(done) * static_cast<double>(total - done);
  printer_.Update(state, now);
}

absl::StatusOr<FeatureMatrix> FeaturesWithProgress(const Terminal& terminal, const std::string& recipe,
                                                   absl::Span<const SnapshotProblem> problems,
                                                   const std::string& model_path,
                                                   const std::string& weights_hash,
                                                   const FeatureOptions& options) {
  FeatureSources sources = options.sources;
  sources.cache = options.cache;
  sources.weights_hash = weights_hash;
  if (sources.model.empty()) sources.model = model_path;
  StepsBar bar(terminal);
  return MakeFeatures(recipe, problems, sources,
                      [&bar](const std::string& what, int64_t done, int64_t total) {
                        bar.Show(absl::StrCat("features ", what), done, total);
                      });
}

void AddPolicyOptions(CLI::App* command, PolicyFlags& flags) {
  const auto choice = [command](const std::string& flag, std::string& value,
                                const std::vector<std::string>& choices, const std::string& text) {
    AddChoice(command, flag, value, choices, text)->group("Policy")->capture_default_str();
  };
  choice("--policy", flags.kind, {"top", "coverage", "neighbours"},
         "Best scores; marginal coverage; coverage of alike questions");
  choice("--baseline", flags.baseline, {"candidate", "excluded", "fallback"},
         "An arm like others; never run; run when no arm is better");
  command->add_option("--sharpness", flags.sharpness, "Of neighbours: how much more the most alike count")
      ->group("Policy")
      ->type_name("X")
      ->capture_default_str();
}

absl::StatusOr<PolicyOptions> PolicyOf(const PolicyFlags& flags) {
  PolicyOptions policy;
  SPRINT_ASSIGN_OR_RETURN(policy.kind, ParsePolicyKind(flags.kind));
  SPRINT_ASSIGN_OR_RETURN(policy.baseline, ParseBaselineUse(flags.baseline));
  policy.sharpness = flags.sharpness;
  return policy;
}

void AddArmCount(CLI::App* command, int32_t& n) {
  command->add_option("-n,--n", n, "How many arms a question")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

std::vector<ChosenArm> ChooseWithScores(const Selector& selector, absl::Span<const float> features, int32_t n,
                                        const PolicyOptions& policy) {
  const std::vector<float> scores = selector.Scores(selector.Place(features));
  const std::vector<float> probabilities = selector.Probabilities(scores);
  std::vector<ChosenArm> chosen;
  for (const int32_t arm : ChooseArms(selector, features, n, policy)) {
    const auto at = static_cast<size_t>(arm);
    chosen.push_back({arm, scores[at], probabilities[at]});
  }
  return chosen;
}

nlohmann::ordered_json ChoiceJson(const std::string& id, const Selector& selector,
                                  absl::Span<const ChosenArm> chosen) {
  nlohmann::ordered_json arms = nlohmann::ordered_json::array();
  nlohmann::ordered_json scores = nlohmann::ordered_json::array();
  for (const ChosenArm& choice : chosen) {
    arms.push_back(selector.arm_names[static_cast<size_t>(choice.arm)]);
    scores.push_back(choice.probability);
  }
  return {{"id", id}, {"arms", arms}, {"scores", scores}};
}

const std::string& ModelOf(const FeatureOptions& options, const Lineage& lineage) {
  return options.sources.model.empty() ? lineage.model_path : options.sources.model;
}

absl::StatusOr<OpenedSelector> OpenSelector(const std::string& path) {
  OpenedSelector opened;
  opened.path = path;
  SPRINT_ASSIGN_OR_RETURN(opened.selector, LoadSelector(path));
  SPRINT_ASSIGN_OR_RETURN(opened.lineage, LineageFromJson(opened.selector.lineage, path));
  return opened;
}

absl::Status CheckUnseen(const OpenedSelector& selector, absl::Span<const SnapshotProblem> problems,
                         bool allow) {
  if (allow) return absl::OkStatus();
  std::vector<std::string> texts;
  for (const SnapshotProblem& problem : problems) texts.push_back(problem.text);
  const std::vector<bool> seen = WasSeen(selector.lineage, texts);
  int64_t count = 0;
  std::string first;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    if (count++ == 0) first = problems[i].id;
  }
  if (count == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      selector.path, " was trained on ", Plural(count, "of these questions", "of these questions"),
      " or a near-duplicate, the first is ", first,
      "; what it gets there says nothing of new questions. Leave them out, or give --allow-seen"));
}

}  // namespace sprint
