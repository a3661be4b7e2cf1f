// The thread that owns the core and the store: takes what happened, commits, then speaks.
//
// A round: many tasks run, each applying events to the core; one Commit makes their records durable
// (group commit); only then do messages leave and replies go out; late outcomes are compared; Tick is
// applied when it is due. While commits follow each other closely a round waits a few milliseconds
// for more to share its commit; after a quiet moment it waits for nothing.
//
// When the disk is full (or fails for now), the same commit is tried again until there is room:
// messages and replies are held, so nothing that was not made durable is ever acknowledged, and
// nothing is lost. Queries are answered meanwhile. A lost ownership, a corrupt database or a bug ends
// the loop with its status.
#ifndef SPRINT_COORDINATOR_RPC_EVENT_LOOP_H_
#define SPRINT_COORDINATOR_RPC_EVENT_LOOP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "coordinator/core/core.h"
#include "storage/store.h"

namespace sprint {

struct EventLoopOptions {
  Clock* clock = nullptr;
  // Commits start at least so far apart, while there are so many.
  absl::Duration linger = absl::Milliseconds(5);
  // Of a commit that failed for now; doubles up to the maximum.
  absl::Duration retry_min = absl::Milliseconds(100);
  absl::Duration retry_max = absl::Seconds(5);
};

// What the loop calls, all on its own thread.
struct EventLoopHooks {
  std::function<void(const Outgoing&)> send;
  // A batch is durable; how long its commit took.
  std::function<void(const WriteBatch&, absl::Duration)> committed;
  // A commit failed and is tried again; OK when it has passed at last.
  std::function<void(const absl::Status&)> trouble;
  // The end of a round: which experiments changed in it. Returns when it wants a round at the latest.
  std::function<absl::Time(const absl::flat_hash_set<ExperimentId>& changed, absl::Time now)> round;
  // The loop ended: OK after Stop.
  std::function<void(const absl::Status&)> ended;
};

class EventLoop {
 public:
  using Task = std::function<void()>;

  EventLoop(std::unique_ptr<Store> store, std::unique_ptr<Core> core, const EventLoopOptions& options,
            EventLoopHooks hooks);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void Start();
  // Ends after the round that runs, and waits for it. What is queued is dropped, which a task's
  // captures notice by their destruction. Idempotent.
  void Stop();

  // ---- From any thread. Tasks run in order; whoever posts bounds how many he has in the queue.
  void Post(Task task);
  // For what only looks: runs after the round's commit, and also while a commit is retried.
  void PostQuery(Task task);
  size_t QueueLength() const;

  // ---- From tasks, queries and hooks, on the loop's thread.
  Store& store() { return *store_; }
  const Core& core() const { return *core_; }
  absl::Time Now() { return options_.clock->Now(); }
  void Apply(const Event& event);
  // Makes durable what was applied so far, so that the store knows all that the core knows: before
  // every other use of the store. Errors end the loop after the task: return at once.
  absl::Status Flush();
  // Ends the loop with `status` after the task when it says that writing must stop (a lost ownership, a
  // corrupt database); any other status is the caller's to answer.
  void EndIfFatal(const absl::Status& status);
  // Runs `reply` once everything applied so far is durable.
  void AfterCommit(Task reply) { replies_.push_back(std::move(reply)); }

 private:
  void Run();
  absl::Status Round();
  std::vector<Task> Take();
  void RunQueries();
  absl::Status Commit(const WriteBatch& records);
  bool WaitToRetry(absl::Duration backoff);
  absl::Status Compare(const Comparison& comparison);
  absl::Duration UntilWakeup();

  const EventLoopOptions options_;
  const EventLoopHooks hooks_;

  // ---- The loop thread's.
  std::unique_ptr<Store> store_;
  std::unique_ptr<Core> core_;
  Effects pending_;
  std::vector<Task> replies_;
  absl::flat_hash_set<ExperimentId> changed_;
  absl::Time core_wakeup_ = absl::InfiniteFuture();
  absl::Time round_wakeup_ = absl::InfinitePast();
  absl::Time last_commit_ = absl::InfinitePast();  // of the machine's clock: paces the disk
  absl::Status failed_;
  std::thread thread_;

  // ---- Shared.
  mutable Mutex mutex_;
  CondVar wake_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<Task> queries_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_EVENT_LOOP_H_
