// The step through ATen's operators, for devices that our own kernels do not run on (CUDA). It
// runs on the CPU too, where tests hold it against the other runner.
//
// Bits of a row must not depend on its neighbours here either. Products follow a row rule measured
// on the device. Reductions over a row run on tiles of a fixed number of rows, because a
// device may split a sum differently for another shape. Attention runs on chunks of kAttentionRows
// rows whose keys are padded to a length that follows from the row's own position, so the shape
// of every call that computes a row follows from the row alone.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/rng.h"
#include "base/status.h"
#include "worker/engine/attention.h"
#include "worker/engine/device.h"
#include "worker/engine/rope.h"
#include "worker/engine/row_rule.h"
#include "worker/engine/runner.h"
#include "worker/engine/torch_libraries.h"

namespace sprint {
namespace {

constexpr int64_t kTileRows = 64;
constexpr int64_t kAttentionRows = 16;
constexpr int64_t kAttentionBucket = 128;

int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
at::ScalarType TorchType(Dtype dtype) { return dtype == Dtype::kF32 ? at::kFloat : at::kBFloat16; }

at::Tensor FromMatrix(const Matrix& m, const at::Device& device) {
  const at::Tensor host = at::empty({m.rows, m.cols}, at::kFloat);
  for (int64_t row = 0; row < m.rows; ++row) LoadRow(m, row, host.data_ptr<float>() + row * m.cols);
  return host.to(device, TorchType(m.dtype));
}
at::Tensor FromVector(const std::vector<float>& v, const at::Device& device) {
  if (v.empty()) return at::Tensor();
  const at::Tensor host =
      at::from_blob(const_cast<float*>(v.data()), {static_cast<int64_t>(v.size())}, at::kFloat);
  return host.to(device, /*non_blocking=*/false, /*copy=*/true);
}
at::Tensor FromInts(std::vector<int64_t>& v, const at::Device& device) {
  const at::Tensor host = at::from_blob(v.data(), {static_cast<int64_t>(v.size())}, at::kLong);
  return host.to(device, /*non_blocking=*/false, /*copy=*/true);
}

struct DeviceLayer {
  at::Tensor attention_norm, mlp_norm, qkv, qkv_bias, q_norm, k_norm, o, o_bias, gate_up, down;
  at::Tensor k, v;  // [blocks * kBlockTokens, kv_heads, head_dim]
};

// Rows whose attention has one shape: padded keys, and per row the slots of its keys.
struct AttentionGroup {
  int64_t keys = 0;
  std::vector<int64_t> rows;   // a multiple of kAttentionRows; the last row repeats as padding
  std::vector<int64_t> slots;  // [rows, keys]
  std::vector<int64_t> count;  // per row: how many of its slots are keys
  at::Tensor rows_tensor, slots_tensor, hidden_keys;  // hidden_keys: [rows, 1, 1, keys], true where none
};

class AtenRunner : public Runner {
 public:
  AtenRunner(const ModelConfig& config, const RunnerOptions& options, const std::string& device)
      : config_(config),
        options_(options),
        name_(device),
        device_(device),
        rope_(config.rope, config.head_dim) {}

  absl::Status Prepare(const LoadedWeights& weights);
  int64_t KvBlockBytes() const override {
    return 2 * config_.layers * kBlockTokens * config_.kv_heads * config_.head_dim * DtypeBytes(dtype_);
  }
  int64_t ActivationBytes() const override {
    const int64_t rows = options_.max_rows + kTileRows;
    const int64_t attention = kAttentionRows * (RoundUp(config_.context, kAttentionBucket)) *
                              (4 * config_.kv_heads * config_.head_dim + 3 * config_.heads) * 4;
    return rows * (6 * config_.hidden + 4 * config_.intermediate) * 4 + attention +
           3 * options_.max_logit_rows * config_.vocab * int64_t{4};
  }
  absl::Status AllocateKv(int64_t blocks) override;
  absl::Status CopyKv(absl::Span<const int32_t>, absl::Span<const int32_t>, int32_t, int32_t) override {
    return absl::UnimplementedError("this runner computes every layer of every row");
  }
  bool CanResume() const override { return false; }
  absl::Status Run(const StepBatch& batch, StepOutput* output) override;
  absl::Status ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) override;
  void RestoreOutputProjection() override { zeroed_.reset(); }
  int64_t gemm_calls() const override { return calls_; }
  std::string Describe() const override;

