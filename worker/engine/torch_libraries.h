// The libraries inside libtorch, for the runner that computes with them.
#ifndef SPRINT_WORKER_ENGINE_TORCH_LIBRARIES_H_
#define SPRINT_WORKER_ENGINE_TORCH_LIBRARIES_H_

#include <string>

namespace sprint {

// Sets libtorch's thread count, for the calling thread too: OpenMP keeps it per thread. Cheap.
void SetTorchThreads(int threads);

// "libtorch 1.13.1, OpenBLAS 0.3.21 SkylakeX" or "libtorch 2.13.0, MKL …, oneDNN …".
std::string DescribeTorchLibraries();

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_LIBRARIES_H_
