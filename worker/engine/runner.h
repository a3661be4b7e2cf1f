// Computes steps of one loaded model: the seam between the engine's bookkeeping and the device.
#ifndef SPRINT_WORKER_ENGINE_RUNNER_H_
#define SPRINT_WORKER_ENGINE_RUNNER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/config.h"
#include "worker/engine/step.h"
#include "worker/engine/weights_loader.h"

namespace sprint {

struct RunnerOptions {
  int threads = 1;
  int64_t max_rows = 512;       // of a step
  int64_t max_logit_rows = 64;  // of a step that does not ask for all logits
};

// Where the time of all steps went, in seconds; zero where a device does not say. `total` is all of Run.
struct RunSeconds {
  double gemm = 0;
  double attention = 0;
  double total = 0;
};

// Not thread-safe. A batch's block tables index the blocks of AllocateKv.
class Runner {
 public:
  virtual ~Runner() = default;

  // Bytes of one K/V block over all layers, and of everything but weights and K/V.
  virtual int64_t KvBlockBytes() const = 0;
  virtual int64_t ActivationBytes() const = 0;
  // Once, before the first Run. RESOURCE_EXHAUSTED (kOutOfMemory).
  virtual absl::Status AllocateKv(int64_t blocks) = 0;

  // Copies the K/V of layers [first, last) of whole blocks: from[i] to to[i].
  virtual absl::Status CopyKv(absl::Span<const int32_t> from, absl::Span<const int32_t> to, int32_t first,
                              int32_t last) = 0;
  // Whether sequences may enter at a layer above 0 (StepSequence::first_layer).
  virtual bool CanResume() const = 0;

  // INTERNAL when computing failed.
  virtual absl::Status Run(const StepBatch& batch, StepOutput* output) = 0;

  // For the mask's self-test: until RestoreOutputProjection, layer `layer` computes with a copy of
  // o_proj whose input columns [first, last) are zero.
  virtual absl::Status ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) = 0;
  virtual void RestoreOutputProjection() = 0;

  virtual int64_t gemm_calls() const = 0;
  virtual RunSeconds seconds() const { return {}; }
  // Everything that decides bits, on one line.
  virtual std::string Describe() const = 0;
};

// On the CPU, with kernels of our own. `config` must outlive the runner; runners may share weights.
absl::StatusOr<std::unique_ptr<Runner>> MakeCpuRunner(const ModelConfig& config,
                                                      std::shared_ptr<const LoadedWeights> weights,
                                                      const RunnerOptions& options);

// Through ATen's operators on any device of this libtorch ("cuda:0", and "cpu" for tests of the
// path). The weights are copied to the device.
absl::StatusOr<std::unique_ptr<Runner>> MakeAtenRunner(const ModelConfig& config, LoadedWeights weights,
                                                       const RunnerOptions& options,
                                                       const std::string& device);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_RUNNER_H_
