#include "worker/engine/torch_internal/step_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace sprint {

struct StepGraphs::Stream {
  c10::cuda::CUDAStream stream;
};

struct StepGraphs::Scope::Guard {
  explicit Guard(c10::cuda::CUDAStream stream) : guard(stream) {}
  c10::cuda::CUDAStreamGuard guard;
};

struct StepGraph::Graph {
  at::cuda::CUDAGraph graph;
};

StepGraphs::StepGraphs(const at::Device& device) {
  const c10::cuda::CUDAGuard guard(device);
  c10::cuda::device_synchronize();
  stream_ = std::make_unique<Stream>(
      Stream{c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())});
}
StepGraphs::~StepGraphs() = default;

StepGraphs::Scope::Scope(const StepGraphs& graphs)
    : guard_(std::make_unique<Guard>(graphs.stream_->stream)) {}
StepGraphs::Scope::~Scope() = default;

StepGraph::StepGraph() : graph_(std::make_unique<Graph>()) {}
StepGraph::~StepGraph() = default;

at::Tensor StepGraph::Record(absl::FunctionRef<at::Tensor()> work) {
  graph_->graph.capture_begin();
  at::Tensor result = work();
  graph_->graph.capture_end();
  return result;
}

void StepGraph::Replay() { graph_->graph.replay(); }

}  // namespace sprint
