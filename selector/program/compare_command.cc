// sprint compare: selectors beside every fair way to spend N answers, on test questions; and pruned arms
// beside a control's.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/render/text.h"
#include "selector/program/commands.h"
#include "selector/program/compare_report.h"
#include "selector/sampled_outcomes.h"

namespace sprint {
namespace {

struct Options {
  std::string snapshot;
  std::vector<std::string> selectors;
  std::vector<std::string> controls;  // snapshots
  std::vector<std::string> samples;   // experiments
  std::vector<int32_t> n = {1, 2, 4, 8, 16};
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

std::vector<Method> GroupBySeed(std::vector<OpenedSelector> opened) {
  std::vector<Method> methods;
  std::map<std::string, size_t> known;
  for (OpenedSelector& selector : opened) {
    const auto [found, added] = known.try_emplace(MethodKey(selector.lineage), methods.size());
    if (added) methods.push_back({Stem(selector.path), selector.lineage.recipe, {}});
    methods[found->second].seeds.push_back(std::move(selector));
  }
  if (methods.size() == 1) methods[0].name = "selector";
  std::map<std::string, int> uses;
  for (Method& method : methods) {
    const int use = ++uses[method.name];
    if (use > 1) absl::StrAppend(&method.name, " (", use, ")");
  }
  return methods;
}

// A snapshot with the selectors that choose among its arms.
struct Side {
  Snapshot snapshot;
  std::vector<Method> methods;
};

// The snapshot first, then the controls. A selector belongs to the first with its arms.
absl::StatusOr<std::vector<Side>> OpenSides(const Options& options) {
  std::vector<std::string> paths = {options.snapshot};
  paths.insert(paths.end(), options.controls.begin(), options.controls.end());
  std::vector<Side> sides;
  for (const std::string& path : paths) {
    SPRINT_ASSIGN_OR_RETURN(sides.emplace_back().snapshot, LoadSnapshot(path));
    if (sides.back().snapshot.run_hash == sides[0].snapshot.run_hash) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is of another run (model, dtype, decoding) than ", options.snapshot,
                     "; a control differs in its arms alone"));
  }
  std::vector<std::vector<OpenedSelector>> of_side(sides.size());
  for (const std::string& path : options.selectors) {
    SPRINT_ASSIGN_OR_RETURN(OpenedSelector opened, OpenSelector(path));
    size_t side = 0;
    while (side < sides.size() && sides[side].snapshot.arms != opened.selector.arm_names) ++side;
    if (side == sides.size()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " chooses among ", opened.selector.arm_names.size(), " arms that are not the ",
                       sides[0].snapshot.arms.size(), " of snapshot ", sides[0].snapshot.name,
                       ", or in another order; compare it on a snapshot of its own sweep"));
    }
    of_side[side].push_back(std::move(opened));
  }
  for (size_t side = 0; side < sides.size(); ++side) {
    std::vector<Method>& methods = sides[side].methods;
    methods = GroupBySeed(std::move(of_side[side]));
    // The k-th of a control stands beside the k-th of the snapshot.
    for (size_t k = 0; side > 0 && k < std::min(methods.size(), sides[0].methods.size()); ++k)
      methods[k].name = sides[0].methods[k].name;
  }
  return sides;
}

// What a side's selectors choose for these of its questions.
absl::StatusOr<std::vector<SelectorChoices>> ChooseOn(const Terminal& terminal, const Options& options,
                                                      const Side& side, absl::Span<const size_t> questions) {
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  const Snapshot& snapshot = side.snapshot;
  std::vector<SnapshotProblem> tested;
  for (const size_t problem : questions) tested.push_back(snapshot.problems[problem]);
  std::map<std::string, FeatureMatrix> by_recipe;
  const int32_t most_n = *std::max_element(options.n.begin(), options.n.end());
  std::vector<SelectorChoices> choices;
  for (const Method& method : side.methods) {
    FeatureMatrix& features = by_recipe[method.recipe];
    if (features.rows == 0) {
      SPRINT_ASSIGN_OR_RETURN(
          features, FeaturesWithProgress(terminal, method.recipe, snapshot.problems, snapshot.model_path,
                                         snapshot.weights_hash, options.features));
    }
    NamedSelector named{method.name, {}};
    for (const OpenedSelector& seed : method.seeds) {
      SPRINT_RETURN_IF_ERROR(CheckUnseen(seed, tested, options.allow_seen));
      named.seeds.push_back([&seed, &features, policy](size_t problem, int32_t n) {
        ChosenArms chosen;
        for (const ChosenArm& one : ChooseWithScores(seed.selector, features.Row(problem), n, policy)) {
          chosen.arms.push_back(one.arm);
          chosen.weights.push_back(one.probability);
        }
        return chosen;
      });
    }
    choices.push_back(ChooseAll(named, questions, most_n));
  }
  return choices;
}

