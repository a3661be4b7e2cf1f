// The step through ATen's operators, for devices that our own kernels do not run on (CUDA). It
// runs on the CPU too, where tests hold it against the other runner.
//
// A step goes to the device and back once: its inputs are packed and copied in one piece, everything between
// is operators whose shapes follow from how many rows there are of what kind, never from values, and what
// was chosen comes back in one piece. Tokens are chosen, and drafts verified, on the device.
//
// Bits of a row must not depend on its neighbours here either. Products follow a row rule measured
// on the device. Reductions over a row run on tiles of a fixed number of rows, because a
// device may split a sum differently for another shape. Attention and sampling run in tiles of one shape
// (fused_attention.h, device_sampler.h).
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/engine/attention.h"
#include "worker/engine/device.h"
#include "worker/engine/rope.h"
#include "worker/engine/runner.h"
#include "worker/engine/torch_internal/device_model.h"
#include "worker/engine/torch_internal/packed_inputs.h"
#include "worker/engine/torch_internal/packed_results.h"
#include "worker/engine/torch_internal/step_plan.h"
#include "worker/engine/torch_libraries.h"
#ifdef SPRINT_CUDA_GRAPHS
#include "worker/engine/torch_internal/step_graph.h"
#endif

namespace sprint {
namespace {

constexpr int64_t kTileRows = 64;
// Steps whose layouts are kept, and with CUDA graphs their recordings.
constexpr size_t kKeptSteps = 64;

// A layer's K/V: [blocks * kBlockTokens, kv_heads, head_dim] each.
struct KvPool {
  at::Tensor k, v;
};

// A step on the device: how it is laid out, and where its results are.
struct DeviceStep {
  DeviceStep(StepPlan laid_out, const at::Device& device) : plan(std::move(laid_out)), results(device) {}

  StepPlan plan;
  PackedResults results;
  size_t chosen = 0, logprobs = 0, accepted = 0;  // parts of the results
  std::vector<size_t> logits;                     // by chunk
  std::vector<size_t> hidden;                     // by boundary
  std::vector<std::pair<size_t, float*>> captures;
  int64_t used = 0;  // the last Run that computed it
#ifdef SPRINT_CUDA_GRAPHS
  at::Tensor packed;  // what a replay of the graph fills
  std::unique_ptr<StepGraph> graph;
  int64_t generation = -1;  // of the inputs that it reads
#endif
};

class AtenRunner : public Runner {
 public:
  AtenRunner(const ModelConfig& config, const RunnerOptions& options, const std::string& device)
      : config_(config),
        options_(options),
        name_(device),
        device_(device),
        model_(device_),
        inputs_(device_) {}

  absl::Status Prepare(const LoadedWeights& weights);
  int64_t KvBlockBytes() const override {
    return 2 * config_.layers * kBlockTokens * config_.kv_heads * config_.head_dim * DtypeBytes(model_.dtype);
  }
  int64_t ActivationBytes() const override {
    const int64_t rows = options_.max_rows + kTileRows;
    const int64_t rope = config_.context * config_.head_dim * int64_t{4};
    return rows * (6 * config_.hidden + 4 * config_.intermediate) * 4 +
           FusedAttention(config_, layout_.attention_type).WorkBytes(config_.context) +
           3 * options_.max_logit_rows * config_.vocab * int64_t{4} +
           DeviceSampler(config_.vocab).WorkBytes() + rope + KvBlockBytes();
  }
  absl::Status AllocateKv(int64_t blocks) override;
  absl::Status CopyKv(absl::Span<const int32_t>, absl::Span<const int32_t>, int32_t, int32_t) override {
    return absl::UnimplementedError("this runner computes every layer of every row");
  }
  bool CanResume() const override { return false; }
  absl::Status Run(const StepBatch& batch, StepOutput* output) override;
  absl::Status ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) override;
  void RestoreOutputProjection() override { zeroed_.reset(); }
  int64_t gemm_calls() const override { return model_.calls(); }
  std::string Describe() const override;

