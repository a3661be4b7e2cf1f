#include "coordinator/rpc/watch_hub.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"

namespace sprint {
namespace {

constexpr absl::Duration kPace = absl::Milliseconds(500);
// Rates and times move without an event: looked at so often, sent when they differ.
constexpr absl::Duration kRefresh = absl::Seconds(2);

bool IsOver(const v1::ExperimentStatus& status) {
  return status.state() == "finished" || status.state() == "cancelled";
}

}  // namespace

void WatchHub::Add(ExperimentId experiment, std::shared_ptr<StatusSink> sink) {
  watchers_.push_back({experiment, std::move(sink), true, absl::InfinitePast(), ""});
}

void WatchHub::Remove(const StatusSink* sink) {
  std::erase_if(watchers_, [sink](const Watcher& watcher) { return watcher.sink.get() == sink; });
}

absl::Time WatchHub::Round(const absl::flat_hash_set<ExperimentId>& changed, absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  std::erase_if(watchers_, [&](Watcher& watcher) {
    watcher.changed |= changed.contains(watcher.experiment);
    const auto due = [&watcher] { return watcher.sent + (watcher.changed ? kPace : kRefresh); };
    if (now >= due() && Serve(watcher, now)) return true;
    next = std::min(next, due());
    return false;
  });
  return next;
}

// True when the watcher is done.
bool WatchHub::Serve(Watcher& watcher, absl::Time now) {
  watcher.changed = false;
  watcher.sent = now;
  const absl::StatusOr<v1::ExperimentStatus> status = status_of_(watcher.experiment);
  if (!status.ok()) {
    watcher.sink->End(status.status());
    return true;
  }
  std::string bytes = status->SerializeAsString();
  if (bytes != watcher.last) watcher.sink->Update(*status);
  watcher.last = std::move(bytes);
  if (!IsOver(*status)) return false;
  watcher.sink->End(absl::OkStatus());
  return true;
}

void WatchHub::EndAll(const absl::Status& status) {
  for (const Watcher& watcher : watchers_) watcher.sink->End(status);
  watchers_.clear();
}

}  // namespace sprint