absl::StatusOr<Comparison> CompareWithProgress(const Terminal& terminal, const Options& options,
                                               const Snapshot& snapshot,
                                               absl::Span<const SelectorChoices> choices,
                                               const std::vector<size_t>& questions) {
  StepsBar bar(terminal);
  ComparisonOptions comparing;
  comparing.n = options.n;
  comparing.draws = options.draws;
  comparing.random_with_baseline = options.with_baseline;
  comparing.questions = questions;
  comparing.progress = [&](int64_t done, int64_t total) {
    bar.Show(absl::StrCat("comparing on ", snapshot.name), done, total);
  };
  return CompareChoices(snapshot, choices, comparing);
}

absl::StatusOr<Comparison> CompareSide(const Terminal& terminal, const Options& options, const Side& side,
                                       const std::vector<size_t>& questions) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<SelectorChoices> choices,
                          ChooseOn(terminal, options, side, questions));
  return CompareWithProgress(terminal, options, side.snapshot, choices, questions);
}

constexpr Aggregation kAggregations[] = {Aggregation::kCoverage, Aggregation::kMajority,
                                         Aggregation::kWeighted};

// (g) of a selector at every N, where the experiment has all samples that it takes.
absl::Status AddSelectedSamples(const SampledOutcomes& outcomes, const SelectorChoices& selector,
                                CompareReport& report) {
  std::vector<MethodResult> results;
  for (const Aggregation aggregation : kAggregations) {
    for (const int32_t n : report.n) {
      SPRINT_ASSIGN_OR_RETURN(MethodResult result, SelectedSamples(outcomes, selector, n, aggregation));
      results.push_back(std::move(result));
    }
  }
  std::move(results.begin(), results.end(), std::back_inserter(report.comparison.results));
  return absl::OkStatus();
}

// (b), which the others are compared with.
void AddReference(size_t questions, CompareReport& report) {
  report.questions.resize(questions);
  std::iota(report.questions.begin(), report.questions.end(), 0);
  report.reference = std::make_unique<MethodValues>(report.samples, report.questions);
  for (const Aggregation aggregation : kAggregations) {
    for (const int32_t n : report.n) {
      if (n <= report.reference->most_n())
        report.comparison.results.push_back(report.reference->AtN(n, aggregation));
    }
  }
}

// (b) and (g) from experiments with samples of the test questions: each once, (b) from that with most
// samples.
absl::Status AddSamples(const Options& options, const Snapshot& snapshot,
                        absl::Span<const SelectorChoices> choices, const std::vector<size_t>& questions,
                        CompareReport& report) {
  if (options.samples.empty()) return absl::OkStatus();
  SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(options.features.sources.database));
  std::vector<bool> sampled(choices.size(), false);
  for (const std::string& experiment : options.samples) {
    SPRINT_ASSIGN_OR_RETURN(const SampledOutcomes outcomes,
                            ReadSampledOutcomes(*reader, experiment, snapshot, questions));
    AnsweringMethod samples = BaselineSamples(outcomes);
    const size_t answered = samples.answers.size();
    bool used = answered == questions.size();
    if (used && samples.most_n() > report.samples.most_n()) report.samples = std::move(samples);
    for (size_t k = 0; k < choices.size(); ++k) {
      if (sampled[k] || !AddSelectedSamples(outcomes, choices[k], report).ok()) continue;
      sampled[k] = true;
      used = true;
    }
    if (used) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("experiment ", outcomes.experiment, " has samples of the unpruned model for ", answered,
                     " of the ", questions.size(),
                     " test questions, and not all that a selector chooses; sprint launch with a "
                     "temperature makes them"));
  }
  if (report.samples.most_n() > 0) AddReference(questions.size(), report);
  return absl::OkStatus();
}

