// sprint compare: selectors beside every fair way to spend N answers, on test questions.
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "selector/comparison.h"
#include "selector/program/commands.h"
#include "selector/sampled_outcomes.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string snapshot;
  std::vector<std::string> selectors;
  std::string samples;  // an experiment
  std::string database = "sprint.db";
  std::vector<int32_t> n = {1, 2, 4, 8};
  FeatureOptions features;
  PolicyFlags policy;
  int32_t draws = 200;
  bool with_baseline = false;
  bool allow_seen = false;
  bool json = false;
};

// "demo-3.selector" without its folder, number and ending.
std::string Stem(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.rfind('.'));
  const size_t dash = name.rfind('-');
  int64_t number = 0;
  return dash != std::string::npos && absl::SimpleAtoi(name.substr(dash + 1), &number) ? name.substr(0, dash)
                                                                                       : name;
}

// A method to compare: selectors that differ in their seed alone.
struct Method {
  std::string name;
  std::string recipe;
  std::vector<OpenedSelector> seeds;
};

absl::StatusOr<std::vector<Method>> GroupBySeed(const std::vector<std::string>& paths) {
  std::vector<Method> methods;
  std::map<std::string, size_t> known;
  for (const std::string& path : paths) {
    SPRINT_ASSIGN_OR_RETURN(OpenedSelector opened, OpenSelector(path));
    const auto [found, added] = known.try_emplace(MethodKey(opened.lineage), methods.size());
    if (added) methods.push_back({Stem(path), opened.lineage.recipe, {}});
    methods[found->second].seeds.push_back(std::move(opened));
  }
  if (methods.size() == 1) methods[0].name = "selector";
  std::map<std::string, int> uses;
  for (Method& method : methods) {
    const int use = ++uses[method.name];
    if (use > 1) absl::StrAppend(&method.name, " (", use, ")");
  }
  return methods;
}

absl::Status CheckFits(const OpenedSelector& selector, const Snapshot& snapshot) {
  if (selector.selector.arm_names == snapshot.arms) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(selector.path, " chooses among ", selector.selector.arm_names.size(),
                   " arms that are not the ", snapshot.arms.size(), " of snapshot ", snapshot.name,
                   ", or in another order; compare it on a snapshot of its own sweep"));
}

std::string Points(const Interval& interval) {
  return absl::StrFormat("%+.1f to %+.1f", 100 * interval.low, 100 * interval.high);
}

Json EstimateJson(const Estimate& estimate) {
  return {{"mean", estimate.mean}, {"low", estimate.interval.low}, {"high", estimate.interval.high}};
}

// The first selector that was named is what the others are measured against.
Json ComparisonJson(const Comparison& comparison, const std::string& own) {
  Json json = {{"questions", comparison.questions}, {"incomplete", comparison.incomplete}};
  for (const MethodResult& result : comparison.results) {
    Json row = {{"method", result.method},
                {"n", result.n},
                {"aggregation", std::string(AggregationName(result.aggregation))},
                {"value", EstimateJson(EstimateOf(result))},
                {"repetitions", result.of_repetition}};
    const MethodResult* selector = comparison.Find(own, result.n, result.aggregation);
    if (selector != nullptr && result.method != own)
      row["selector_minus"] = EstimateJson(PairedDifference(*selector, result));
    json["results"].push_back(row);
  }
  return json;
}

// A row a method, a column an N. `cell` writes one.
template <typename Cell>
void ShowTable(const Terminal& terminal, const Comparison& comparison, const std::vector<int32_t>& n,
               Aggregation aggregation, const Cell& cell) {
  std::vector<TableColumn> columns = {{"method"}};
  std::vector<std::string> methods;
  std::vector<int32_t> shown;
  for (const int32_t count : n) {
    bool any = false;
    for (const MethodResult& result : comparison.results) any = any || result.n == count;
    if (!any) continue;
    shown.push_back(count);
    columns.push_back({absl::StrCat("N = ", count), Align::kRight});
  }
  for (const MethodResult& result : comparison.results) {
    if (std::find(methods.begin(), methods.end(), result.method) == methods.end())
      methods.push_back(result.method);
  }
  Table table(columns);
  for (const std::string& method : methods) {
    std::vector<TableCell> row = {method};
    for (const int32_t count : shown) {
      const MethodResult* result = comparison.Find(method, count, aggregation);
      row.push_back(result == nullptr ? TableCell("") : cell(*result));
    }
    table.AddRow(std::move(row));
  }
  terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
}

