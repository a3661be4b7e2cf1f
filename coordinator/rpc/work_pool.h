// A few threads for work that must not hold the event loop up: reading messages, judging texts.
#ifndef SPRINT_COORDINATOR_RPC_WORK_POOL_H_
#define SPRINT_COORDINATOR_RPC_WORK_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace sprint {

// Thread-safe. Its callers bound the queue: each stream of a worker has at most one job in it, and
// each submission and chunk of judging one.
class WorkPool {
 public:
  explicit WorkPool(int threads);
  // Runs what is queued, then ends the threads.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // Jobs start in the order of the calls. After Close a job is dropped.
  void Run(std::function<void()> job);
  // Idempotent; not to be called by a job.
  void Close();

 private:
  void Work();

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_WORK_POOL_H_