// The questions that both compare, as each numbers them.
std::pair<std::vector<size_t>, std::vector<size_t>> SharedQuestions(const Snapshot& a, const Snapshot& b) {
  absl::flat_hash_map<std::string, size_t> known;
  const auto key = [](const SnapshotProblem& problem) {
    return std::string(reinterpret_cast<const char*>(problem.tokens.data()),
                       problem.tokens.size() * sizeof(int32_t));
  };
  for (const size_t problem : ComparedQuestions(b)) known[key(b.problems[problem])] = problem;
  std::pair<std::vector<size_t>, std::vector<size_t>> shared;
  for (const size_t problem : ComparedQuestions(a)) {
    const auto found = known.find(key(a.problems[problem]));
    if (found == known.end()) continue;
    shared.first.push_back(problem);
    shared.second.push_back(found->second);
  }
  return shared;
}

absl::Status AddControl(const Terminal& terminal, const Options& options, const Side& own,
                        const Side& control, CompareReport& report) {
  const auto [questions, of_control] = SharedQuestions(own.snapshot, control.snapshot);
  if (questions.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "snapshots ", own.snapshot.name, " and ", control.snapshot.name,
        " test no question that both have outcomes of; sweep the same questions, and freeze both alike"));
  }
  ControlComparison& added = report.controls.emplace_back();
  added.name = control.snapshot.name;
  SPRINT_ASSIGN_OR_RETURN(added.own, CompareSide(terminal, options, own, questions));
  SPRINT_ASSIGN_OR_RETURN(added.control, CompareSide(terminal, options, control, of_control));
  return absl::OkStatus();
}

absl::StatusOr<int> RunCompare(const Terminal& terminal, const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Side> sides, OpenSides(options));
  const Side& own = sides[0];
  const std::vector<size_t> questions = ComparedQuestions(own.snapshot);
  CompareReport report;
  report.n = options.n;
  if (!own.methods.empty()) report.selector = own.methods[0].name;
  SPRINT_ASSIGN_OR_RETURN(const std::vector<SelectorChoices> choices,
                          ChooseOn(terminal, options, own, questions));
  SPRINT_ASSIGN_OR_RETURN(report.comparison,
                          CompareWithProgress(terminal, options, own.snapshot, choices, questions));
  SPRINT_RETURN_IF_ERROR(AddSamples(options, own.snapshot, choices, questions, report));
  for (size_t side = 1; side < sides.size(); ++side)
    SPRINT_RETURN_IF_ERROR(AddControl(terminal, options, own, sides[side], report));
  if (options.json) {
    terminal.out.Write(CompareJson(report));
  } else {
    ShowCompare(terminal, report);
  }
  return kExitDone;
}

void AddCompareOptions(CLI::App* command, Options& options) {
  command->add_option("SNAPSHOT", options.snapshot, "The snapshot's file")->required()->type_name("FILE");
  command
      ->add_option("SELECTOR", options.selectors,
                   "Selectors' files, of the snapshot or of a control; those that differ in their seed alone "
                   "are one method")
      ->type_name("FILE");
  command
      ->add_option("--control", options.controls,
                   "A snapshot of the same questions with other arms (scaled heads, say): the same methods "
                   "with those, and the difference; may be given again")
      ->type_name("FILE");
  command
      ->add_option("--samples", options.samples,
                   "Experiments with samples of the test questions, as sprint bon or sprint launch make: the "
                   "unpruned model's, and the selected arms'")
      ->delimiter(',')
      ->type_name("EXPERIMENT,…");
  AddDatabaseOption(command, options.features.sources.database);
  command->add_option("-n", options.n, "How many arms a question")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("N,…")
      ->capture_default_str();
  command->add_option("--draws", options.draws, "Draws a question of what is not computed exactly")
      ->check(CLI::PositiveNumber)
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--with-baseline", options.with_baseline,
                    "Blind methods may take the baseline as an arm");
  command->add_flag("--allow-seen", options.allow_seen, "Also on questions that a selector saw in training");
}

}  // namespace

void AddCompare(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.Add(
      app.root(), "compare",
      "Selectors against every fair way to spend N answers, on a snapshot's test questions",
      {"sprint compare demo.snapshot.json demo-*.selector",
       "sprint compare demo.snapshot.json demo-*.selector --samples sampled --db sprint.db",
       "sprint compare demo.snapshot.json demo-*.selector halved-*.selector --control halved.snapshot.json",
       "sprint compare demo.snapshot.json a-*.selector b-*.selector -n 1,2,4 --policy top"},
      [options](const Terminal& terminal) { return RunCompare(terminal, *options); });
  AddCompareOptions(command, *options);
  AddPolicyOptions(command, options->policy);
  AddFeatureOptions(command, options->features);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
