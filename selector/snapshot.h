// A snapshot: the outcomes that a training uses, frozen. From a snapshot alone a selector can be
// trained and compared again, whatever happens to the database after.
//
// It is one JSON file with a content hash over everything that training and comparing depend on
// (questions, arms, outcomes, splits, judge version, the run's identity); names and paths are hints
// outside the hash. A selector's lineage names the hash of its snapshot.
#ifndef SPRINT_SELECTOR_SNAPSHOT_H_
#define SPRINT_SELECTOR_SNAPSHOT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "selector/splits.h"
#include "storage/reader.h"

namespace sprint {

struct SnapshotProblem {
  std::string id;    // the dataset's
  std::string text;  // the question as the dataset writes it
  std::string subject;
  std::vector<int32_t> tokens;  // the prompt's: the question's identity
  Split split = Split::kTrain;
  int32_t group = 0;  // of near-duplicates
};

// What is known of one greedy answer.
struct FrozenOutcome {
  int8_t right = -1;          // 1, 0; -1: no judged outcome
  int32_t answer_class = -1;  // equal for equal answers of one question; -1: unknown. 0 is the right answer.
  int32_t tokens = 0;         // generated
};

// A value type. `outcomes` is [problems, arms], row-major; arm 0 is the baseline.
struct Snapshot {
  std::string name;
  std::vector<std::string> experiments;  // names, for people
  std::string run_hash;                  // hex, as are the next
  std::string weights_hash;
  std::string dtype;
  std::string model_name;  // hints
  std::string model_path;
  int32_t judge_version = 0;
  SplitOptions split_options;
  std::vector<std::string> arms;  // canonical names
  std::vector<SnapshotProblem> problems;
  std::vector<FrozenOutcome> outcomes;
  std::string prompt_before, prompt_after;  // what stands around a question in its prompt; hints

  const FrozenOutcome& At(size_t problem, size_t arm) const { return outcomes[problem * arms.size() + arm]; }
  // Problems of a split, in order.
  std::vector<size_t> Of(Split split) const;
  // Over all that decides a training or a comparison ("snapshot/1").
  Hash256 ContentHash() const;
};

struct FreezeOptions {
  std::string name;                           // empty: the first experiment's
  std::vector<std::string> experiments;       // names or numbers; empty: the latest
  std::vector<std::string> test_experiments;  // their questions are the test set, and no others
  SplitOptions split;
};

// Reads greedy outcomes (sample 0) of the experiments by their latest verdicts. Experiments must be of
// one run, so that outcomes of one arm are comparable; questions that two of them share are taken once.
//   NOT_FOUND (kExperimentUnknown). FAILED_PRECONDITION: nothing is judged, experiments of two runs,
//   verdicts of two judge versions, no baseline, no question left to train on.
absl::StatusOr<Snapshot> FreezeSnapshot(Reader& reader, const FreezeOptions& options);

std::string SnapshotToJson(const Snapshot& snapshot);
// INVALID_ARGUMENT naming `file_name` for what is no snapshot, or one whose content is not its hash's.
absl::StatusOr<Snapshot> SnapshotFromJson(absl::string_view text, const std::string& file_name);
absl::Status SaveSnapshot(const Snapshot& snapshot, const std::string& path);
absl::StatusOr<Snapshot> LoadSnapshot(const std::string& path);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SNAPSHOT_H_
