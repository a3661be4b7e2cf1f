// sprint select: the arms that a selector would run for one question; --run also runs them and votes.
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "eval/aggregation.h"
#include "selector/arm_answers.h"
#include "selector/program/commands.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string selector;
  std::string question;
  int32_t n = 4;
  FeatureOptions features;
  PolicyFlags policy;
  bool run = false;
  int32_t max_new_tokens = 512;
  std::string device = "auto";
  bool json = false;
};

// What a selector says of a question, and, where they were run, what its arms answer.
struct Selection {
  SnapshotProblem problem;
  std::vector<ChosenArm> chosen;
  std::vector<ArmAnswer> answers;  // empty: not run
  VoteResult majority, weighted;   // by the probability of being right
};

// The answers of the chosen arms, by the weights whose outcomes were learned from.
absl::StatusOr<std::vector<ArmAnswer>> RunArms(const Options& options, const OpenedSelector& opened,
                                               const Selection& selection) {
  const Lineage& lineage = opened.lineage;
  AnsweringOptions answering;
  answering.weights_hash = lineage.weights_hash;
  SPRINT_ASSIGN_OR_RETURN(answering.dtype, ParseDtype(lineage.dtype));
  answering.device = options.device;
  answering.threads = options.features.sources.threads;
  answering.decoding.max_new_tokens = options.max_new_tokens;
  std::vector<Arm> arms;
  for (const ChosenArm& choice : selection.chosen) {
    SPRINT_ASSIGN_OR_RETURN(Arm arm, Arm::Parse(opened.selector.arm_names[static_cast<size_t>(choice.arm)]));
    arms.push_back(std::move(arm));
  }
  SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(ModelOf(options.features, lineage)));
  return AnswerUnderArms(model, selection.problem.tokens, arms, answering);
}

absl::StatusOr<Selection> SelectFor(const Terminal& terminal, const Options& options,
                                    const OpenedSelector& opened) {
  SPRINT_ASSIGN_OR_RETURN(const PolicyOptions policy, PolicyOf(options.policy));
  Selection selection;
  selection.problem.id = "question";
  selection.problem.text = options.question;
  const absl::Span<SnapshotProblem> problems(&selection.problem, 1);
  SPRINT_RETURN_IF_ERROR(RenderPrompts(opened.lineage, ModelOf(options.features, opened.lineage), problems));
  FeatureOptions uncached = options.features;
  uncached.cache.clear();
  SPRINT_ASSIGN_OR_RETURN(
      const FeatureMatrix features,
      FeaturesWithProgress(terminal, opened.lineage.recipe, problems, opened.lineage.model_path,
                           opened.lineage.weights_hash, uncached));
  selection.chosen = ChooseWithScores(opened.selector, features.Row(0), options.n, policy);
  if (!options.run) return selection;
  if (terminal.err.tty) terminal.err.Write("running the arms …");
  absl::StatusOr<std::vector<ArmAnswer>> answers = RunArms(options, opened, selection);
  if (terminal.err.tty) terminal.err.Write("\r\x1b[K");
  if (!answers.ok()) return answers.status();
  selection.answers = *std::move(answers);
  std::vector<std::string> given;
  std::vector<double> probabilities;
  for (size_t i = 0; i < selection.answers.size(); ++i) {
    given.push_back(selection.answers[i].answer);
    probabilities.push_back(selection.chosen[i].probability);
  }
  selection.majority = Vote(given, std::vector<double>(given.size(), 1.0));
  selection.weighted = Vote(given, probabilities);
  return selection;
}

Json VoteJson(const VoteResult& vote) { return {{"answers", vote.winners}, {"share", vote.share}}; }

Json SelectionJson(const OpenedSelector& opened, const Selection& selection) {
  Json json = ChoiceJson(selection.problem.id, opened.selector, selection.chosen);
  if (selection.answers.empty()) return json;
  for (size_t i = 0; i < selection.answers.size(); ++i) {
    const ArmAnswer& answer = selection.answers[i];
    json["answers"].push_back({{"arm", json["arms"][i]},
                               {"answer", answer.answer},
                               {"text", answer.text},
                               {"tokens", answer.tokens},
                               {"finish", std::string(FinishReasonName(answer.finish))},
                               {"logprob_mean", answer.logprob_mean}});
  }
  json["majority"] = VoteJson(selection.majority);
  json["weighted"] = VoteJson(selection.weighted);
  return json;
}

