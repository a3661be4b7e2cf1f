// sprint selector choose: the arms for each question of a data set, as JSON lines.
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "eval/dataset.h"
#include "selector/program/commands.h"

namespace sprint {
namespace {

struct Options {
  std::string selector;
  std::string dataset;
  std::string snapshot;
  std::vector<std::string> fields;
  int64_t limit = 0;
  int64_t offset = 0;
  int32_t n = 4;
  FeatureOptions features;
  PolicyFlags policy;
  std::string out;
  bool allow_seen = false;
  bool skip_seen = false;
};

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

// Those that the training did not see, nor a near-duplicate of.
std::vector<SnapshotProblem> Unseen(const Lineage& lineage, std::vector<SnapshotProblem> problems) {
  std::vector<std::string> texts;
  for (const SnapshotProblem& problem : problems) texts.push_back(problem.text);
  const std::vector<bool> seen = WasSeen(lineage, texts);
  std::vector<SnapshotProblem> unseen;
  for (size_t i = 0; i < problems.size(); ++i) {
    if (!seen[i]) unseen.push_back(std::move(problems[i]));
  }
  return unseen;
}

absl::StatusOr<int> RunChoose(const Terminal& terminal, const Options& options) {
  if (options.dataset.empty() == options.snapshot.empty())
    return UsageError("give --dataset FILE, or --snapshot FILE for its test questions");
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  SPRINT_ASSIGN_OR_RETURN(const OpenedSelector opened, OpenSelector(options.selector));
  SPRINT_ASSIGN_OR_RETURN(std::vector<SnapshotProblem> problems,
                          Questions(options, opened, ModelOf(options.features, opened.lineage)));
  if (options.skip_seen) problems = Unseen(opened.lineage, std::move(problems));
  SPRINT_RETURN_IF_ERROR(CheckUnseen(opened, problems, options.allow_seen));
  SPRINT_ASSIGN_OR_RETURN(
      const FeatureMatrix features,
      FeaturesWithProgress(terminal, opened.lineage.recipe, problems, opened.lineage.model_path,
                           opened.lineage.weights_hash, options.features));
  std::string lines;
  for (size_t i = 0; i < problems.size(); ++i) {
    const std::vector<ChosenArm> chosen =
        ChooseWithScores(opened.selector, features.Row(i), options.n, policy);
    absl::StrAppend(&lines,
                    ChoiceJson(problems[i].id, opened.selector, chosen)
                        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                    "\n");
  }
  if (options.out.empty()) {
    terminal.out.Write(lines);
  } else {
    SPRINT_RETURN_IF_ERROR(WriteFileAtomically(options.out, lines));
  }
  return kExitDone;
}

}  // namespace

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
  AddArmCount(command, options->n);
  command->add_option("--out", options->out, "The file; else standard output")->type_name("FILE");
  CLI::Option* allow =
      command->add_flag("--allow-seen", options->allow_seen, "Also for questions that it saw in training");
  command->add_flag("--skip-seen", options->skip_seen, "Leave questions out that it saw in training")
      ->excludes(allow);
  AddPolicyOptions(command, options->policy);
  AddDatabaseOption(command, options->features.sources.database);
  AddFeatureOptions(command, options->features);
}

}  // namespace sprint
