// The tables that FormatStats is made of. Empty where there is nothing to show.
#ifndef SPRINT_CLI_STATS_TABLES_H_
#define SPRINT_CLI_STATS_TABLES_H_

#include <string>
#include <vector>

#include "cli/stats.h"

namespace sprint {

// The baseline, then the arms by effect. Columns that a narrow screen has no room for are left out.
std::string ArmTable(const Stats& stats, const StatsStyle& options);
// pass@k and votes of the baseline and the best arms.
std::string SampleTable(const Stats& stats, const StatsStyle& options);
// A subject or level a row: the baseline, the mean of the arms, and the best arm of all.
std::string GroupTable(const Stats& stats, const std::vector<GroupStatistics>& groups,
                       const std::string& kind, const StatsStyle& options);
// Every arm of every group, by effect (`sprint stats --by subject`).
std::string ArmGroupTable(const Stats& stats, const std::vector<GroupStatistics>& groups,
                          const std::string& kind, const StatsStyle& options);

}  // namespace sprint

#endif  // SPRINT_CLI_STATS_TABLES_H_
