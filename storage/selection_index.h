// Which experiments hold a cell: read from the database once per (run, question), then kept, so that a
// commit can move their counters without a query per outcome.
#ifndef SPRINT_STORAGE_SELECTION_INDEX_H_
#define SPRINT_STORAGE_SELECTION_INDEX_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "storage/sqlite.h"

namespace sprint {

// A block that has a question of a run.
struct Holder {
  ExperimentId experiment;
  std::shared_ptr<const absl::flat_hash_set<ArmId>> arms;
  int32_t first_sample = 0;
  int32_t samples = 0;
  std::vector<GoldId> golds;  // that the experiment has for the question
  bool Holds(const CellKey& cell) const {
    return cell.sample >= first_sample && cell.sample - first_sample < samples && arms->contains(cell.arm);
  }
};

// Not thread-safe. An experiment's blocks are disjoint, so it holds a cell through one Holder at most.
class SelectionIndex {
 public:
  static absl::StatusOr<SelectionIndex> Create(Database* database);
  // The answer is valid until the next call.
  absl::StatusOr<const std::vector<Holder>*> HoldersOf(RunId run, QuestionId question);
  // To be called whenever an experiment comes or goes.
  void Clear();

 private:
  absl::StatusOr<std::shared_ptr<const absl::flat_hash_set<ArmId>>> ArmsOf(int64_t block);

  Statement blocks_;
  Statement arms_;
  Statement golds_;
  absl::flat_hash_map<std::pair<RunId, QuestionId>, std::vector<Holder>> holders_;
  absl::flat_hash_map<int64_t, std::shared_ptr<const absl::flat_hash_set<ArmId>>> arms_of_;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_SELECTION_INDEX_H_
