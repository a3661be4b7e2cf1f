#include "storage/memory_disk.h"

#include <algorithm>

namespace sprint {
namespace {

// The number of `thing`, appended when it is new.
template <typename T>
int64_t Intern(absl::flat_hash_map<Hash256, int64_t>& ids, std::vector<T>& all, const T& thing) {
  const auto [entry, fresh] = ids.try_emplace(thing.ContentHash(), static_cast<int64_t>(all.size()) + 1);
  if (fresh) all.push_back(thing);
  return entry->second;
}

}  // namespace

void MemoryDisk::AddFeature(const CellKey& cell, const HiddenState& hidden) {
  const RunRecord& run = runs[static_cast<size_t>(cell.run.value() - 1)];
  std::map<QuestionId, std::vector<float>>& kind = features[{run.weights_hash, run.dtype, hidden.layer}];
  if (!kind.empty() && kind.begin()->second.size() != hidden.values.size()) return;
  kind.try_emplace(cell.question, hidden.values);
}

bool MemoryDisk::Knows(const CellKey& cell) const {
  return cell.run.valid() && cell.run.value() <= static_cast<int64_t>(runs.size()) && cell.question.valid() &&
         cell.question.value() <= static_cast<int64_t>(questions.size()) && cell.arm.valid() &&
         cell.arm.value() <= static_cast<int64_t>(arms.size());
}

void MemoryDisk::Experiment::MakeBlocks(MemoryDisk& disk, const ExperimentPlan& plan) {
  std::vector<RunId> runs;
  for (const RunRecord& run : plan.runs) runs.push_back(RunId(Intern(disk.ids, disk.runs, run)));
  std::vector<QuestionId> questions;
  for (const QuestionRecord& question : plan.questions) {
    questions.push_back(QuestionId(Intern(disk.ids, disk.questions, question)));
  }
  std::vector<ArmId> arms;
  for (const Arm& arm : plan.arms) arms.push_back(ArmId(Intern(disk.ids, disk.arms, arm)));

  absl::flat_hash_set<RunId> seen_runs;
  absl::flat_hash_set<ArmId> used_arms;
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    const BlockPlan& from = plan.blocks[b];
    BlockRecord block;
    block.run = runs[static_cast<size_t>(from.run)];
    block.first_sample = from.first_sample;
    block.samples = from.samples;
    for (const int32_t index : from.questions) {
      const QuestionId id = questions[static_cast<size_t>(index)];
      block.questions.push_back(id);
      std::vector<size_t>& blocks = blocks_of[id];
      if (blocks.empty()) head.questions.push_back({id, plan.questions[static_cast<size_t>(index)].tokens});
      blocks.push_back(b);
    }
    for (const int32_t index : from.arms) block.arms.push_back(arms[static_cast<size_t>(index)]);
    used_arms.insert(block.arms.begin(), block.arms.end());
    arms_of_block.emplace_back(block.arms.begin(), block.arms.end());
    if (seen_runs.insert(block.run).second) {
      head.runs.push_back({block.run, plan.runs[static_cast<size_t>(from.run)]});
    }
    head.blocks.push_back(std::move(block));
  }
  for (size_t i = 0; i < arms.size(); ++i) {
    if (!used_arms.contains(arms[i])) continue;
    position_of_arm[arms[i]] = head.arms.size();
    head.arms.push_back({arms[i], plan.arms[i]});
  }
}