 private:
  absl::Status Measure(const at::Tensor& w, int64_t max_rows);
  at::Tensor Multiply(const at::Tensor& x, const at::Tensor& w, int64_t rows);
  at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight) const;
  void GrowRope(int64_t positions);
  void PlanAttention(const StepBatch& batch);
  at::Tensor Layer(int32_t index, const StepBatch& batch, const at::Tensor& residual);
  at::Tensor Attention(const DeviceLayer& layer, const at::Tensor& q) const;
  void Gate(int32_t layer, const StepBatch& batch, at::Tensor& attended) const;
  at::Tensor Rotate(const at::Tensor& heads) const;
  void Head(const StepBatch& batch, const at::Tensor& normed, StepOutput* output);
  void KeepHidden(const at::Tensor& hidden, int64_t rows, StepOutput* output) const;
  void Capture(int32_t boundary, const at::Tensor& hidden, const StepBatch& batch) const;
  void SampleRows(const StepBatch& batch, const at::Tensor& logits, int64_t first, StepOutput* output) const;

  const ModelConfig& config_;
  const RunnerOptions options_;
  const std::string name_;
  const at::Device device_;
  Dtype dtype_ = Dtype::kF32;
  std::vector<DeviceLayer> layers_;
  at::Tensor embedding_, final_norm_, head_;
  std::map<std::pair<int64_t, int64_t>, RowRule> rules_;
  std::optional<std::pair<int32_t, at::Tensor>> zeroed_;
  int64_t calls_ = 0;

  RopeTable rope_;
  int64_t rope_positions_ = 0;
  at::Tensor cos_, sin_;  // [positions, 1, head_dim / 2]
  // Of the step.
  int64_t padded_ = 0;  // rows of its tensors
  at::Tensor positions_, slots_, step_cos_, step_sin_;
  std::vector<AttentionGroup> groups_;
};

absl::Status AtenRunner::Prepare(const LoadedWeights& weights) {
  dtype_ = weights.embedding.dtype;
  SetTorchThreads(options_.threads);
  try {
    const c10::InferenceMode guard;
    embedding_ = FromMatrix(weights.embedding, device_);
    head_ = weights.lm_head ? FromMatrix(*weights.lm_head, device_) : embedding_;
    final_norm_ = FromVector(weights.final_norm, device_);
    for (const LayerWeights& layer : weights.layers) {
      DeviceLayer out;
      out.attention_norm = FromVector(layer.attention_norm, device_);
      out.mlp_norm = FromVector(layer.mlp_norm, device_);
      out.q_norm = FromVector(layer.q_norm, device_);
      out.k_norm = FromVector(layer.k_norm, device_);
      out.qkv_bias = FromVector(layer.qkv_bias, device_);
      out.o_bias = FromVector(layer.o_bias, device_);
      out.qkv = FromMatrix(layer.qkv, device_);
      out.o = FromMatrix(layer.o, device_);
      out.gate_up = FromMatrix(layer.gate_up, device_);
      out.down = FromMatrix(layer.down, device_);
      layers_.push_back(std::move(out));
    }
    const DeviceLayer& first = layers_.front();
    for (const at::Tensor& w : {first.qkv, first.o, first.gate_up, first.down}) {
      SPRINT_RETURN_IF_ERROR(Measure(w, options_.max_rows));
    }
    return Measure(head_, options_.max_logit_rows);
  } catch (const std::exception& e) {
    return absl::InternalError(
        absl::StrCat("libtorch failed to prepare the model on ", name_, ": ", e.what()));
  }
}

