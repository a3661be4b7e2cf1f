#include "worker/engine/parallel.h"

#include <sched.h>

#include <algorithm>

namespace sprint {
namespace {

// About 20 to 40 microseconds: longer than the gap between two regions of a step.
constexpr int kSpins = 1000;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr uint64_t kOpen = uint64_t{1} << 32;

// Until `value` is no longer `old`.
template <typename T>
void WaitWhile(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    Pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

struct ThreadPool::Region {
  absl::FunctionRef<void(int64_t, int64_t, int)> body;
  int64_t n;
  int64_t chunk;
  std::atomic<int64_t> next{0};

  void Run(int thread) {
    for (;;) {
      const int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
      if (begin >= n) return;
      body(begin, std::min(n, begin + chunk), thread);
    }
  }
};

ThreadPool::ThreadPool(int threads) : shares_(static_cast<size_t>(threads)) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Work(int thread) {
  for (uint32_t seen = 0;;) {
    WaitWhile(epoch_, seen);
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    // Entering succeeds while the region is open, or not at all.
    uint64_t state = state_.load(std::memory_order_relaxed);
    while ((state & kOpen) != 0 && !state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                                                 std::memory_order_relaxed)) {
    }
    if ((state & kOpen) == 0) continue;
    region_->Run(thread);
    // The last one out wakes a caller that has closed the region and waits.
    if (state_.fetch_sub(1, std::memory_order_acq_rel) == 1) state_.notify_one();
  }
}

void ThreadPool::For(int64_t n, int64_t chunk, absl::FunctionRef<void(int64_t, int64_t, int)> body) {
  if (n <= 0) return;
  if (workers_.empty() || n <= chunk) {
    body(0, n, 0);
    return;
  }
  Region region{body, n, chunk, {}};
  region_ = &region;
  state_.store(kOpen, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  region.Run(0);
  uint64_t inside = state_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while (inside != 0) {
    WaitWhile(state_, inside);
    inside = state_.load(std::memory_order_acquire);
  }
}

void ThreadPool::ForShares(int64_t n, int64_t chunk, absl::FunctionRef<void(int64_t, int64_t, int)> body) {
  const int count = threads();
  // Shares begin at whole ranges.
  const int64_t ranges = (n + chunk - 1) / chunk;
  const auto begin_of = [&](int share) { return ranges * share / count * chunk; };
  for (int i = 0; i < count; ++i) shares_[static_cast<size_t>(i)].next = begin_of(i);
  For(count, 1, [&](int64_t, int64_t, int thread) {
    for (int i = 0; i < count; ++i) {
      const int share = (thread + i) % count;
      const int64_t last = std::min(n, begin_of(share + 1));
      std::atomic<int64_t>& next = shares_[static_cast<size_t>(share)].next;
      for (;;) {
        const int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
        if (begin >= last) break;
        body(begin, std::min(last, begin + chunk), thread);
      }
    }
  });
}

int UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace sprint