void MemoryDisk::Experiment::SetProblems(MemoryDisk& disk, const ExperimentPlan& plan) {
  for (const RunRecord& run : plan.runs) {
    RunRecord& stored = disk.runs[static_cast<size_t>(Intern(disk.ids, disk.runs, run) - 1)];
    stored.model_name = run.model_name;
    stored.model_path = run.model_path;
  }
  golds.clear();
  for (const ProblemRecord& problem : plan.problems) {
    if (problem.gold.empty()) continue;
    const QuestionId question(
        Intern(disk.ids, disk.questions, plan.questions[static_cast<size_t>(problem.question)]));
    const GoldId next(static_cast<int64_t>(disk.golds.size()) + 1);
    const auto [gold, fresh] = disk.gold_ids.try_emplace({question, problem.gold}, next);
    if (fresh) disk.golds.push_back({question, next, problem.gold});
    std::vector<GoldId>& of_question = golds[question];
    if (std::find(of_question.begin(), of_question.end(), gold->second) == of_question.end()) {
      of_question.push_back(gold->second);
    }
  }
}

bool MemoryDisk::Experiment::Holds(const CellKey& cell) const {
  const auto blocks = blocks_of.find(cell.question);
  if (blocks == blocks_of.end()) return false;
  return std::any_of(blocks->second.begin(), blocks->second.end(), [&](size_t b) {
    const BlockRecord& block = head.blocks[b];
    return block.run == cell.run && cell.sample >= block.first_sample &&
           cell.sample - block.first_sample < block.samples && arms_of_block[b].contains(cell.arm);
  });
}

ArmCounters* MemoryDisk::Experiment::CountersOf(const CellKey& cell) {
  return Holds(cell) ? &head.counters[position_of_arm.at(cell.arm)] : nullptr;
}

std::pair<bool, bool> MemoryDisk::Experiment::Verdict(QuestionId question, const Verdicts& verdicts) const {
  bool judged = false;
  bool correct = false;
  const auto of_question = golds.find(question);
  if (of_question == golds.end()) return {false, false};
  for (const GoldId gold : of_question->second) {
    // The versions of one gold lie together, the latest last.
    auto latest = verdicts.upper_bound({gold, INT32_MAX});
    if (latest == verdicts.begin()) continue;
    --latest;
    if (latest->first.first != gold) continue;
    judged = true;
    correct = correct || latest->second.correct;
  }
  return {judged, correct};
}

void MemoryDisk::Experiment::ForEachDone(const MemoryDisk& disk,
                                         const std::function<void(const OutcomeRecord&)>& visit) const {
  for (size_t b = 0; b < head.blocks.size(); ++b) {
    const BlockRecord& block = head.blocks[b];
    for (const QuestionId question : block.questions) {
      for (auto at = disk.outcomes.lower_bound({block.run, question, ArmId(0), 0});
           at != disk.outcomes.end() && at->first.run == block.run && at->first.question == question; ++at) {
        const CellKey& cell = at->first;
        if (cell.sample < block.first_sample || cell.sample - block.first_sample >= block.samples) continue;
        if (arms_of_block[b].contains(cell.arm)) visit(at->second);
      }
    }
  }
}

void MemoryDisk::Experiment::Recount(const MemoryDisk& disk) {
  head.counters.assign(head.arms.size(), {});
  for (size_t i = 0; i < head.arms.size(); ++i) head.counters[i].arm = head.arms[i].id;
  for (const BlockRecord& block : head.blocks) {
    for (const ArmId arm : block.arms) {
      head.counters[position_of_arm.at(arm)].cells +=
          static_cast<int64_t>(block.questions.size()) * block.samples;
    }
  }
  ForEachDone(disk, [&](const OutcomeRecord& outcome) {
    ArmCounters& counters = head.counters[position_of_arm.at(outcome.cell.arm)];
    counters.done += 1;
    counters.tokens += static_cast<int64_t>(outcome.tokens.size());
    counters.truncated += IsTruncated(outcome.finish) ? 1 : 0;
    const auto verdicts = disk.verdicts.find(outcome.cell);
    if (verdicts == disk.verdicts.end()) return;
    const auto [judged, correct] = Verdict(outcome.cell.question, verdicts->second);
    counters.judged += judged ? 1 : 0;
    counters.correct += correct ? 1 : 0;
  });
}

}  // namespace sprint
