// sprint votes: methods x N x aggregation of stored experiments, from the database alone.
#include <memory>

#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/votes.h"

namespace sprint {
namespace {

struct VotesCommand {
  std::vector<std::string> experiments;
  std::string database = "sprint.db";
  std::vector<int32_t> n;
  std::vector<std::string> aggregations;
  std::string against;
  std::string score = "choice";
  std::vector<std::string> rewards;
  std::string reduction = "last";
  bool json = false;
};

absl::StatusOr<int> ShowVotes(const Terminal& terminal, const VotesCommand& command) {
  VotesOptions options;
  if (!command.n.empty()) options.table.n = command.n;
  if (!command.aggregations.empty()) options.table.aggregations.clear();
  for (const std::string& name : command.aggregations) {
    const absl::StatusOr<Aggregation> aggregation = ParseAggregation(name);
    if (!aggregation.ok()) return UsageError(aggregation.status().message());
    options.table.aggregations.push_back(*aggregation);
  }
  options.table.reference = command.against;
  options.score = !command.rewards.empty()    ? VoteScore::kReward
                  : command.score == "choice" ? VoteScore::kChoice
                                              : VoteScore::kConfidence;
  options.rewards = command.rewards;
  for (const StepReduction reduction : {StepReduction::kLast, StepReduction::kMin, StepReduction::kProduct}) {
    if (StepReductionName(reduction) == command.reduction) options.reduction = reduction;
  }
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(command.database));
  const std::vector<std::string> latest = {""};
  SPRINT_ASSIGN_OR_RETURN(
      const Votes votes,
      LoadVotes(*reader, command.experiments.empty() ? latest : command.experiments, options));
  terminal.out.Write(command.json ? VotesJson(votes)
                                  : FormatVotes(votes, terminal.out.style, terminal.out.width));
  return kExitDone;
}

}  // namespace

void AddVotes(App& app) {
  auto command = std::make_shared<VotesCommand>();
  CLI::App* votes = app.Add(app.root(), "votes",
                            "What N answers are worth: Best-of-N methods side by side, by coverage and vote",
                            {"sprint votes demo-bon                       all methods of a sprint bon",
                             "sprint votes mine theirs --against theirs   experiments beside each other",
                             "sprint votes demo-bon --n 1,2,4 --aggregation majority --json"},
                            [command](const Terminal& terminal) { return ShowVotes(terminal, *command); });
  votes->add_option("EXPERIMENT", command->experiments,
                    "Numbers or names, each with its NAME-sampled; the latest of all when left out");
  AddDatabase(votes, command->database);
  votes->add_option("--n", command->n, "So many answers (1,2,4,8,16)")
      ->delimiter(',')
      ->check(CLI::Validator(CLI::PositiveNumber).description(""))
      ->type_name("N,…");
  votes->add_option("--aggregation", command->aggregations, "Some of coverage, majority, weighted and best")
      ->delimiter(',')
      ->type_name("NAME,…");
  votes->add_option("--against", command->against, "The method to compare with (samples)")
      ->type_name("METHOD");
  AddChoice(
      votes, "--score", command->score, {"choice", "confidence"},
      "What weighs a vote: the choice's scores where it has some, or the mean log-probability of a token");
  votes
      ->add_option("--reward", command->rewards,
                   "What weighs a vote is what a reward model said: experiments that sprint score made")
      ->excludes("--score")
      ->delimiter(',')
      ->type_name("EXPERIMENT,…");
  AddChoice(votes, "--reduce", command->reduction, {"last", "min", "product"},
            "How the scores of an answer's steps become the answer's")
      ->capture_default_str();
  votes->add_flag("--json", command->json, "As JSON");
}

}  // namespace sprint
