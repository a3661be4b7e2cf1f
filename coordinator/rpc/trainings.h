// Trainings of selectors as jobs of the coordinator: which there are, which one runs, how far it is.
//
// The coordinator links no libtorch: a training is `sprint-selector train`, a child of the program's main
// thread (TrainingRunner), which ends with it. What a training had done stands in its checkpoint, so that a
// training whose coordinator ended goes on when the next one starts.
#ifndef SPRINT_COORDINATOR_RPC_TRAININGS_H_
#define SPRINT_COORDINATOR_RPC_TRAININGS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "sprint/v1/control.pb.h"
#include "storage/records.h"

namespace sprint {

// What the child says of itself, and what it left behind.
struct TrainingProgress {
  std::string doing;
  double share = 0;
  double eta_seconds = -1;
};
struct TrainingResult {
  absl::Status status;
  std::vector<std::string> files;
  std::vector<SelectorRecord> selectors;  // of the files
};

// The trainings that this coordinator knows. Thread-safe; holds no file and starts nothing.
class TrainingBook {
 public:
  void Add(const TrainingRecord& training);
  void End(int64_t id, TrainingState state, const std::string& message, std::vector<std::string> files);
  void SetProgress(int64_t id, TrainingProgress progress);
  // The first that is to run.
  std::optional<TrainingRecord> Next() const;
  // Whether one is to run, or runs.
  bool busy() const;
  bool Runs(int64_t id) const;
  // NOT_FOUND.
  absl::StatusOr<v1::TrainingStatus> Status(int64_t id) const;

 private:
  struct Entry {
    TrainingRecord record;
    TrainingProgress progress;
    bool started = false;
    std::vector<std::string> files;
  };
  mutable Mutex mutex_;
  std::map<int64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

// Reads what the child wrote: its report (JSON of `sprint-selector train --json`) and the files it names.
// INTERNAL naming the file that is missing or is no selector.
absl::StatusOr<TrainingResult> ReadTrainingReport(const std::string& report, const std::string& folder,
                                                  absl::Time now);

// Runs one training at a time. Not thread-safe: of the program's main thread, as LocalWorkers.
class TrainingRunner {
 public:
  struct Options {
    std::string program;     // path of sprint-selector
    std::string log_prefix;  // the child's words go to PREFIX.training-ID
  };
  explicit TrainingRunner(Options options) : options_(std::move(options)) {}
  ~TrainingRunner() { Stop(absl::Seconds(2)); }
  TrainingRunner(const TrainingRunner&) = delete;
  TrainingRunner& operator=(const TrainingRunner&) = delete;

  // The training that runs; 0: none.
  int64_t running() const { return pid_ > 0 ? training_.id : 0; }
  // REQUIRES: none runs. UNAVAILABLE when no process can be started.
  absl::Status Start(const TrainingRecord& training);
  // What the child last said of its progress.
  TrainingProgress Progress() const;
  // Its result once it has ended.
  std::optional<TrainingResult> Poll();
  // SIGTERM, and after `patience` SIGKILL; waits for it.
  void Stop(absl::Duration patience);

 private:
  std::string File(const char* ending) const;

  const Options options_;
  TrainingRecord training_;
  pid_t pid_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_TRAININGS_H_
