// What N answers were worth: stored experiments of Best-of-N, compared.
#ifndef SPRINT_CLI_VOTES_H_
#define SPRINT_CLI_VOTES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/render/color.h"
#include "cli/score_texts.h"
#include "selector/vote_table.h"
#include "storage/reader.h"

namespace sprint {

struct VotesOptions {
  VoteOptions table;
  VoteScore score = VoteScore::kChoice;
  std::vector<std::string> rewards;  // score experiments, for VoteScore::kReward
  StepReduction reduction = StepReduction::kLast;
};

struct Votes {
  std::vector<std::string> experiments;  // names
  int64_t unanswered = 0;                // cells of them still to come, or given up
  VoteTable table;
};

// The methods of several experiments beside each other; where two experiments have a method of one name, the
// later one's is called "NAME (EXPERIMENT)". Each name also stands for the experiment "NAME-sampled", where
// there is one (sprint bon makes such pairs). Errors: FindExperiment's, CompareVotes', a stored spec that
// does not read.
absl::StatusOr<Votes> LoadVotes(Reader& reader, const std::vector<std::string>& experiments,
                                const VotesOptions& options);

std::string FormatVotes(const Votes& votes, const Style& style, int width);
std::string VotesJson(const Votes& votes);

// The experiment that has what `name` samples.
std::string SampledName(const std::string& name);

}  // namespace sprint

#endif  // SPRINT_CLI_VOTES_H_
