#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/stats.h"
#include "cli/stats_tables.h"

namespace sprint {
namespace {

struct StatsCommand {
  std::string experiment;
  std::string database = "sprint.db";
  std::string by = "arm";
  std::string correction = "bh";
  SweepOptions options;
  bool all = false;
  bool json = false;
  bool csv = false;
};

absl::StatusOr<int> WriteCsv(const Terminal& terminal, const Stats& stats, StatsRows rows) {
  const auto writer = MakeRowWriter(RowFormat::kCsv, Style(), 0,
                                    [&terminal](absl::string_view text) { terminal.out.Write(text); });
  writer->Finish(ForEachStatsRow(
      stats, rows, [&writer](const auto& columns, const auto& row) { writer->Row(columns, row); }));
  return kExitDone;
}

absl::StatusOr<int> WriteBy(const Terminal& terminal, const Stats& stats, const StatsCommand& command,
                            const StatsStyle& style) {
  if (command.by == "samples") {
    if (stats.statistics.samples < 2)
      return absl::FailedPreconditionError(
          "each arm answered each question once: there are no samples to vote");
    terminal.out.Write(SampleTable(stats, style));
    return kExitDone;
  }
  const bool subjects = command.by == "subject";
  const std::vector<GroupStatistics>& groups = subjects ? stats.statistics.subjects : stats.statistics.levels;
  if (groups.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("the counted questions are not of several ", command.by,
                                                      "s: the dataset's \"", command.by,
                                                      "\" field parts them"));
  }
  terminal.out.Write(ArmGroupTable(stats, groups, command.by, style));
  return kExitDone;
}

absl::StatusOr<int> ShowStats(const Terminal& terminal, const StatsCommand& command) {
  if (command.json && command.csv) return UsageError("--json and --csv are two formats; give one");
  SPRINT_ASSIGN_OR_RETURN(const auto reader, OpenDatabase(command.database));
  SPRINT_ASSIGN_OR_RETURN(const ExperimentId id, FindExperiment(*reader, command.experiment));
  SweepOptions options = command.options;
  if (command.correction == "by") options.correction = Correction::kBenjaminiYekutieli;
  SPRINT_ASSIGN_OR_RETURN(const Stats stats, LoadStats(*reader, id, options));
  if (command.json) {
    terminal.out.Write(StatsJson(stats));
    return kExitDone;
  }
  if (command.csv) {
    return WriteCsv(terminal, stats,
                    command.by == "subject"   ? StatsRows::kSubjects
                    : command.by == "level"   ? StatsRows::kLevels
                    : command.by == "samples" ? StatsRows::kSamples
                                              : StatsRows::kArms);
  }
  StatsStyle style;
  style.style = terminal.out.style;
  style.width = terminal.out.width;
  style.database = command.database;
  if (command.all) style.most_arms = SIZE_MAX;
  if (command.by != "arm") return WriteBy(terminal, stats, command, style);
  terminal.out.Write(FormatStats(stats, style));
  return kExitDone;
}

}  // namespace

void AddStats(App& app) {
  auto command = std::make_shared<StatsCommand>();
  CLI::App* stats = app.Add(
      app.root(), "stats", "What each arm does to the baseline's accuracy, and what cannot be concluded",
      {"sprint stats", "sprint stats demo --by subject", "sprint stats 3 --csv > arms.csv"},
      [command](const Terminal& terminal) { return ShowStats(terminal, *command); });
  stats->add_option("EXPERIMENT", command->experiment, "Its number or name; the latest of all when left out");
  AddDatabase(stats, command->database);
  AddChoice(stats, "--by", command->by, {"arm", "subject", "level", "samples"},
            "A row of the table: an arm, an arm on each subject or level, k answers of an arm");
  AddChoice(stats, "--correction", command->correction, {"bh", "by"},
            "Of p for many arms: Benjamini-Hochberg, or Benjamini-Yekutieli for any dependence");
  stats
      ->add_option("--seed", command->options.seed,
                   "Of the simulated arms that do nothing, and the bootstrap")
      ->type_name("N");
  stats->add_flag("--all", command->all, "Every arm; else the best and the worst of very many");
  stats->add_flag("--json", command->json, "All of it, as JSON");
  stats->add_flag("--csv", command->csv, "The rows of --by, as CSV with a header");
}

}  // namespace sprint
