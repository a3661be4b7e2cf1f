// sprint selector eval: one selector on a split of a snapshot: its probabilities, and what it chooses.
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "cli/render/text.h"
#include "eval/statistics/intervals.h"
#include "selector/calibration.h"
#include "selector/program/commands.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string selector;
  std::string snapshot;
  std::vector<int32_t> n = {1, 2, 4, 8, 16};
  FeatureOptions features;
  PolicyFlags policy;
  bool allow_seen = false;
  bool json = false;
};

// Questions of which one of the first n arms that are judged is right.
int64_t Covered(const Snapshot& snapshot, absl::Span<const size_t> problems, int32_t n,
                const std::function<std::vector<int32_t>(size_t, int32_t)>& choose) {
  int64_t covered = 0;
  for (const size_t problem : problems) {
    bool right = false;
    for (const int32_t arm : choose(problem, n))
      right = right || snapshot.At(problem, static_cast<size_t>(arm)).right == 1;
    covered += right ? 1 : 0;
  }
  return covered;
}

absl::StatusOr<int> Eval(const Terminal& terminal, const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  SPRINT_ASSIGN_OR_RETURN(const OpenedSelector opened, OpenSelector(options.selector));
  SPRINT_ASSIGN_OR_RETURN(const Snapshot snapshot, LoadSnapshot(options.snapshot));
  if (opened.selector.arm_names != snapshot.arms) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.selector, " chooses among other arms than those of ", options.snapshot));
  }
  const std::vector<size_t> test = snapshot.Of(Split::kTest);
  std::vector<SnapshotProblem> problems;
  for (const size_t problem : test) problems.push_back(snapshot.problems[problem]);
  if (test.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.snapshot, " has no test question; freeze with a test share above 0"));
  }
  SPRINT_RETURN_IF_ERROR(CheckUnseen(opened, problems, options.allow_seen));
  SPRINT_ASSIGN_OR_RETURN(const FeatureMatrix features,
                          FeaturesWithProgress(terminal, opened.lineage.recipe, snapshot.problems,
                                               snapshot.model_path, snapshot.weights_hash, options.features));
  const CalibrationError error = MeasureCalibration(opened.selector, snapshot, features, test);
  const auto choose = [&](size_t problem, int32_t n) {
    return ChooseArms(opened.selector, features.Row(problem), n, policy);
  };
  const auto questions = static_cast<int64_t>(test.size());
  Json json = {{"questions", questions}, {"brier", error.brier}, {"calibration_error", error.expected}};
  std::string text =
      absl::StrFormat("%s: probabilities of %s: mean squared error (Brier) %.4f, calibration error %.4f\n",
                      Plural(questions, "test question", "test questions"),
                      Plural(error.cells, "answer", "answers"), error.brier, error.expected);
  for (const int32_t n : options.n) {
    if (static_cast<size_t>(n) > snapshot.arms.size()) continue;
    const int64_t covered = Covered(snapshot, test, n, choose);
    const Interval interval = WilsonInterval(covered, questions);
    const double share = static_cast<double>(covered) / static_cast<double>(questions);
    json["coverage"].push_back({{"n", n}, {"value", share}, {"low", interval.low}, {"high", interval.high}});
    absl::StrAppendFormat(&text, "any of its %d right: %s (%.1f to %.1f)\n", n, FormatPercent(share),
                          100 * interval.low, 100 * interval.high);
  }
  terminal.out.Write(options.json ? json.dump(2) + "\n" : text);
  return kExitDone;
}

}  // namespace

void AddEval(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.Add(app.root(), "eval", "One selector on a snapshot's test questions",
                              {"sprint selector eval demo-1.selector demo.snapshot.json"},
                              [options](const Terminal& terminal) { return Eval(terminal, *options); });
  command->add_option("SELECTOR", options->selector, "The selector's file")->required()->type_name("FILE");
  command->add_option("SNAPSHOT", options->snapshot, "The snapshot's file")->required()->type_name("FILE");
  command->add_option("-n", options->n, "How many arms a question")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("N,…")
      ->capture_default_str();
  command->add_flag("--allow-seen", options->allow_seen, "Also on questions that it saw in training");
  AddPolicyOptions(command, options->policy);
  AddDatabaseOption(command, options->features.sources.database);
  AddFeatureOptions(command, options->features);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