absl::Status AtenRunner::Measure(const at::Tensor& w, int64_t max_rows) {
  RowRule& rule = rules_[{w.size(1), w.size(0)}];
  if (!rule.classes.empty()) return absl::OkStatus();
  const int64_t bytes = DtypeBytes(dtype_);
  const int64_t rows = ProbeRows(max_rows);
  std::vector<float> values(static_cast<size_t>(rows * w.size(1)));
  CounterRng rng(/*seed=*/1, /*stream=*/static_cast<uint64_t>(w.size(1)));
  for (float& value : values) value = static_cast<float>(rng.NextUint64() >> 40) * 0x1p-22f - 2.0f;
  const at::Tensor x = at::from_blob(values.data(), {rows, w.size(1)}, at::kFloat).to(TorchType(dtype_));
  const auto multiply = [&](const void* in, int64_t n, void* out) {
    const at::Tensor host = at::from_blob(const_cast<void*>(in), {n, w.size(1)}, TorchType(dtype_));
    const at::Tensor y = at::mm(host.to(device_, false, true), w.t()).cpu().contiguous();
    std::memcpy(out, y.data_ptr(), static_cast<size_t>(n * w.size(0) * bytes));
  };
  rule = MeasureRowRule(multiply, max_rows, x.data_ptr(), w.size(1) * bytes, w.size(0) * bytes);
  return absl::OkStatus();
}

absl::Status AtenRunner::AllocateKv(int64_t blocks) {
  try {
    const c10::InferenceMode guard;
    const auto type = at::TensorOptions().dtype(TorchType(dtype_)).device(device_);
    for (DeviceLayer& layer : layers_) {
      layer.k = at::zeros({blocks * kBlockTokens, config_.kv_heads, config_.head_dim}, type);
      layer.v = at::zeros_like(layer.k);
    }
  } catch (const std::exception& e) {
    return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
                 absl::StrCat("no room for ", blocks, " K/V blocks on ", name_, ": ", e.what()));
  }
  return absl::OkStatus();
}

absl::Status AtenRunner::ZeroOutputColumns(int32_t layer, int64_t first, int64_t last) {
  try {
    const c10::InferenceMode guard;
    at::Tensor copy = layers_[static_cast<size_t>(layer)].o.clone();
    copy.narrow(1, first, last - first).zero_();
    zeroed_.emplace(layer, copy);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("libtorch failed to copy o_proj on ", name_, ": ", e.what()));
  }
  return absl::OkStatus();
}

std::string AtenRunner::Describe() const {
  std::vector<std::string> rules;
  for (const auto& [shape, rule] : rules_) {
    rules.push_back(absl::StrCat(shape.first, "x", shape.second, ":", rule.Describe()));
  }
  const absl::StatusOr<TorchDevice> device = ResolveTorchDevice(name_);
  return absl::StrCat(name_, " ", device.ok() ? device->model : "", " aten, ", DescribeTorchLibraries(), ", ",
                      DtypeName(dtype_), ", threads ", options_.threads, ", rows ",
                      absl::StrJoin(rules, " "));
}

// y[0, rows) = x W^T in the measured row counts; x has room (padded_ or the head's padding).
at::Tensor AtenRunner::Multiply(const at::Tensor& x, const at::Tensor& w, int64_t rows) {
  const RowRule& rule = rules_.at({w.size(1), w.size(0)});
  at::Tensor y = at::zeros({x.size(0), w.size(0)}, x.options());
  for (int64_t row = 0; row < rows;) {
    const RowRule::Call call = rule.Next(rows - row);
    at::Tensor out = y.narrow(0, row, call.computed);
    at::mm_out(out, x.narrow(0, row, call.computed), w.t());
    ++calls_;
    row += call.used;
  }
  return y;
}

// Over the last dimension of [rows, n] or [rows, heads, n]; f32 in and out.
at::Tensor AtenRunner::RmsNorm(const at::Tensor& x, const at::Tensor& weight) const {
  std::vector<at::Tensor> means;
  for (int64_t row = 0; row < x.size(0); row += kTileRows) {
    means.push_back(x.narrow(0, row, kTileRows).square().mean(-1, /*keepdim=*/true));
  }
  return x * at::rsqrt(at::cat(means, 0) + config_.rms_norm_eps) * weight;
}

