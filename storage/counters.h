// Counters per (experiment, arm): how they move with a commit, and what they are when counted anew.
#ifndef SPRINT_STORAGE_COUNTERS_H_
#define SPRINT_STORAGE_COUNTERS_H_

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/records.h"
#include "storage/sqlite.h"

namespace sprint {

// The latest verdict against each gold of one cell.
class CellVerdicts {
 public:
  void Add(GoldId gold, int32_t judge_version, bool correct);
  // Against the golds of one experiment.
  bool Judged(const std::vector<GoldId>& golds) const;
  bool Correct(const std::vector<GoldId>& golds) const;

 private:
  struct Latest {
    GoldId gold;
    int32_t judge_version;
    bool correct;
  };
  std::vector<Latest> latest_;  // a cell has one gold, rarely two
};

// The sum of what a transaction changes; its ArmCounters hold differences.
using CounterDeltas = absl::flat_hash_map<std::pair<ExperimentId, ArmId>, ArmCounters>;

// Counts an experiment's cells from the rows of outcome and verdict, by ranges of their keys: its cost
// is that of the rows of its questions. In the order of the arms' ids.
absl::StatusOr<std::vector<ArmCounters>> RecountFromRows(Database& database, ExperimentId id);

}  // namespace sprint

#endif  // SPRINT_STORAGE_COUNTERS_H_
