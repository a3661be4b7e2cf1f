// Fork and join on the OpenMP runtime that libtorch uses. A second pool of threads beside that one
// would fight it for the cores: idle OpenMP threads spin for a while after each region.
#ifndef SPRINT_WORKER_ENGINE_PARALLEL_H_
#define SPRINT_WORKER_ENGINE_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace sprint {

// Calls body(begin, end, thread) for consecutive ranges of at most `chunk` items that cover [0, n),
// on up to `threads` threads; `thread` is in [0, threads). Which thread takes which range is not
// fixed, so what a range computes must not depend on it. `body` must not throw.
// REQUIRES: n >= 0, chunk >= 1, threads >= 1; not called from inside a body.
void ParallelFor(int threads, int64_t n, int64_t chunk, absl::FunctionRef<void(int64_t, int64_t, int)> body);

// CPUs this process may use (its affinity mask), at least 1.
int UsableCpus();

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_PARALLEL_H_