void AtenRunner::GrowRope(int64_t positions) {
  if (positions <= rope_positions_) return;
  positions = RoundUp(positions, 1024);
  rope_.Grow(positions);
  const int64_t half = config_.head_dim / 2;
  const auto table = [&](const float* data) {
    return at::from_blob(const_cast<float*>(data), {positions, 1, half}, at::kFloat).to(device_, false, true);
  };
  cos_ = table(rope_.Cos(0));
  sin_ = table(rope_.Sin(0));
  rope_positions_ = positions;
}

void AtenRunner::PlanAttention(const StepBatch& batch) {
  std::map<int64_t, AttentionGroup> groups;
  for (const StepSequence& sequence : batch.sequences) {
    for (int64_t i = 0; i < sequence.rows; ++i) {
      const int64_t position = sequence.first_position + i;
      const int64_t low =
          config_.sliding_window > 0 ? std::max<int64_t>(0, position - config_.sliding_window + 1) : 0;
      const int64_t keys = RoundUp(position - low + 1, kAttentionBucket);
      AttentionGroup& group = groups[keys];
      group.keys = keys;
      group.rows.push_back(sequence.first_row + i);
      group.count.push_back(position - low + 1);
      for (int64_t p = low; p < low + keys; ++p) {
        const int64_t at = std::min(p, position);
        group.slots.push_back(sequence.blocks[at / kBlockTokens] * kBlockTokens + at % kBlockTokens);
      }
    }
  }
  groups_.clear();
  for (auto& [keys, group] : groups) {
    while (group.rows.size() % kAttentionRows != 0) {
      group.rows.push_back(group.rows.back());
      group.count.push_back(group.count.back());
      const std::vector<int64_t> last(group.slots.end() - keys, group.slots.end());
      group.slots.insert(group.slots.end(), last.begin(), last.end());
    }
    group.rows_tensor = FromInts(group.rows, device_);
    group.slots_tensor = FromInts(group.slots, device_);
    const at::Tensor places = at::arange(keys, at::TensorOptions().dtype(at::kLong).device(device_));
    group.hidden_keys = places.ge(FromInts(group.count, device_).unsqueeze(1)).view({-1, 1, 1, keys});
    groups_.push_back(std::move(group));
  }
}

at::Tensor AtenRunner::Rotate(const at::Tensor& heads) const {
  const int64_t half = config_.head_dim / 2;
  const at::Tensor a = heads.narrow(2, 0, half);
  const at::Tensor b = heads.narrow(2, half, half);
  return at::cat({a * step_cos_ - b * step_sin_, b * step_cos_ + a * step_sin_}, 2);
}

// q: f32 [padded rows, heads, head_dim]. Returns f32 [padded rows, heads * head_dim].
at::Tensor AtenRunner::Attention(const DeviceLayer& layer, const at::Tensor& q) const {
  const int64_t group = config_.heads / config_.kv_heads;
  const int64_t n = kAttentionRows * config_.kv_heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_dim));
  at::Tensor out = at::zeros({padded_, config_.heads * static_cast<int64_t>(config_.head_dim)}, q.options());
  for (const AttentionGroup& rows : groups_) {
    for (int64_t first = 0; first < static_cast<int64_t>(rows.rows.size()); first += kAttentionRows) {
      const at::Tensor index = rows.rows_tensor.narrow(0, first, kAttentionRows);
      const at::Tensor slots = rows.slots_tensor.narrow(0, first * rows.keys, kAttentionRows * rows.keys);
      const auto gather = [&](const at::Tensor& pool) {  // [rows * kv_heads, keys, head_dim]
        return pool.index_select(0, slots)
            .to(at::kFloat)
            .view({kAttentionRows, rows.keys, config_.kv_heads, config_.head_dim})
            .transpose(1, 2)
            .reshape({n, rows.keys, config_.head_dim});
      };
      const at::Tensor query = q.index_select(0, index).view({n, group, config_.head_dim});
      at::Tensor scores = at::bmm(query, gather(layer.k).transpose(1, 2)) * scale;
      scores = scores.view({kAttentionRows, config_.kv_heads, group, rows.keys})
                   .masked_fill(rows.hidden_keys.narrow(0, first, kAttentionRows),
                                -std::numeric_limits<double>::infinity());
      const at::Tensor weights = at::softmax(scores, -1).view({n, group, rows.keys});
      const at::Tensor sums = at::bmm(weights, gather(layer.v));
      out.index_copy_(0, index, sums.view({kAttentionRows, -1}));
    }
  }
  return out;
}

