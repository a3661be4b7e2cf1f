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
#include "worker/engine/torch_internal/device_sampler.h"
#include "worker/engine/torch_internal/fused_attention.h"
#include "worker/engine/torch_internal/packed_inputs.h"
#include "worker/engine/torch_internal/packed_results.h"
#include "worker/engine/torch_libraries.h"

namespace sprint {
namespace {

constexpr int64_t kTileRows = 64;
// Tables of gates come in whole multiples of so many arms: few shapes.
constexpr size_t kArmTables = 16;

int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
// A layer's K/V: [blocks * kBlockTokens, kv_heads, head_dim] each.
struct KvPool {
  at::Tensor k, v;
};

// Logit rows that the head computes at once, in the order of StepBatch::logit_rows.
struct HeadChunk {
  int64_t rows = 0;
  int64_t padded = 0;
  PackedInputs::Part index;
  DeviceSampler sampler;
  at::Tensor logits;  // f32 [padded, vocab], of the step
};

class AtenRunner : public Runner {
 public:
  AtenRunner(const ModelConfig& config, const RunnerOptions& options, const std::string& device)
      : config_(config),
        options_(options),
        name_(device),
        device_(device),
        model_(device_),
        inputs_(device_),
        results_(device_) {}

  absl::Status Prepare(const LoadedWeights& weights);
  int64_t KvBlockBytes() const override {
    return 2 * config_.layers * kBlockTokens * config_.kv_heads * config_.head_dim * DtypeBytes(model_.dtype);
  }
  int64_t ActivationBytes() const override {
    const int64_t rows = options_.max_rows + kTileRows;
    const int64_t rope = config_.context * config_.head_dim * int64_t{4};
    return rows * (6 * config_.hidden + 4 * config_.intermediate) * 4 +
           attention_->WorkBytes(config_.context) + 3 * options_.max_logit_rows * config_.vocab * int64_t{4} +
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
  void PlanRows(const StepBatch& batch);
  void PlanGates(const StepBatch& batch);
  void PlanHead(const StepBatch& batch);
  at::Tensor Compute(const StepBatch& batch);
  at::Tensor Layer(int32_t index, const at::Tensor& residual);
  at::Tensor Rotate(const at::Tensor& heads) const;
  void Head(const StepBatch& batch, const at::Tensor& normed);
  void Keep(int32_t boundary, const at::Tensor& hidden, const StepBatch& batch);
  void Deliver(StepOutput* output) const;
  void Decide(StepOutput* output) const;

  const ModelConfig& config_;
  const RunnerOptions options_;
  const std::string name_;
  const at::Device device_;
  DeviceModel model_;
  std::vector<KvPool> kv_;  // by layer
  std::optional<std::pair<int32_t, at::Tensor>> zeroed_;

  std::optional<FusedAttention> attention_;
  int64_t scratch_slot_ = 0;  // where K/V of rows without a sequence goes
  at::Tensor cos_, sin_;      // [positions, 1, head_dim / 2]
  // Of the step.
  PackedInputs inputs_;
  PackedResults results_;
  int64_t rows_ = 0;
  int64_t padded_ = 0;  // rows of its tensors
  PackedInputs::Part tokens_part_, positions_part_, slots_part_, arms_part_, gates_part_, guesses_part_;
  bool gated_ = false;  // whether any arm changes anything
  std::vector<HeadChunk> chunks_;
  at::Tensor slots_, step_cos_, step_sin_;
  at::Tensor gates_;  // f32 [padded, layers, heads]
  // Where the results are, by part of results_.
  size_t chosen_at_ = 0, logprobs_at_ = 0, accepted_at_ = 0;
  std::vector<size_t> logits_at_;  // by chunk
  std::vector<size_t> hidden_at_;  // by boundary
  std::vector<std::pair<size_t, float*>> captures_at_;
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
  attention_.emplace(config_, device_.is_cuda() ? TorchType(model_.dtype) : at::kFloat);
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
    scratch_slot_ = blocks * kBlockTokens;
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
                      DtypeName(model_.dtype), ", threads ", options_.threads, ", ", attention_->Describe(),
                      ", rows ", model_.DescribeRules());
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

at::Tensor AtenRunner::Layer(int32_t index, const at::Tensor& residual) {
  const DeviceLayer& layer = model_.layers[static_cast<size_t>(index)];
  KvPool& kv = kv_[static_cast<size_t>(index)];
  const int64_t q_dim = static_cast<int64_t>(config_.heads) * config_.head_dim;
  const int64_t kv_dim = static_cast<int64_t>(config_.kv_heads) * config_.head_dim;
  const at::ScalarType type = TorchType(model_.dtype);

  at::Tensor qkv =
      model_.Multiply(RmsNorm(residual, layer.attention_norm).to(type), layer.qkv, rows_).to(at::kFloat);
  if (layer.qkv_bias.defined()) qkv = qkv + layer.qkv_bias;
  at::Tensor q = qkv.narrow(1, 0, q_dim).reshape({padded_, config_.heads, config_.head_dim});
  at::Tensor k = qkv.narrow(1, q_dim, kv_dim).reshape({padded_, config_.kv_heads, config_.head_dim});
  const at::Tensor v =
      qkv.narrow(1, q_dim + kv_dim, kv_dim).reshape({padded_, config_.kv_heads, config_.head_dim});
  if (layer.q_norm.defined()) q = RmsNorm(q, layer.q_norm);
  if (layer.k_norm.defined()) k = RmsNorm(k, layer.k_norm);
  kv.k.index_copy_(0, slots_, Rotate(k).to(type));
  kv.v.index_copy_(0, slots_, v.to(type));

  at::Tensor attended = attention_->Attend(Rotate(q), kv.k, kv.v);
  if (gated_) {
    attended.view({padded_, config_.heads, config_.head_dim}).mul_(gates_.select(1, index).unsqueeze(2));
  }
  const at::Tensor& o = zeroed_ && zeroed_->first == index ? zeroed_->second : layer.o;
  at::Tensor delta = model_.Multiply(attended.to(type), o, rows_).to(at::kFloat);
  if (layer.o_bias.defined()) delta = delta + layer.o_bias;
  const at::Tensor middle = residual + delta;

  const at::Tensor gate_up =
      model_.Multiply(RmsNorm(middle, layer.mlp_norm).to(type), layer.gate_up, rows_).to(at::kFloat);
  const at::Tensor gate = gate_up.narrow(1, 0, config_.intermediate);
  const at::Tensor act = at::silu(gate) * gate_up.narrow(1, config_.intermediate, config_.intermediate);
  return middle + model_.Multiply(act.to(type).contiguous(), layer.down, rows_).to(at::kFloat);
}

void AtenRunner::PlanRows(const StepBatch& batch) {
  rows_ = batch.rows();
  padded_ = RoundUp(model_.PaddedRows(rows_), kTileRows);
  std::vector<int64_t> tokens(batch.tokens.begin(), batch.tokens.end());
  std::vector<int64_t> positions;
  std::vector<int64_t> slots;
  for (const StepSequence& sequence : batch.sequences) {
    for (int64_t p = sequence.first_position; p < sequence.first_position + sequence.rows; ++p) {
      positions.push_back(p);
      slots.push_back(sequence.blocks[p / kBlockTokens] * kBlockTokens + p % kBlockTokens);
    }
  }
  tokens.resize(static_cast<size_t>(padded_), 0);
  positions.resize(static_cast<size_t>(padded_), 0);
  for (int64_t row = rows_; row < padded_; ++row) slots.push_back(scratch_slot_ + row % kBlockTokens);
  tokens_part_ = inputs_.Add(tokens);
  positions_part_ = inputs_.Add(positions);
  slots_part_ = inputs_.Add(slots);
}

// A table of [layers, heads] factors for each arm, the first of them all ones, and each row's table.
void AtenRunner::PlanGates(const StepBatch& batch) {
  gated_ = false;
  const auto table = static_cast<size_t>(config_.layers) * static_cast<size_t>(config_.heads);
  std::vector<float> gates(table, 1.0F);
  std::vector<int64_t> arms(static_cast<size_t>(padded_), 0);
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.arm == nullptr || sequence.arm->edits().empty()) continue;
    gated_ = true;
    const size_t at = gates.size();
    gates.resize(at + table, 1.0F);
    for (const HeadEdit& edit : sequence.arm->edits()) {
      const int64_t place = int64_t{edit.layer} * config_.heads + edit.head;
      gates[at + static_cast<size_t>(place)] = edit.op == HeadOp::kZero ? 0.0F : FactorOf(edit.op);
    }
    std::fill_n(arms.begin() + sequence.first_row, sequence.rows, static_cast<int64_t>(at / table));
  }
  if (!gated_) return;
  const size_t tables = (gates.size() / table + kArmTables - 1) / kArmTables * kArmTables;
  gates.resize(tables * table, 1.0F);
  gates_part_ = inputs_.Add(gates);
  arms_part_ = inputs_.Add(arms);
}

void AtenRunner::PlanHead(const StepBatch& batch) {
  chunks_.clear();
  std::vector<int64_t> guesses;
  const auto total = static_cast<int64_t>(batch.logit_rows.size());
  for (int64_t first = 0; first < total; first += options_.max_logit_rows) {
    HeadChunk chunk{
        std::min(options_.max_logit_rows, total - first), 0, {}, DeviceSampler(config_.vocab), {}};
    chunk.padded = model_.PaddedRows(model_.head, chunk.rows);
    std::vector<int64_t> index(batch.logit_rows.begin() + first,
                               batch.logit_rows.begin() + first + chunk.rows);
    index.resize(static_cast<size_t>(chunk.padded), index.front());
    chunk.index = inputs_.Add(index);
    chunk.sampler.Plan(batch.sampler, first, chunk.rows, inputs_);
    for (int64_t i = 0; i < chunk.padded; ++i) {
      const auto at = static_cast<size_t>(first + i);
      guesses.push_back(i < chunk.rows && at < batch.guesses.size() ? batch.guesses[at] : -1);
    }
    chunks_.push_back(std::move(chunk));
  }
  guesses_part_ = inputs_.Add(guesses);
}

// Adds what is wanted of the residual stream at a layer's boundary to the results.
void AtenRunner::Keep(int32_t boundary, const at::Tensor& hidden, const StepBatch& batch) {
  if (batch.want_hidden) hidden_at_.push_back(results_.Add(hidden.narrow(0, 0, rows_).to(at::kFloat)));
  for (const HiddenCapture& capture : batch.captures) {
    if (capture.boundary != boundary) continue;
    const at::Tensor rows = hidden.narrow(0, capture.first_row, capture.rows).to(at::kFloat);
    captures_at_.emplace_back(results_.Add(rows), capture.to);
  }
}

void AtenRunner::Head(const StepBatch& batch, const at::Tensor& normed) {
  std::vector<at::Tensor> chosen;
  std::vector<at::Tensor> logprobs;
  for (HeadChunk& chunk : chunks_) {
    const at::Tensor x = normed.index_select(0, inputs_.Get(chunk.index));
    chunk.logits = model_.Multiply(x, model_.head, chunk.rows).to(at::kFloat);
    chosen.push_back(chunk.sampler.Choose(chunk.logits, inputs_));
    const at::Tensor at_chosen = chosen.back().clamp_min(0).unsqueeze(1);
    logprobs.push_back(at::log_softmax(chunk.logits, 1).gather(1, at_chosen).squeeze(1));
    if (batch.want_logits) logits_at_.push_back(results_.Add(chunk.logits.narrow(0, 0, chunk.rows)));
  }
  if (chosen.empty()) return;
  const at::Tensor all = at::cat(chosen, 0);
  chosen_at_ = results_.Add(all);
  logprobs_at_ = results_.Add(at::cat(logprobs, 0));
  accepted_at_ = results_.Add(CountAccepted(all, inputs_.Get(guesses_part_)));
}

// Everything that the device does, from the uploaded inputs to the packed results; undefined when nothing
// is wanted back.
at::Tensor AtenRunner::Compute(const StepBatch& batch) {
  slots_ = inputs_.Get(slots_part_);
  const at::Tensor positions = inputs_.Get(positions_part_);
  step_cos_ = cos_.index_select(0, positions);
  step_sin_ = sin_.index_select(0, positions);
  attention_->Begin(inputs_);
  if (gated_) {
    const at::Tensor tables = inputs_.Get(gates_part_).view({-1, config_.layers, config_.heads});
    gates_ = tables.index_select(0, inputs_.Get(arms_part_));
  }
  at::Tensor residual = model_.embedding.index_select(0, inputs_.Get(tokens_part_)).to(at::kFloat);
  for (int32_t layer = 0; layer < config_.layers; ++layer) {
    Keep(layer, residual, batch);
    residual = Layer(layer, residual);
  }
  const at::Tensor normed = RmsNorm(residual, model_.final_norm).to(TorchType(model_.dtype));
  Keep(config_.layers, normed, batch);
  Head(batch, normed);
  return results_.empty() ? at::Tensor() : results_.Pack();
}

void AtenRunner::Deliver(StepOutput* output) const {
  for (const auto& [part, to] : captures_at_) absl::c_copy(results_.Floats(part), to);
  for (const size_t part : hidden_at_) {
    const absl::Span<const float> values = results_.Floats(part);
    output->hidden.emplace_back(values.begin(), values.end());
  }
  for (const size_t part : logits_at_) {
    const absl::Span<const float> values = results_.Floats(part);
    output->logits.insert(output->logits.end(), values.begin(), values.end());
  }
  size_t at = 0;
  bool undecided = false;
  for (const HeadChunk& chunk : chunks_) {
    const auto rows = static_cast<size_t>(chunk.rows);
    const auto take = [&](auto values, auto& to) {
      const auto some = values.subspan(at, rows);
      to.insert(to.end(), some.begin(), some.end());
    };
    take(results_.Ints(chosen_at_), output->next);
    take(results_.Floats(logprobs_at_), output->logprobs);
    take(results_.Ints(accepted_at_), output->accepted);
    at += static_cast<size_t>(chunk.padded);
  }
  for (const int32_t token : output->next) undecided = undecided || token == DeviceSampler::kUndecided;
  if (undecided) Decide(output);
}

// For rows whose choice needs more of the vocabulary in order than is put so at first: once more, with all
// of it. What was accepted is left to the caller.
void AtenRunner::Decide(StepOutput* output) const {
  output->accepted.clear();
  size_t first = 0;
  for (const HeadChunk& chunk : chunks_) {
    const at::Tensor chosen = chunk.sampler.Choose(chunk.logits, inputs_, config_.vocab);
    const at::Tensor logprobs = at::log_softmax(chunk.logits, 1).gather(1, chosen.unsqueeze(1)).cpu();
    const at::Tensor tokens = chosen.cpu();
    for (int64_t i = 0; i < chunk.rows; ++i) {
      const size_t row = first + static_cast<size_t>(i);
      if (output->next[row] != DeviceSampler::kUndecided) continue;
      output->next[row] = static_cast<int32_t>(tokens.data_ptr<int64_t>()[i]);
      output->logprobs[row] = logprobs.data_ptr<float>()[i];
    }
    first += static_cast<size_t>(chunk.rows);
  }
}

absl::Status AtenRunner::Run(const StepBatch& batch, StepOutput* output) {
  *output = StepOutput{};
  if (batch.rows() == 0) return absl::OkStatus();
  SetTorchThreads(options_.threads);
  try {
    const c10::InferenceMode guard;
    inputs_.Clear();
    results_.Clear();
    logits_at_.clear();
    hidden_at_.clear();
    captures_at_.clear();
    PlanRows(batch);
    PlanGates(batch);
    attention_->Plan(batch, padded_, inputs_);
    PlanHead(batch);
    inputs_.Upload();
    const at::Tensor packed = Compute(batch);
    if (packed.defined()) results_.Fetch(packed);
    Deliver(output);
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
