// What the in-memory store keeps: plain maps, so that tests can look at them.
#ifndef SPRINT_STORAGE_MEMORY_DISK_H_
#define SPRINT_STORAGE_MEMORY_DISK_H_

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "storage/records.h"
#include "storage/store.h"

namespace sprint {

// Ids are positions in the vectors, from 1.
struct MemoryDisk {
  // The verdicts of one cell.
  using Verdicts = std::map<std::pair<GoldId, int32_t>, VerdictRecord>;

  struct Experiment {
    // All but `done`, `failures` and `numerics`, which are looked up; a run's names come from `runs`.
    ExperimentRecord head;
    std::vector<absl::flat_hash_set<ArmId>> arms_of_block;
    absl::flat_hash_map<QuestionId, std::vector<size_t>> blocks_of;  // indices of head.blocks
    absl::flat_hash_map<QuestionId, std::vector<GoldId>> golds;      // distinct
    absl::flat_hash_map<ArmId, size_t> position_of_arm;              // in head.counters

    // Interns the plan's runs, questions and arms.
    void MakeBlocks(MemoryDisk& disk, const ExperimentPlan& plan);
    // Interns the plan's golds; renews the runs' names.
    void SetProblems(MemoryDisk& disk, const ExperimentPlan& plan);
    void Recount(const MemoryDisk& disk);

    bool Holds(const CellKey& cell) const;
    // Null when the cell is not held.
    ArmCounters* CountersOf(const CellKey& cell);
    // (judged, correct) of a cell of `question` against this experiment's golds.
    std::pair<bool, bool> Verdict(QuestionId question, const Verdicts& verdicts) const;
    void ForEachDone(const MemoryDisk& disk, const std::function<void(const OutcomeRecord&)>& visit) const;
  };

  bool Knows(const CellKey& cell) const;
  // As Store::Commit says. REQUIRES: the cell's run is known.
  void AddFeature(const CellKey& cell, const HiddenState& hidden);

  // A test looks at the disk while a coordinator's thread writes to it. Held by the store's calls and by
  // the functions of memory_store.h, not by those above.
  mutable Mutex mutex;
  std::string grant_key;
  int64_t epoch = 0;
  int64_t next_experiment = 1;
  std::vector<RunRecord> runs;
  std::vector<QuestionRecord> questions;
  std::vector<Arm> arms;
  absl::flat_hash_map<Hash256, int64_t> ids;  // of runs, questions and arms, by content hash
  std::vector<GoldEntry> golds;
  std::map<std::pair<QuestionId, std::string>, GoldId> gold_ids;
  std::vector<WorkerRecord> workers;
  std::vector<std::string> numerics;
  std::map<ExperimentId, Experiment> experiments;
  std::map<CellKey, OutcomeRecord> outcomes;
  std::map<CellKey, Verdicts> verdicts;
  std::map<CellKey, FailureRecord> failures;
  std::vector<AlarmRecord> alarms;
  std::map<Hash256, SelectorRecord> selectors;  // by the hash of their bytes
  std::vector<TrainingRecord> trainings;
  // The hidden states of questions, by (weights, dtype, layer).
  std::map<std::tuple<Hash256, std::string, int32_t>, std::map<QuestionId, std::vector<float>>> features;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_MEMORY_DISK_H_