void AtenRunner::Gate(int32_t layer, const StepBatch& batch, at::Tensor& attended) const {
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.arm == nullptr) continue;
    for (const HeadEdit& edit : sequence.arm->edits()) {
      if (edit.layer != layer) continue;
      at::Tensor head = attended.narrow(0, sequence.first_row, sequence.rows)
                            .narrow(1, static_cast<int64_t>(edit.head) * config_.head_dim, config_.head_dim);
      if (edit.op == HeadOp::kZero) {
        head.zero_();
      } else {
        head.mul_(FactorOf(edit.op));
      }
    }
  }
}

at::Tensor AtenRunner::Layer(int32_t index, const StepBatch& batch, const at::Tensor& residual) {
  DeviceLayer& layer = layers_[static_cast<size_t>(index)];
  const int64_t rows = batch.rows();
  const int64_t q_dim = static_cast<int64_t>(config_.heads) * config_.head_dim;
  const int64_t kv_dim = static_cast<int64_t>(config_.kv_heads) * config_.head_dim;
  const at::ScalarType type = TorchType(dtype_);

  at::Tensor qkv = Multiply(RmsNorm(residual, layer.attention_norm).to(type), layer.qkv, rows).to(at::kFloat);
  if (layer.qkv_bias.defined()) qkv = qkv + layer.qkv_bias;
  at::Tensor q = qkv.narrow(1, 0, q_dim).reshape({padded_, config_.heads, config_.head_dim});
  at::Tensor k = qkv.narrow(1, q_dim, kv_dim).reshape({padded_, config_.kv_heads, config_.head_dim});
  const at::Tensor v =
      qkv.narrow(1, q_dim + kv_dim, kv_dim).reshape({padded_, config_.kv_heads, config_.head_dim});
  if (layer.q_norm.defined()) q = RmsNorm(q, layer.q_norm);
  if (layer.k_norm.defined()) k = RmsNorm(k, layer.k_norm);
  layer.k.index_copy_(0, slots_, Rotate(k).narrow(0, 0, rows).to(type));
  layer.v.index_copy_(0, slots_, v.narrow(0, 0, rows).to(type));

  at::Tensor attended = Attention(layer, Rotate(q));
  Gate(index, batch, attended);
  const at::Tensor& o = zeroed_ && zeroed_->first == index ? zeroed_->second : layer.o;
  at::Tensor delta = Multiply(attended.to(type), o, rows).to(at::kFloat);
  if (layer.o_bias.defined()) delta = delta + layer.o_bias;
  const at::Tensor middle = residual + delta;

  const at::Tensor gate_up =
      Multiply(RmsNorm(middle, layer.mlp_norm).to(type), layer.gate_up, rows).to(at::kFloat);
  const at::Tensor gate = gate_up.narrow(1, 0, config_.intermediate);
  const at::Tensor act = at::silu(gate) * gate_up.narrow(1, config_.intermediate, config_.intermediate);
  return middle + Multiply(act.to(type).contiguous(), layer.down, rows).to(at::kFloat);
}

void AtenRunner::KeepHidden(const at::Tensor& hidden, int64_t rows, StepOutput* output) const {
  const at::Tensor host = hidden.narrow(0, 0, rows).to(at::kFloat).cpu().contiguous();
  const float* data = host.data_ptr<float>();
  output->hidden.emplace_back(data, data + host.numel());
}

void AtenRunner::Capture(int32_t boundary, const at::Tensor& hidden, const StepBatch& batch) const {
  for (const HiddenCapture& capture : batch.captures) {
    if (capture.boundary != boundary) continue;
    const at::Tensor host =
        hidden.narrow(0, capture.first_row, capture.rows).to(at::kFloat).cpu().contiguous();
    std::copy_n(host.data_ptr<float>(), host.numel(), capture.to);
  }
}

