// What the numbers of a sweep allow to say, and what they do not, in sentences.
#ifndef SPRINT_CLI_STATS_CONCLUSIONS_H_
#define SPRINT_CLI_STATS_CONCLUSIONS_H_

#include <string>
#include <vector>

#include "cli/stats.h"

namespace sprint {

std::vector<std::string> Conclusions(const Stats& stats);

}  // namespace sprint

#endif  // SPRINT_CLI_STATS_CONCLUSIONS_H_