void Show(const Terminal& terminal, const Options& options, const Comparison& comparison,
          const std::string& own) {
  terminal.out.Write(absl::StrCat(
      Plural(comparison.questions, "test question", "test questions"),
      comparison.incomplete > 0 ? absl::StrCat(" (", comparison.incomplete, " more lack outcomes)") : "",
      "; 95 % intervals over questions and training seeds\n"));
  for (const Aggregation aggregation : {Aggregation::kCoverage, Aggregation::kMajority}) {
    const bool coverage = aggregation == Aggregation::kCoverage;
    terminal.out.Write(coverage ? "\nany of N right (coverage), %\n" : "\nmajority of N right, %\n");
    ShowTable(terminal, comparison, options.n, aggregation, [](const MethodResult& result) {
      const Estimate estimate = EstimateOf(result);
      return TableCell(absl::StrFormat("%.1f ±%.1f", 100 * estimate.mean,
                                       50 * (estimate.interval.high - estimate.interval.low)));
    });
    if (own.empty()) continue;
    terminal.out.Write(
        absl::StrCat("\n", own, " minus each, points (95 % interval of the paired difference)\n"));
    ShowTable(terminal, comparison, options.n, aggregation, [&](const MethodResult& result) {
      const MethodResult* selector = comparison.Find(own, result.n, result.aggregation);
      if (result.method == own || selector == nullptr) return TableCell("");
      const Estimate estimate = PairedDifference(*selector, result);
      const Tone tone = estimate.interval.low > 0    ? Tone::kGood
                        : estimate.interval.high < 0 ? Tone::kBad
                                                     : Tone::kPlain;
      return TableCell(absl::StrFormat("%+.1f (%s)", 100 * estimate.mean, Points(estimate.interval)), tone);
    });
  }
}

// What selectors choose, by their features of the snapshot's questions.
struct Choosers {
  std::map<std::string, FeatureMatrix> features;  // by recipe
  std::vector<NamedSelector> named;
};

absl::Status AddChoosers(const Terminal& terminal, const Options& options, const Snapshot& snapshot,
                         const std::vector<Method>& methods, const PolicyOptions& policy,
                         Choosers& choosers) {
  std::vector<SnapshotProblem> test;
  for (const size_t problem : snapshot.Of(Split::kTest)) test.push_back(snapshot.problems[problem]);
  for (const Method& method : methods) {
    FeatureMatrix& features = choosers.features[method.recipe];
    if (features.rows == 0) {
      SPRINT_ASSIGN_OR_RETURN(
          features, FeaturesWithProgress(terminal, method.recipe, snapshot.problems, snapshot.model_path,
                                         snapshot.weights_hash, options.features));
    }
    NamedSelector named{method.name, {}};
    for (const OpenedSelector& seed : method.seeds) {
      SPRINT_RETURN_IF_ERROR(CheckFits(seed, snapshot));
      SPRINT_RETURN_IF_ERROR(CheckUnseen(seed, test, options.allow_seen));
      named.seeds.push_back([&seed, &features, policy](size_t problem, int32_t n) {
        return ChooseArms(seed.selector, features.Row(problem), n, policy);
      });
    }
    choosers.named.push_back(std::move(named));
  }
  return absl::OkStatus();
}

// The unpruned model's samples, from an experiment of their own.
absl::Status AddSamples(const Options& options, const Snapshot& snapshot, const ComparisonOptions& comparing,
                        Comparison& comparison) {
  if (options.samples.empty()) return absl::OkStatus();
  SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(options.database));
  SPRINT_ASSIGN_OR_RETURN(std::vector<MethodResult> results,
                          SampledResults(*reader, options.samples, snapshot, comparing));
  std::move(results.begin(), results.end(), std::back_inserter(comparison.results));
  return absl::OkStatus();
}

absl::StatusOr<int> RunCompare(const Terminal& terminal, const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  SPRINT_ASSIGN_OR_RETURN(const Snapshot snapshot, LoadSnapshot(options.snapshot));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Method> methods, GroupBySeed(options.selectors));
  Choosers choosers;
  SPRINT_RETURN_IF_ERROR(AddChoosers(terminal, options, snapshot, methods, policy, choosers));
  ComparisonOptions comparing;
  comparing.n = options.n;
  comparing.draws = options.draws;
  comparing.random_with_baseline = options.with_baseline;
  SPRINT_ASSIGN_OR_RETURN(Comparison comparison, Compare(snapshot, choosers.named, comparing));
  SPRINT_RETURN_IF_ERROR(AddSamples(options, snapshot, comparing, comparison));
  const std::string own = methods.empty() ? "" : methods.front().name;
  if (options.json) {
    terminal.out.Write(ComparisonJson(comparison, own).dump(2) + "\n");
  } else {
    Show(terminal, options, comparison, own);
  }
  return kExitDone;
}

}  // namespace

void AddCompare(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.Add(
      app.root(), "compare",
      "Selectors against every fair way to spend N answers, on a snapshot's test questions",
      {"sprint compare demo.snapshot.json demo-*.selector",
       "sprint compare demo.snapshot.json a-*.selector b-*.selector -n 1,2,4,8,16 --policy neighbours"},
      [options](const Terminal& terminal) { return RunCompare(terminal, *options); });
  command->add_option("SNAPSHOT", options->snapshot, "The snapshot's file")->required()->type_name("FILE");
  command
      ->add_option("SELECTOR", options->selectors,
                   "Selectors' files; those that differ in their seed alone are one method")
      ->type_name("FILE");
  command
      ->add_option("--samples", options->samples,
                   "An experiment with samples of the unpruned model, as sprint bon makes: another method")
      ->type_name("EXPERIMENT");
  AddDatabaseOption(command, options->database);
  command->add_option("-n", options->n, "How many arms a question")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("N,…")
      ->capture_default_str();
  command->add_option("--draws", options->draws, "Draws a question of what is not computed exactly")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--with-baseline", options->with_baseline,
                    "Blind methods may take the baseline as an arm");
  command->add_flag("--allow-seen", options->allow_seen, "Also on questions that a selector saw in training");
  AddPolicyOptions(command, options->policy);
  AddFeatureOptions(command, options->features);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
