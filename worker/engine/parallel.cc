#include "worker/engine/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>

// The entry points that compiled `#pragma omp parallel` calls. Calling them directly keeps this
// file free of compiler flags: g++ and clang would otherwise each bring a runtime of their own.
extern "C" {
void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
}

#if defined(__SANITIZE_THREAD__)
#define SPRINT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SPRINT_TSAN 1
#endif
#endif
#ifdef SPRINT_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace sprint {
namespace {

// The runtime is not instrumented, so ThreadSanitizer cannot see its fork and join; say them.
void Acquire([[maybe_unused]] void* address) {
#ifdef SPRINT_TSAN
  __tsan_acquire(address);
#endif
}
void Release([[maybe_unused]] void* address) {
#ifdef SPRINT_TSAN
  __tsan_release(address);
#endif
}

struct Region {
  absl::FunctionRef<void(int64_t, int64_t, int)> body;
  int64_t n;
  int64_t chunk;
  std::atomic<int64_t> next{0};
};

void RunRegion(void* data) {
  Region& region = *static_cast<Region*>(data);
  Acquire(data);
  const int thread = omp_get_thread_num();
  for (;;) {
    const int64_t begin = region.next.fetch_add(region.chunk, std::memory_order_relaxed);
    if (begin >= region.n) break;
    region.body(begin, std::min(region.n, begin + region.chunk), thread);
  }
  Release(data);
}

}  // namespace

void ParallelFor(int threads, int64_t n, int64_t chunk, absl::FunctionRef<void(int64_t, int64_t, int)> body) {
  if (n <= 0) return;
  if (threads <= 1 || n <= chunk) {
    body(0, n, 0);
    return;
  }
  Region region{body, n, chunk, {}};
  Release(&region);
  GOMP_parallel(&RunRegion, &region, static_cast<unsigned>(threads), 0);
  Acquire(&region);
}

int UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace sprint
