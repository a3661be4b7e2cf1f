// Which device an engine runs on: names, what this libtorch can use, and its memory.
#ifndef SPRINT_WORKER_ENGINE_DEVICE_H_
#define SPRINT_WORKER_ENGINE_DEVICE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace sprint {

struct TorchDevice {
  std::string name;  // "cpu", "cuda:0"
  bool cuda = false;
  bool own_kernels = true;   // the CPU runner; else the ATen runner
  int64_t memory_bytes = 0;  // of a CUDA device; 0 when it cannot be asked
  std::string model;         // "NVIDIA H100"; empty for a CPU
};

// "auto", "cpu", "cuda", "cuda:N"; "cpu-aten" runs the ATen runner on the CPU, slowly: a check of
// the path that CUDA takes. INVALID_ARGUMENT for another name. UNAVAILABLE when this libtorch has
// no such device.
absl::StatusOr<TorchDevice> ResolveTorchDevice(const std::string& name);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_DEVICE_H_
