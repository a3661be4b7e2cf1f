#include <ATen/ATen.h>

#include "base/status.h"
#include "demo/net.h"
#include "model/model_files.h"

namespace sprint::demo {
namespace {

at::Tensor Read(const TensorInfo& info) {
  at::Tensor tensor = at::empty(info.shape, at::kFloat);
  DecodeToF32(info, 0, absl::MakeSpan(tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())));
  return tensor;
}

}  // namespace

absl::StatusOr<Net> Net::Load(const std::string& folder) {
  SPRINT_ASSIGN_OR_RETURN(const std::shared_ptr<const ModelFiles> files, OpenModel(folder));
  const ModelConfig& config = files->config;
  if (config.architecture != Architecture::kLlama || !config.tied_embeddings) {
    return Error(absl::StatusCode::kUnimplemented, Reason::kModelUnsupported,
                 folder + ": the demo's measure reads models that the demo's trainer wrote");
  }
  NetShape shape;
  shape.layers = config.layers;
  shape.hidden = config.hidden;
  shape.heads = config.heads;
  shape.kv_heads = config.kv_heads;
  shape.head_dim = config.head_dim;
  shape.ffn = config.intermediate;
  shape.vocab = config.vocab;
  shape.context = config.context;
  shape.rope_theta = config.rope.theta;
  shape.norm_eps = config.rms_norm_eps;
  Net net(shape, 0);
  net.embedding_ = Read(*files->tensors.embedding);
  net.final_norm_ = Read(*files->tensors.final_norm);
  for (size_t i = 0; i < net.layers_.size(); ++i) {
    const LayerTensors& from = files->tensors.layers[i];
    Layer& to = net.layers_[i];
    to.attention_norm = Read(*from.attention_norm);
    to.qkv = at::cat({Read(*from.q), Read(*from.k), Read(*from.v)}, 0);
    to.o = Read(*from.o);
    to.mlp_norm = Read(*from.mlp_norm);
    to.gate_up = at::cat({Read(*from.gate), Read(*from.up)}, 0);
    to.down = Read(*from.down);
  }
  return net;
}

}  // namespace sprint::demo
