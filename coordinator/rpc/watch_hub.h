// Who watches which experiment: sends its status at each change, at most twice a second.
#ifndef SPRINT_COORDINATOR_RPC_WATCH_HUB_H_
#define SPRINT_COORDINATOR_RPC_WATCH_HUB_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "sprint/v1/control.pb.h"

namespace sprint {

// Where a watcher's statuses go. Thread-safe; a sink that is slow keeps the latest status only.
class StatusSink {
 public:
  virtual ~StatusSink() = default;
  virtual void Update(const v1::ExperimentStatus& status) = 0;
  // After the last update; nothing follows.
  virtual void End(const absl::Status& status) = 0;
};

// Not thread-safe: the event loop's.
class WatchHub {
 public:
  // The status now, or why there is none.
  using StatusFn = std::function<absl::StatusOr<v1::ExperimentStatus>(ExperimentId)>;
  explicit WatchHub(StatusFn status_of) : status_of_(std::move(status_of)) {}

  // Sends the first status at the next round.
  void Add(ExperimentId experiment, std::shared_ptr<StatusSink> sink);
  void Remove(const StatusSink* sink);
  size_t size() const { return watchers_.size(); }

  // Sends what is due, ends the watchers of what is over; when the next round is due.
  absl::Time Round(const absl::flat_hash_set<ExperimentId>& changed, absl::Time now);
  void EndAll(const absl::Status& status);

 private:
  struct Watcher {
    ExperimentId experiment;
    std::shared_ptr<StatusSink> sink;
    bool changed = true;
    absl::Time sent = absl::InfinitePast();
    std::string last;  // as it was sent
  };
  bool Serve(Watcher& watcher, absl::Time now);

  const StatusFn status_of_;
  std::vector<Watcher> watchers_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_WATCH_HUB_H_