 private:
  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight) const;
  // The kept step of the plan's shape, or a new one.
  DeviceStep& Keep(StepPlan plan);
  void Execute(DeviceStep& step, const StepBatch& batch);
  at::Tensor Compute(DeviceStep& step, const StepBatch& batch, int64_t candidates);
  at::Tensor Layer(int32_t index, const StepPlan& plan, const at::Tensor& residual);
  at::Tensor Rotate(const at::Tensor& heads) const;
  void Head(const StepBatch& batch, const at::Tensor& normed, int64_t candidates, DeviceStep& step);
  static void AddHidden(int32_t boundary, const at::Tensor& hidden, const StepBatch& batch, DeviceStep& step);
  void Deliver(const DeviceStep& step, const StepBatch& batch, StepOutput* output) const;

  const ModelConfig& config_;
  const RunnerOptions options_;
  const std::string name_;
  const at::Device device_;
  DeviceModel model_;
  std::vector<KvPool> kv_;  // by layer
  std::optional<std::pair<int32_t, at::Tensor>> zeroed_;

  StepLayout layout_;
  at::Tensor cos_, sin_;  // [positions, 1, head_dim / 2]
  PackedInputs inputs_;
  std::map<std::vector<int64_t>, DeviceStep> kept_;  // by shape
  int64_t runs_ = 0;
#ifdef SPRINT_CUDA_GRAPHS
  std::optional<StepGraphs> graphs_;
#endif
  // Of the step, on the device.
  at::Tensor slots_, step_cos_, step_sin_;
  at::Tensor gates_;  // f32 [padded, layers, heads]
  std::vector<FusedAttention::Shared> attention_;
};

absl::Status AtenRunner::Prepare(const LoadedWeights& weights) {
  SetTorchThreads(options_.threads);
  try {
    const c10::InferenceMode guard;
    model_.Load(weights, options_.max_rows, options_.max_logit_rows);
  } catch (const std::exception& e) {
    return absl::InternalError(
        absl::StrCat("libtorch failed to prepare the model on ", name_, ": ", e.what()));
  }
  // Where bf16 is emulated, attention in f32 is nearer to the truth, and no slower.
  const at::ScalarType attention = device_.is_cuda() ? TorchType(model_.dtype) : at::kFloat;
  layout_ = {&config_, &model_, attention, kTileRows, options_.max_logit_rows, 0};
  return absl::OkStatus();
}

absl::Status AtenRunner::AllocateKv(int64_t blocks) {
  try {
    const c10::InferenceMode guard;
    const auto type = at::TensorOptions().dtype(TorchType(model_.dtype)).device(device_);
    kv_.clear();
    for (int32_t layer = 0; layer < config_.layers; ++layer) {
      const at::Tensor k = at::zeros({(blocks + 1) * kBlockTokens, config_.kv_heads, config_.head_dim}, type);
      kv_.push_back({k, at::zeros_like(k)});
    }
    layout_.scratch_slot = blocks * kBlockTokens;
    const int64_t positions = std::min(config_.context, blocks * kBlockTokens);
    RopeTable rope(config_.rope, config_.head_dim);
    rope.Grow(positions);
    const auto table = [&](const float* data) {
      const int64_t half = config_.head_dim / 2;
      return at::from_blob(const_cast<float*>(data), {positions, 1, half}, at::kFloat)
          .to(device_, false, true);
    };
    cos_ = table(rope.Cos(0));
    sin_ = table(rope.Sin(0));
  } catch (const std::exception& e) {
    return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
                 absl::StrCat("no room for ", blocks, " K/V blocks on ", name_, ": ", e.what()));
  }
  return absl::OkStatus();
}

absl::Status AtenRunner::ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) {
  try {
    const c10::InferenceMode guard;
    at::Tensor copy = model_.layers[static_cast<size_t>(layer)].o.clone();
    copy.narrow(1, first, last - first).zero_();
    zeroed_.emplace(layer, copy);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("libtorch failed to copy o_proj on ", name_, ": ", e.what()));
  }
  return absl::OkStatus();
}

