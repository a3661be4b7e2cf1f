// sprint select: the arms for one question. sprint selector choose: the arms for each question of a data set,
// as JSON lines.
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "eval/dataset.h"
#include "selector/program/commands.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string selector;
  std::string question;  // select
  std::string dataset;   // choose
  std::string snapshot;  // choose
  std::vector<std::string> fields;
  int64_t limit = 0;
  int64_t offset = 0;
  int32_t n = 4;
  FeatureOptions features;
  PolicyFlags policy;
  std::string out;
  bool allow_seen = false;
  bool json = false;
};

// An arm that was chosen for a question.
struct Choice {
  int32_t arm = 0;
  float score = 0;
  float probability = 0;
};

std::vector<Choice> Choose(const Selector& selector, absl::Span<const float> features, int32_t n,
                           const PolicyOptions& policy) {
  const std::vector<float> scores = selector.Scores(selector.Place(features));
  const std::vector<float> probabilities = selector.Probabilities(scores);
  std::vector<Choice> choices;
  for (const int32_t arm : ChooseArms(selector, features, n, policy)) {
    const auto at = static_cast<size_t>(arm);
    choices.push_back({arm, scores[at], probabilities[at]});
  }
  return choices;
}

// {"id":…, "arms":[…], "scores":[…]}: arms by name, best first, with their probabilities of being right.
std::string ChoiceLine(const SnapshotProblem& problem, const Selector& selector,
                       const std::vector<Choice>& choices) {
  Json arms = Json::array();
  Json scores = Json::array();
  for (const Choice& choice : choices) {
    arms.push_back(selector.arm_names[static_cast<size_t>(choice.arm)]);
    scores.push_back(choice.probability);
  }
  const Json json = {{"id", problem.id}, {"arms", arms}, {"scores", scores}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status ParseFields(const std::vector<std::string>& texts, DatasetFields& fields) {
  for (const std::string& text : texts) {
    const size_t at = text.find('=');
    const std::string name = text.substr(0, at);
    std::string* field = name == "id" ? &fields.id : name == "question" ? &fields.question : nullptr;
    if (name == "answer") field = &fields.answer;
    if (at == std::string::npos || field == nullptr)
      return UsageError(absl::StrCat("--field ", text, ": write id=NAME, question=NAME or answer=NAME"));
    *field = text.substr(at + 1);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SnapshotProblem>> Questions(const Options& options, const OpenedSelector& opened,
                                                       const std::string& model) {
  std::vector<SnapshotProblem> problems;
  if (!options.snapshot.empty()) {
    SPRINT_ASSIGN_OR_RETURN(const Snapshot snapshot, LoadSnapshot(options.snapshot));
    for (const size_t problem : snapshot.Of(Split::kTest)) problems.push_back(snapshot.problems[problem]);
    return problems;
  }
  DatasetOptions dataset;
  dataset.limit = options.limit;
  dataset.offset = options.offset;
  SPRINT_RETURN_IF_ERROR(ParseFields(options.fields, dataset.fields));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<Problem> rows, ReadDataset(options.dataset, dataset));
  for (const Problem& row : rows) {
    SnapshotProblem problem;
    problem.id = row.id;
    problem.text = row.question;
    problem.subject = row.subject;
    problems.push_back(std::move(problem));
  }
  SPRINT_RETURN_IF_ERROR(RenderPrompts(opened.lineage, model, absl::MakeSpan(problems)));
  return problems;
}

std::string ModelOf(const Options& options, const OpenedSelector& opened) {
  return options.features.sources.model.empty() ? opened.lineage.model_path : options.features.sources.model;
}

absl::StatusOr<int> RunChoose(const Terminal& terminal, const Options& options) {
  if (options.dataset.empty() == options.snapshot.empty())
    return UsageError("give --dataset FILE, or --snapshot FILE for its test questions");
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  SPRINT_ASSIGN_OR_RETURN(const OpenedSelector opened, OpenSelector(options.selector));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<SnapshotProblem> problems,
                          Questions(options, opened, ModelOf(options, opened)));
  SPRINT_RETURN_IF_ERROR(CheckUnseen(opened, problems, options.allow_seen));
  SPRINT_ASSIGN_OR_RETURN(
      const FeatureMatrix features,
      FeaturesWithProgress(terminal, opened.lineage.recipe, problems, opened.lineage.model_path,
                           opened.lineage.weights_hash, options.features));
  std::string lines;
  for (size_t i = 0; i < problems.size(); ++i) {
    absl::StrAppend(&lines, ChoiceLine(problems[i], opened.selector,
                                       Choose(opened.selector, features.Row(i), options.n, policy)));
  }
  if (options.out.empty()) {
    terminal.out.Write(lines);
  } else {
    SPRINT_RETURN_IF_ERROR(WriteFileAtomically(options.out, lines));
  }
  return kExitDone;
}

absl::StatusOr<int> RunSelect(const Terminal& terminal, const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  SPRINT_ASSIGN_OR_RETURN(const OpenedSelector opened, OpenSelector(options.selector));
  std::vector<SnapshotProblem> problems(1);
  problems[0].id = "question";
  problems[0].text = options.question;
  SPRINT_RETURN_IF_ERROR(RenderPrompts(opened.lineage, ModelOf(options, opened), absl::MakeSpan(problems)));
  FeatureOptions uncached = options.features;
  uncached.cache.clear();
  SPRINT_ASSIGN_OR_RETURN(
      const FeatureMatrix features,
      FeaturesWithProgress(terminal, opened.lineage.recipe, problems, opened.lineage.model_path,
                           opened.lineage.weights_hash, uncached));
  const std::vector<Choice> choices = Choose(opened.selector, features.Row(0), options.n, policy);
  if (options.json) {
    terminal.out.Write(ChoiceLine(problems[0], opened.selector, choices));
    return kExitDone;
  }
  Table table({{"rank", Align::kRight},
               {"arm"},
               {"probability", Align::kRight},
               {"score", Align::kRight},
               {"right in training", Align::kRight}});
  for (size_t i = 0; i < choices.size(); ++i) {
    const auto arm = static_cast<size_t>(choices[i].arm);
    table.AddRow({absl::StrCat(i + 1), opened.selector.arm_names[arm], FormatPercent(choices[i].probability),
                  absl::StrFormat("%.3f", choices[i].score),
                  FormatPercent(opened.selector.arm_accuracy[arm])});
  }
  terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
  if (WasSeen(opened.lineage, {options.question})[0])
    terminal.err.Write("note: the selector was trained on this question, or a near-duplicate of it\n");
  return kExitDone;
}

void AddArms(CLI::App* command, int32_t& n) {
  command->add_option("-n,--n", n, "How many arms a question")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

}  // namespace

void AddSelect(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.Add(app.root(), "select", "The arms that a selector would run for a question",
              {"sprint select demo-1.selector \"Ben has 11 books and 24 plums. …\" --model demo/model"},
              [options](const Terminal& terminal) { return RunSelect(terminal, *options); });
  command->add_option("SELECTOR", options->selector, "The selector's file")->required()->type_name("FILE");
  command->add_option("QUESTION", options->question, "As a data set would write it")
      ->required()
      ->type_name("TEXT");
  AddArms(command, options->n);
  AddPolicyOptions(command, options->policy);
  AddFeatureOptions(command, options->features);
  command->add_flag("--json", options->json, "As JSON");
}

void AddChoose(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.Add(
      app.root(), "choose", "Each question's arms, as JSON lines {id, arms, scores}",
      {"sprint selector choose --selector demo-1.selector --dataset test.jsonl --n 8 --out arms.jsonl"},
      [options](const Terminal& terminal) { return RunChoose(terminal, *options); });
  command->add_option("--selector", options->selector, "The selector's file")->required()->type_name("FILE");
  command->add_option("--dataset", options->dataset, "The questions")->type_name("FILE");
  command->add_option("--snapshot", options->snapshot, "A snapshot, for its test questions")
      ->type_name("FILE");
  command
      ->add_option("--field", options->fields, "What a data set calls id, question, answer: question=problem")
      ->type_name("FIELD=NAME");
  command->add_option("--limit", options->limit, "So many questions; 0: all")->type_name("N");
  command->add_option("--offset", options->offset, "Skip so many")->type_name("N");
  AddArms(command, options->n);
  command->add_option("--out", options->out, "The file; else standard output")->type_name("FILE");
  command->add_flag("--allow-seen", options->allow_seen, "Also for questions that it saw in training");
  AddPolicyOptions(command, options->policy);
  AddFeatureOptions(command, options->features);
}

}  // namespace sprint
