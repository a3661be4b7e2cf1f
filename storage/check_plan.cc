// CheckPlan of records.h.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/records.h"

namespace sprint {
namespace {

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("experiment plan: ", what));
}

// Every index within [0, size), none twice.
absl::Status CheckIndices(absl::string_view what, size_t block, const std::vector<int32_t>& indices,
                          size_t size) {
  if (indices.empty()) return Wrong(absl::StrCat("block ", block, " has no ", what));
  absl::flat_hash_set<int32_t> seen;
  for (const int32_t index : indices) {
    if (index < 0 || static_cast<size_t>(index) >= size) {
      return Wrong(absl::StrCat("block ", block, " names ", what, " ", index, " of ", size));
    }
    if (!seen.insert(index).second)
      return Wrong(absl::StrCat("block ", block, " names ", what, " ", index, " twice"));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status CheckDistinct(absl::string_view what, const std::vector<T>& things) {
  absl::flat_hash_set<Hash256> seen;
  for (size_t i = 0; i < things.size(); ++i) {
    if (!seen.insert(things[i].ContentHash()).second)
      return Wrong(absl::StrCat(what, " ", i, " is there twice"));
  }
  return absl::OkStatus();
}

bool ShareAnArm(const BlockPlan& a, const BlockPlan& b) {
  const absl::flat_hash_set<int32_t> arms(a.arms.begin(), a.arms.end());
  return std::any_of(b.arms.begin(), b.arms.end(), [&arms](int32_t arm) { return arms.contains(arm); });
}

bool ShareSamples(const BlockPlan& a, const BlockPlan& b) {
  return a.first_sample < b.first_sample + b.samples && b.first_sample < a.first_sample + a.samples;
}

// Only blocks that share a question are compared: Best-of-N has thousands of blocks of one question.
absl::Status CheckDisjoint(const ExperimentPlan& plan) {
  std::vector<std::vector<size_t>> blocks_of(plan.questions.size());
  absl::flat_hash_set<std::pair<size_t, size_t>> compared;
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    for (const int32_t question : plan.blocks[b].questions) {
      std::vector<size_t>& others = blocks_of[static_cast<size_t>(question)];
      for (const size_t other : others) {
        if (!compared.insert({other, b}).second) continue;
        const BlockPlan& x = plan.blocks[other];
        const BlockPlan& y = plan.blocks[b];
        if (x.run == y.run && ShareSamples(x, y) && ShareAnArm(x, y)) {
          return Wrong(absl::StrCat("blocks ", other, " and ", b, " share a cell"));
        }
      }
      others.push_back(b);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckProblems(const ExperimentPlan& plan) {
  absl::flat_hash_set<std::string> ids;
  for (const ProblemRecord& problem : plan.problems) {
    if (problem.question < 0 || static_cast<size_t>(problem.question) >= plan.questions.size()) {
      return Wrong(absl::StrCat("problem ", problem.external_id, " names question ", problem.question, " of ",
                                plan.questions.size()));
    }
    if (!ids.insert(problem.external_id).second) {
      return Wrong(absl::StrCat("two problems have the id ", problem.external_id));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPlan(const ExperimentPlan& plan) {
  if (plan.blocks.empty()) return Wrong("it has no blocks");
  SPRINT_RETURN_IF_ERROR(CheckDistinct("run", plan.runs));
  SPRINT_RETURN_IF_ERROR(CheckDistinct("question", plan.questions));
  SPRINT_RETURN_IF_ERROR(CheckDistinct("arm", plan.arms));
  SPRINT_RETURN_IF_ERROR(CheckProblems(plan));
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    const BlockPlan& block = plan.blocks[b];
    if (block.run < 0 || static_cast<size_t>(block.run) >= plan.runs.size()) {
      return Wrong(absl::StrCat("block ", b, " names run ", block.run, " of ", plan.runs.size()));
    }
    if (block.first_sample < 0 || block.samples < 1 || block.first_sample > INT32_MAX - block.samples) {
      return Wrong(absl::StrCat("block ", b, " has ", block.samples, " samples from ", block.first_sample));
    }
    SPRINT_RETURN_IF_ERROR(CheckIndices("question", b, block.questions, plan.questions.size()));
    SPRINT_RETURN_IF_ERROR(CheckIndices("arm", b, block.arms, plan.arms.size()));
  }
  return CheckDisjoint(plan);
}

}  // namespace sprint