std::string AtenRunner::Describe() const {
  const absl::StatusOr<TorchDevice> device = ResolveTorchDevice(name_);
  return absl::StrCat(name_, " ", device.ok() ? device->model : "", " aten, ", DescribeTorchLibraries(), ", ",
                      DtypeName(model_.dtype), ", threads ", options_.threads, ", ",
                      FusedAttention(config_, layout_.attention_type).Describe(), ", rows ",
                      model_.DescribeRules());
}

// Over the last dimension of [rows, n] or [rows, heads, n]; f32 in and out.
at::Tensor AtenRunner::RmsNorm(const at::Tensor& x, const at::Tensor& weight) const {
  std::vector<at::Tensor> means;
  for (int64_t row = 0; row < x.size(0); row += kTileRows) {
    means.push_back(x.narrow(0, row, kTileRows).square().mean(-1, /*keepdim=*/true));
  }
  return x * at::rsqrt(at::cat(means, 0) + config_.rms_norm_eps) * weight;
}

at::Tensor AtenRunner::Rotate(const at::Tensor& heads) const {
  const int64_t half = config_.head_dim / 2;
  const at::Tensor a = heads.narrow(2, 0, half);
  const at::Tensor b = heads.narrow(2, half, half);
  return at::cat({a * step_cos_ - b * step_sin_, b * step_cos_ + a * step_sin_}, 2);
}

at::Tensor AtenRunner::Layer(int32_t index, const StepPlan& plan, const at::Tensor& residual) {
  const DeviceLayer& layer = model_.layers[static_cast<size_t>(index)];
  KvPool& kv = kv_[static_cast<size_t>(index)];
  const int64_t q_dim = static_cast<int64_t>(config_.heads) * config_.head_dim;
  const int64_t kv_dim = static_cast<int64_t>(config_.kv_heads) * config_.head_dim;
  const at::ScalarType type = TorchType(model_.dtype);

  at::Tensor qkv =
      model_.Multiply(RmsNorm(residual, layer.attention_norm).to(type), layer.qkv, plan.rows).to(at::kFloat);
  if (layer.qkv_bias.defined()) qkv = qkv + layer.qkv_bias;
  at::Tensor q = qkv.narrow(1, 0, q_dim).reshape({plan.padded, config_.heads, config_.head_dim});
  at::Tensor k = qkv.narrow(1, q_dim, kv_dim).reshape({plan.padded, config_.kv_heads, config_.head_dim});
  const at::Tensor v =
      qkv.narrow(1, q_dim + kv_dim, kv_dim).reshape({plan.padded, config_.kv_heads, config_.head_dim});
  if (layer.q_norm.defined()) q = RmsNorm(q, layer.q_norm);
  if (layer.k_norm.defined()) k = RmsNorm(k, layer.k_norm);
  kv.k.index_copy_(0, slots_, Rotate(k).to(type));
  kv.v.index_copy_(0, slots_, v.to(type));

  at::Tensor attended = plan.attention.Attend(attention_, Rotate(q), kv.k, kv.v);
  if (plan.gated) {
    attended.view({plan.padded, config_.heads, config_.head_dim}).mul_(gates_.select(1, index).unsqueeze(2));
  }
  const at::Tensor& o = zeroed_ && zeroed_->first == index ? zeroed_->second : layer.o;
  at::Tensor delta = model_.Multiply(attended.to(type), o, plan.rows).to(at::kFloat);
  if (layer.o_bias.defined()) delta = delta + layer.o_bias;
  const at::Tensor middle = residual + delta;

  const at::Tensor gate_up =
      model_.Multiply(RmsNorm(middle, layer.mlp_norm).to(type), layer.gate_up, plan.rows).to(at::kFloat);
  const at::Tensor gate = gate_up.narrow(1, 0, config_.intermediate);
  const at::Tensor act = at::silu(gate) * gate_up.narrow(1, config_.intermediate, config_.intermediate);
  return middle + model_.Multiply(act.to(type).contiguous(), layer.down, plan.rows).to(at::kFloat);
}

