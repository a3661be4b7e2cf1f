// A step's work on a CUDA device, recorded once and replayed: a CUDA graph (CUDA C++ Programming Guide, "CUDA
// Graphs"; torch's CUDAGraph). Built with SPRINT_CUDA_GRAPHS only.
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_STEP_GRAPH_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_STEP_GRAPH_H_

#include <ATen/ATen.h>

#include <memory>

#include "absl/functional/function_ref.h"

namespace sprint {

// The stream that steps run on: the default one cannot be recorded. Throws what libtorch throws.
class StepGraphs {
 public:
  // Waits for all that was asked of the device so far.
  explicit StepGraphs(const at::Device& device);
  ~StepGraphs();

  // While it lives, this thread's work goes to the stream.
  class Scope {
   public:
    explicit Scope(const StepGraphs& graphs);
    ~Scope();

   private:
    struct Guard;
    std::unique_ptr<Guard> guard_;
  };

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

class StepGraph {
 public:
  StepGraph();
  ~StepGraph();

  // Records what `work` asks of the device, without computing it. Returns its result, which each Replay
  // fills anew. REQUIRES: once; within a Scope in which such work ran before; it waits for nothing, and what
  // it reads keeps its place.
  at::Tensor Record(absl::FunctionRef<at::Tensor()> work);
  void Replay();

 private:
  struct Graph;
  std::unique_ptr<Graph> graph_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_STEP_GRAPH_H_
