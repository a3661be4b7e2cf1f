// sprint selector freeze: the outcomes that trainings use, fixed.
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/render/text.h"
#include "selector/program/commands.h"

namespace sprint {
namespace {

struct Options {
  std::string database = "sprint.db";
  FreezeOptions freeze;
  std::string out;
  bool json = false;
};

absl::StatusOr<int> Freeze(const Terminal& terminal, const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const FrozenFile frozen,
                          FreezeToFile(options.database, options.freeze, options.out));
  const Snapshot& snapshot = frozen.snapshot;
  int64_t judged = 0;
  for (const FrozenOutcome& cell : snapshot.outcomes) judged += cell.right >= 0 ? 1 : 0;
  const auto count = [&](Split split) { return static_cast<int64_t>(snapshot.Of(split).size()); };
  if (options.json) {
    const nlohmann::ordered_json json = {{"file", frozen.path},
                                         {"hash", snapshot.ContentHash().Hex()},
                                         {"arms", snapshot.arms.size()},
                                         {"questions", snapshot.problems.size()},
                                         {"outcomes", judged},
                                         {"train", count(Split::kTrain)},
                                         {"validation", count(Split::kValidation)},
                                         {"test", count(Split::kTest)},
                                         {"dropped", count(Split::kDropped)},
                                         {"judge_version", snapshot.judge_version}};
    terminal.out.Write(json.dump(2) + "\n");
    return kExitDone;
  }
  terminal.out.Write(absl::StrCat(
      "snapshot ", snapshot.name, " (", snapshot.ContentHash().Short(), ") in ", frozen.path, ": ",
      FormatCount(static_cast<int64_t>(snapshot.problems.size())), " questions x ", snapshot.arms.size(),
      " arms, ", FormatCount(judged), " judged outcomes; ", FormatCount(count(Split::kTrain)), " to train, ",
      FormatCount(count(Split::kValidation)), " to validate, ", FormatCount(count(Split::kTest)), " to test",
      count(Split::kDropped) > 0 ? absl::StrCat(", ", FormatCount(count(Split::kDropped)),
                                                " left out as near-duplicates of test questions")
                                 : "",
      "\n"));
  return kExitDone;
}

}  // namespace

void AddFreeze(App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.Add(app.root(), "freeze", "Fix the outcomes that trainings use, in a file",
              {"sprint selector freeze demo --db sprint.db",
               "sprint selector freeze train --test-experiment test --out svamp.snapshot.json"},
              [options](const Terminal& terminal) { return Freeze(terminal, *options); });
  command->add_option("EXPERIMENT", options->freeze.experiments, "Names or numbers; none: the latest")
      ->type_name("NAME");
  AddDatabaseOption(command, options->database);
  command->add_option("--name", options->freeze.name, "The snapshot's; else the experiment's")
      ->type_name("NAME");
  command->add_option("--out", options->out, "The file; else NAME.snapshot.json")->type_name("FILE");
  AddSplitOptions(command, options->freeze);
  command->add_flag("--json", options->json, "As JSON");
}

}  // namespace sprint
