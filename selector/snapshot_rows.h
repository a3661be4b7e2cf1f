// The queries behind a snapshot. Internal to this room.
#ifndef SPRINT_SELECTOR_SNAPSHOT_ROWS_H_
#define SPRINT_SELECTOR_SNAPSHOT_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "selector/snapshot.h"
#include "storage/reader.h"

namespace sprint {

struct SnapshotRun {
  std::string experiment;  // its name
  std::string hash, weights_hash, dtype, model_name, model_path;
  double tokens_per_second = 0;  // of one worker; 0: not known
};

struct SnapshotProblemRow {
  std::string question_key;  // equal for equal questions
  SnapshotProblem problem;
  std::string prompt;  // rendered
};

struct SnapshotRow {
  std::string question_key;
  std::string arm;
  bool correct = false;
  std::string answer;  // extracted
  int32_t judge_version = 0;
  int32_t tokens = 0;
};

// Tokens that one worker generated in a second while it worked on the run of this hash (hex); 0: not known.
absl::StatusOr<double> MeasuredRate(Reader& reader, const std::string& run_hash);

// Not thread-safe.
class SnapshotRows {
 public:
  explicit SnapshotRows(Reader& reader) : reader_(reader) {}
  absl::StatusOr<ExperimentId> Find(const std::string& name) { return FindExperiment(reader_, name); }
  // FAILED_PRECONDITION when the experiment has several runs.
  absl::StatusOr<SnapshotRun> RunOf(ExperimentId id);
  absl::StatusOr<std::vector<std::string>> Arms(ExperimentId id);
  absl::StatusOr<std::vector<SnapshotProblemRow>> Problems(ExperimentId id);
  // Judged greedy outcomes.
  absl::StatusOr<std::vector<SnapshotRow>> Outcomes(ExperimentId id);

 private:
  Reader& reader_;
};

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SNAPSHOT_ROWS_H_