// `logits` are those of logit rows first, first + 1, ….
void AtenRunner::SampleRows(const StepBatch& batch, const at::Tensor& logits, int64_t first,
                            StepOutput* output) const {
  for (int64_t i = 0; i < logits.size(0); ++i) {
    const int64_t row = first + i;
    if (!batch.sampler->Samples(row)) continue;
    const at::Tensor host = logits[i].cpu().contiguous();
    const float* values = host.data_ptr<float>();
    int32_t& token = output->next[static_cast<size_t>(row)];
    const float best = values[token];
    token = batch.sampler->Sample(row, absl::MakeConstSpan(values, static_cast<size_t>(host.numel())));
    output->logprobs[static_cast<size_t>(row)] += values[token] - best;
  }
}

void AtenRunner::Head(const StepBatch& batch, const at::Tensor& normed, StepOutput* output) {
  const int64_t total = static_cast<int64_t>(batch.logit_rows.size());
  for (int64_t first = 0; first < total; first += options_.max_logit_rows) {
    const int64_t rows = std::min(options_.max_logit_rows, total - first);
    std::vector<int64_t> index(batch.logit_rows.begin() + first, batch.logit_rows.begin() + first + rows);
    const int64_t padded = rules_.at({head_.size(1), head_.size(0)}).PaddedRows(rows);
    index.resize(static_cast<size_t>(padded), index.front());
    const at::Tensor logits = Multiply(normed.index_select(0, FromInts(index, device_)), head_, rows)
                                  .narrow(0, 0, rows)
                                  .to(at::kFloat);
    const at::Tensor best = at::argmax(logits, 1, /*keepdim=*/true);
    const at::Tensor logprobs = at::log_softmax(logits, 1).gather(1, best).cpu().contiguous();
    const at::Tensor next = best.cpu().contiguous();
    for (int64_t i = 0; i < rows; ++i) {
      output->next.push_back(static_cast<int32_t>(next.data_ptr<int64_t>()[i]));
      output->logprobs.push_back(logprobs.data_ptr<float>()[i]);
    }
    if (batch.sampler != nullptr) SampleRows(batch, logits, first, output);
    if (!batch.want_logits) continue;
    const at::Tensor host = logits.cpu().contiguous();
    output->logits.insert(output->logits.end(), host.data_ptr<float>(),
                          host.data_ptr<float>() + host.numel());
  }
}

absl::Status AtenRunner::Run(const StepBatch& batch, StepOutput* output) {
  *output = StepOutput{};
  if (batch.rows() == 0) return absl::OkStatus();
  SetTorchThreads(options_.threads);
  try {
    const c10::InferenceMode guard;
    padded_ = 0;
    for (const auto& [shape, rule] : rules_) padded_ = std::max(padded_, rule.PaddedRows(batch.rows()));
    padded_ = RoundUp(padded_, kTileRows);
    std::vector<int64_t> tokens(batch.tokens.begin(), batch.tokens.end());
    tokens.resize(static_cast<size_t>(padded_), 0);
    std::vector<int64_t> positions;
    std::vector<int64_t> slots;
    for (const StepSequence& sequence : batch.sequences) {
      for (int64_t i = 0; i < sequence.rows; ++i) {
        const int64_t p = sequence.first_position + i;
        positions.push_back(p);
        slots.push_back(sequence.blocks[p / kBlockTokens] * kBlockTokens + p % kBlockTokens);
      }
      GrowRope(sequence.first_position + sequence.rows);
    }
    positions.resize(static_cast<size_t>(padded_), 0);
    slots_ = FromInts(slots, device_);
    positions_ = FromInts(positions, device_);
    step_cos_ = cos_.index_select(0, positions_);
    step_sin_ = sin_.index_select(0, positions_);
    PlanAttention(batch);
    at::Tensor residual = embedding_.index_select(0, FromInts(tokens, device_)).to(at::kFloat);
    for (int32_t layer = 0; layer < config_.layers; ++layer) {
      Capture(layer, residual, batch);
      if (batch.want_hidden) KeepHidden(residual, batch.rows(), output);
      residual = Layer(layer, batch, residual);
    }
    const at::Tensor normed = RmsNorm(residual, final_norm_).to(TorchType(dtype_));
    Capture(config_.layers, normed, batch);
    if (batch.want_hidden) KeepHidden(normed, batch.rows(), output);
    Head(batch, normed, output);
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