// Adds what is wanted of the residual stream at a layer's boundary to the results.
void AtenRunner::AddHidden(int32_t boundary, const at::Tensor& hidden, const StepBatch& batch,
                           DeviceStep& step) {
  if (batch.want_hidden) {
    step.hidden.push_back(step.results.Add(hidden.narrow(0, 0, batch.rows()).to(at::kFloat)));
  }
  for (const HiddenCapture& capture : batch.captures) {
    if (capture.boundary != boundary) continue;
    for (int64_t i = 0; i < capture.rows; ++i) {
      const at::Tensor row = hidden.narrow(0, capture.first_row + i, 1).to(at::kFloat);
      step.captures.emplace_back(step.results.Add(row), capture.to + i * capture.to_stride);
    }
  }
}

void AtenRunner::Head(const StepBatch& batch, const at::Tensor& normed, int64_t candidates,
                      DeviceStep& step) {
  std::vector<at::Tensor> chosen;
  std::vector<at::Tensor> logprobs;
  for (const StepPlan::Chunk& chunk : step.plan.chunks) {
    const at::Tensor x = normed.index_select(0, inputs_.Get(chunk.index));
    const at::Tensor logits = model_.Multiply(x, model_.head, chunk.padded).to(at::kFloat);
    chosen.push_back(chunk.sampler.Choose(logits, inputs_, candidates));
    const at::Tensor at_chosen = chosen.back().clamp_min(0).unsqueeze(1);
    logprobs.push_back(at::log_softmax(logits, 1).gather(1, at_chosen).squeeze(1));
    if (batch.want_logits) step.logits.push_back(step.results.Add(logits.narrow(0, 0, chunk.rows)));
  }
  if (chosen.empty()) return;
  const at::Tensor all = at::cat(chosen, 0);
  step.chosen = step.results.Add(all);
  step.logprobs = step.results.Add(at::cat(logprobs, 0));
  step.accepted = step.results.Add(CountAccepted(all, inputs_.Get(step.plan.guesses)));
}

// Everything that the device does, from the uploaded inputs to the packed results; undefined when nothing
// is wanted back.
at::Tensor AtenRunner::Compute(DeviceStep& step, const StepBatch& batch, int64_t candidates) {
  const StepPlan& plan = step.plan;
  step.results.Clear();
  step.logits.clear();
  step.hidden.clear();
  step.captures.clear();
  slots_ = inputs_.Get(plan.slots);
  const at::Tensor positions = inputs_.Get(plan.positions);
  step_cos_ = cos_.index_select(0, positions);
  step_sin_ = sin_.index_select(0, positions);
  attention_ = plan.attention.Share(inputs_);
  if (plan.gated) {
    const at::Tensor tables = inputs_.Get(plan.gates).view({-1, config_.layers, config_.heads});
    gates_ = tables.index_select(0, inputs_.Get(plan.arms));
  }
  at::Tensor residual = model_.embedding.index_select(0, inputs_.Get(plan.tokens)).to(at::kFloat);
  for (int32_t layer = 0; layer < config_.layers; ++layer) {
    AddHidden(layer, residual, batch, step);
    residual = Layer(layer, plan, residual);
  }
  const at::Tensor normed = RmsNorm(residual, model_.final_norm).to(TorchType(model_.dtype));
  AddHidden(config_.layers, normed, batch, step);
  Head(batch, normed, candidates, step);
  return step.results.empty() ? at::Tensor() : step.results.Pack();
}

// What a step was planned with computes every step of its shape (step_plan.h).
DeviceStep& AtenRunner::Keep(StepPlan plan) {
  const std::vector<int64_t> shape = plan.shape;
  auto it = kept_.find(shape);
  if (it == kept_.end()) {
    if (kept_.size() >= kKeptSteps) {
      kept_.erase(std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
        return a.second.used < b.second.used;
      }));
    }
    it = kept_.emplace(shape, DeviceStep(std::move(plan), device_)).first;
  }
  return it->second;
}

