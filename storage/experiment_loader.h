// Reads a stored experiment back, as LoadExperiment returns it.
#ifndef SPRINT_STORAGE_EXPERIMENT_LOADER_H_
#define SPRINT_STORAGE_EXPERIMENT_LOADER_H_

#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"
#include "storage/sqlite.h"

namespace sprint {

class ExperimentLoader {
 public:
  ExperimentLoader(Database* database, ExperimentId id) : database_(database) { record_.id = id; }
  // NOT_FOUND (kExperimentUnknown). May be called once.
  absl::StatusOr<ExperimentRecord> Load();

 private:
  absl::Status LoadHead();
  absl::Status LoadBlocks();
  absl::Status LoadRuns();
  absl::Status LoadArms();
  absl::Status LoadQuestions();
  absl::Status LoadDone();
  absl::Status LoadFailures();
  bool Selects(const CellKey& cell) const;

  Database* const database_;
  ExperimentRecord record_;
  std::vector<absl::flat_hash_set<ArmId>> arms_of_block_;
  // The blocks of a question, as indices of record_.blocks.
  absl::flat_hash_map<QuestionId, std::vector<size_t>> blocks_of_question_;
  std::set<NumericsId> numerics_;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_EXPERIMENT_LOADER_H_
