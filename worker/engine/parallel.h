// Fork and join for the engine's own kernels.
#ifndef SPRINT_WORKER_ENGINE_PARALLEL_H_
#define SPRINT_WORKER_ENGINE_PARALLEL_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace sprint {

// A fixed set of threads, the caller being one of them. Between two regions a thread spins for
// some microseconds, since the next one of a step follows at once, and then sleeps: an idle engine
// costs nothing. A region waits only for threads that have begun work in it: on a machine with other
// work, one that gets no processor in time is done without.
//
// One thread calls For() at a time.
class ThreadPool {
 public:
  // REQUIRES: threads >= 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(begin, end, thread) for consecutive ranges of at most `chunk` items that cover
  // [0, n); `thread` is in [0, threads()). Which thread takes which range is not fixed, so what a
  // range computes must not depend on it. `body` must not throw.
  // REQUIRES: n >= 0, chunk >= 1; not called from inside a body.
  void For(int64_t n, int64_t chunk, absl::FunctionRef<void(int64_t, int64_t, int)> body);
  // The same, but a thread takes ranges of its own consecutive share of [0, n) first, one after the other,
  // and then those that the others have left: what neighbours read stays in one core's cache.
  void ForShares(int64_t n, int64_t chunk, absl::FunctionRef<void(int64_t, int64_t, int)> body);

 private:
  struct Region;
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
  };
  void Work(int thread);

  // Of the open region; workers read it between entering and leaving.
  Region* region_ = nullptr;
  // Bit 32 on while a region is open, which workers may then enter; below it, how many are inside.
  std::atomic<uint64_t> state_{0};
  std::atomic<uint32_t> epoch_{0};  // counts regions; idle workers wait for it to move
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
  std::vector<Share> shares_;  // a thread's
};

// CPUs this process may use (its affinity mask), at least 1.
int UsableCpus();

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_PARALLEL_H_