void AtenRunner::Execute(DeviceStep& step, const StepBatch& batch) {
  at::Tensor packed;
#ifdef SPRINT_CUDA_GRAPHS
  // The first step of a shape is computed as any other, the second one recorded, the others replayed.
  const bool again = step.used > 0 && device_.is_cuda();
  step.used = ++runs_;
  if (again && step.generation != inputs_.generation()) {
    step.graph = std::make_unique<StepGraph>();
    step.packed = step.graph->Record([&] { return Compute(step, batch, DeviceSampler::kCandidates); });
    step.generation = inputs_.generation();
  }
  if (again) {
    step.graph->Replay();
    packed = step.packed;
  } else {
    packed = Compute(step, batch, DeviceSampler::kCandidates);
  }
#else
  step.used = ++runs_;
  packed = Compute(step, batch, DeviceSampler::kCandidates);
#endif
  if (!packed.defined()) return;
  step.results.Fetch(packed);
  if (step.plan.chunks.empty()) return;
  // Where a choice needs more of the vocabulary in order than is put so at first: once more, with all of it.
  const absl::Span<const int32_t> chosen = step.results.Ints(step.chosen);
  if (!absl::c_linear_search(chosen, static_cast<int32_t>(DeviceSampler::kUndecided))) return;
  step.results.Fetch(Compute(step, batch, config_.vocab));
}

// `step` may have been planned with another batch of its shape.
void AtenRunner::Deliver(const DeviceStep& step, const StepBatch& batch, StepOutput* output) const {
  const PackedResults& results = step.results;
  for (const auto& [part, to] : step.captures) absl::c_copy(results.Floats(part), to);
  for (const size_t part : step.hidden) {
    const absl::Span<const float> values = results.Floats(part);
    output->hidden.emplace_back(values.begin(), values.end());
  }
  for (const size_t part : step.logits) {
    const absl::Span<const float> values = results.Floats(part);
    output->logits.insert(output->logits.end(), values.begin(), values.end());
  }
  size_t at = 0;
  size_t left = batch.logit_rows.size();
  for (const StepPlan::Chunk& chunk : step.plan.chunks) {
    const size_t rows = std::min(left, static_cast<size_t>(options_.max_logit_rows));
    const auto take = [&](auto values, auto& to) {
      const auto some = values.subspan(at, rows);
      to.insert(to.end(), some.begin(), some.end());
    };
    take(results.Ints(step.chosen), output->next);
    take(results.Floats(step.logprobs), output->logprobs);
    take(results.Ints(step.accepted), output->accepted);
    at += static_cast<size_t>(chunk.padded);
    left -= rows;
  }
}

absl::Status AtenRunner::Run(const StepBatch& batch, StepOutput* output) {
  *output = StepOutput{};
  if (batch.rows() == 0) return absl::OkStatus();
  SetTorchThreads(options_.threads);
  try {
    const c10::InferenceMode guard;
#ifdef SPRINT_CUDA_GRAPHS
    if (device_.is_cuda() && !graphs_) graphs_.emplace(device_);
    std::optional<StepGraphs::Scope> scope;
    if (graphs_) scope.emplace(*graphs_);
#endif
    inputs_.Clear();
    StepPlan plan = PlanStep(layout_, batch, inputs_);
    inputs_.Upload();
    const bool plain = batch.captures.empty() && !batch.want_logits && !batch.want_hidden && !zeroed_;
    std::optional<DeviceStep> once;
    DeviceStep& step = plain ? Keep(std::move(plan)) : once.emplace(std::move(plan), device_);
    Execute(step, batch);
    Deliver(step, batch, output);
  } catch (const std::exception& e) {
    return absl::InternalError(
        absl::StrCat("libtorch failed on ", name_, " in a step of ", batch.rows(), " tokens: ", e.what()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Runner>> MakeAtenRunner(const ModelConfig& config, LoadedWeights weights,
                                                       const RunnerOptions& options,
                                                       const std::string& device) {
  try {
    auto runner = std::make_unique<AtenRunner>(config, options, device);
    SPRINT_RETURN_IF_ERROR(runner->Prepare(weights));
    return std::unique_ptr<Runner>(std::move(runner));
  } catch (const std::exception& e) {
    return absl::UnavailableError(absl::StrCat("the device ", device, " cannot be used: ", e.what()));
  }
}

}  // namespace sprint
