// What a sweep shows, and what it cannot: the statistics of an experiment, read from its database.
#ifndef SPRINT_CLI_STATS_H_
#define SPRINT_CLI_STATS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/render/color.h"
#include "cli/rows.h"
#include "eval/statistics/sweep.h"
#include "storage/reader.h"

namespace sprint {

struct Stats {
  int64_t experiment = 0;
  std::string name;
  std::string state;
  int64_t cells = 0;
  int64_t done = 0;
  int64_t quarantined = 0;
  int64_t judgeable = 0;    // questions that have a right answer
  JudgedExperiment judged;  // arms, and how the answers came about
  Correction correction = Correction::kBenjaminiHochberg;
  SweepStatistics statistics;  // of the counted questions
  // Cells are still to come: numbers will change, and of the judgeable questions only those before the
  // first that is not settled count.
  bool interim() const { return done + quarantined < cells; }
};

// Reads every judged answer: about a microsecond a cell. NOT_FOUND for an unknown experiment.
absl::StatusOr<Stats> LoadStats(Reader& reader, ExperimentId id, const SweepOptions& options = {});

// The arms compared with the baseline, by effect, the largest first.
std::vector<size_t> ArmsByEffect(const Stats& stats);

// What a reader should know before believing a number.
struct StatsWarning {
  std::string kind;  // "few_questions", "truncated", …
  std::string text;  // a sentence
};
std::vector<StatsWarning> WarningsOf(const Stats& stats);

struct StatsStyle {
  Style style = Style();
  int width = 0;          // 0: not cut
  size_t most_arms = 40;  // more are shown as the best and the worst
  std::string database;   // for the commands to try; empty: none are shown
};
// For people: the table, what it allows to conclude, warnings, what to try next.
std::string FormatStats(const Stats& stats, const StatsStyle& options);

// What a row stands for in the tables for programs.
enum class StatsRows {
  kArms,      // an arm
  kSubjects,  // an arm on the questions of a subject
  kLevels,    // of a level
  kSamples,   // k answers of an arm: pass@k, votes
};
// Calls `row` with the columns and each row: what --csv writes, and what --by shows.
using StatsRowFn =
    std::function<void(const std::vector<std::string>& columns, const std::vector<SqlValue>& row)>;
std::vector<std::string> ForEachStatsRow(const Stats& stats, StatsRows rows, const StatsRowFn& row);
// All of it, as one JSON object.
std::string StatsJson(const Stats& stats);

}  // namespace sprint

#endif  // SPRINT_CLI_STATS_H_