std::string AnswerText(const ArmAnswer& answer) {
  if (!answer.answer.empty()) return Printable(answer.answer);
  return IsTruncated(answer.finish) ? "(cut off)" : "(none)";
}

std::string VoteLine(const std::string& name, const VoteResult& vote) {
  if (vote.winners.empty()) return absl::StrCat(name, ": no arm gave an answer\n");
  std::vector<std::string> winners;
  for (const std::string& winner : vote.winners) winners.push_back(Printable(winner));
  return absl::StrCat(name, ": ", absl::StrJoin(winners, " or "), "  (", FormatPercent(vote.share),
                      vote.winners.size() > 1 ? " each)\n" : ")\n");
}

void Show(const Terminal& terminal, const Selector& selector, const Selection& selection) {
  const bool ran = !selection.answers.empty();
  std::vector<TableColumn> columns = {{"rank", Align::kRight},
                                      {"arm"},
                                      {"probability", Align::kRight},
                                      {"score", Align::kRight},
                                      {"right in training", Align::kRight}};
  if (ran) {
    columns.push_back({"answer", Align::kRight});
    columns.push_back({"tokens", Align::kRight});
  }
  Table table(columns);
  for (size_t i = 0; i < selection.chosen.size(); ++i) {
    const ChosenArm& choice = selection.chosen[i];
    const auto arm = static_cast<size_t>(choice.arm);
    std::vector<TableCell> row = {absl::StrCat(i + 1), selector.arm_names[arm],
                                  FormatPercent(choice.probability), absl::StrFormat("%.3f", choice.score),
                                  FormatPercent(selector.arm_accuracy[arm])};
    if (ran) {
      row.push_back(AnswerText(selection.answers[i]));
      row.push_back(absl::StrCat(selection.answers[i].tokens));
    }
    table.AddRow(std::move(row));
  }
  terminal.out.Write(table.Render(terminal.out.style, terminal.out.width));
  if (!ran) return;
  terminal.out.Write(absl::StrCat("\n", VoteLine("majority", selection.majority),
                                  VoteLine("weighted by probability", selection.weighted)));
}

absl::StatusOr<int> RunSelect(const Terminal& terminal, const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const OpenedSelector opened, OpenSelector(options.selector));
  SPRINT_ASSIGN_OR_RETURN(const Selection selection, SelectFor(terminal, options, opened));
  if (options.json) {
    terminal.out.Write(SelectionJson(opened, selection).dump(-1, ' ', false, Json::error_handler_t::replace) +
                       "\n");
  } else {
    Show(terminal, opened.selector, selection);
  }
  if (WasSeen(opened.lineage, {options.question})[0])
    terminal.err.Write("note: the selector was trained on this question, or a near-duplicate of it\n");
  return kExitDone;
}

}  // namespace

void AddSelect(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.Add(
      app.root(), "select", "The arms that a selector would run for a question; with --run, their answers",
      {"sprint select demo-1.selector \"Ben has 11 books and 24 plums. …\" --model demo/model",
       "sprint select demo-1.selector \"Start with 51. Multiply by 3. …\" -n 8 --run   answers and vote"},
      [options](const Terminal& terminal) { return RunSelect(terminal, *options); });
  command->add_option("SELECTOR", options->selector, "The selector's file")->required()->type_name("FILE");
  command->add_option("QUESTION", options->question, "As a data set would write it")
      ->required()
      ->type_name("TEXT");
  AddArmCount(command, options->n);
  command->add_flag("--run", options->run, "Run these arms here, greedy: each one's answer, and the vote");
  command->add_option("--max-new-tokens", options->max_new_tokens, "Tokens an answer of --run has at most")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--device", options->device, "Of --run: cpu, cuda, cuda:1; auto: CUDA if there is one")
      ->type_name("NAME")
      ->capture_default_str();
  AddPolicyOptions(command, options->policy);
  AddFeatureOptions(command, options->features);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
