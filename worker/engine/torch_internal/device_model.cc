#include "worker/engine/torch_internal/device_model.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/rng.h"

namespace sprint {
namespace {

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
}  // namespace

at::ScalarType TorchType(Dtype dtype) { return dtype == Dtype::kF32 ? at::kFloat : at::kBFloat16; }

void DeviceModel::Load(const LoadedWeights& weights, int64_t max_rows, int64_t max_logit_rows) {
  dtype = weights.embedding.dtype;
  embedding = FromMatrix(weights.embedding, device_);
  head = weights.lm_head ? FromMatrix(*weights.lm_head, device_) : embedding;
  final_norm = FromVector(weights.final_norm, device_);
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
    layers.push_back(std::move(out));
  }
  const DeviceLayer& first = layers.front();
  for (const at::Tensor& w : {first.qkv, first.o, first.gate_up, first.down}) Measure(w, max_rows);
  Measure(head, max_logit_rows);
}

void DeviceModel::Measure(const at::Tensor& w, int64_t max_rows) {
  RowRule& rule = rules_[{w.size(1), w.size(0)}];
  if (!rule.classes.empty()) return;
  const int64_t bytes = DtypeBytes(dtype);
  const int64_t rows = ProbeRows(max_rows);
  std::vector<float> values(static_cast<size_t>(rows * w.size(1)));
  CounterRng rng(/*seed=*/1, /*stream=*/static_cast<uint64_t>(w.size(1)));
  for (float& value : values) value = static_cast<float>(rng.NextUint64() >> 40) * 0x1p-22f - 2.0f;
  const at::Tensor x = at::from_blob(values.data(), {rows, w.size(1)}, at::kFloat).to(TorchType(dtype));
  const auto multiply = [&](const void* in, int64_t n, void* out) {
    const at::Tensor host = at::from_blob(const_cast<void*>(in), {n, w.size(1)}, TorchType(dtype));
    const at::Tensor y = at::mm(host.to(device_, false, true), w.t()).cpu().contiguous();
    std::memcpy(out, y.data_ptr(), static_cast<size_t>(n * w.size(0) * bytes));
  };
  rule = MeasureRowRule(multiply, max_rows, x.data_ptr(), w.size(1) * bytes, w.size(0) * bytes);
}

at::Tensor DeviceModel::Multiply(const at::Tensor& x, const at::Tensor& w, int64_t rows) {
  const RowRule& rule = Rule(w);
  at::Tensor y = at::empty({x.size(0), w.size(0)}, x.options());
  int64_t computed = 0;
  for (int64_t row = 0; row < rows;) {
    const RowRule::Call call = rule.Next(rows - row);
    at::Tensor out = y.narrow(0, row, call.computed);
    at::mm_out(out, x.narrow(0, row, call.computed), w.t());
    ++calls_;
    row += call.used;
    computed = row - call.used + call.computed;
  }
  if (computed < y.size(0)) y.narrow(0, computed, y.size(0) - computed).zero_();
  return y;
}

std::vector<int64_t> DeviceModel::Shape(int64_t rows) const {
  std::vector<int64_t> padded;
  for (const auto& [shape, rule] : rules_) padded.push_back(rule.PaddedRows(rows));
  return padded;
}

int64_t DeviceModel::PaddedRows(int64_t rows) const {
  const std::vector<int64_t> padded = Shape(rows);
  return *std::max_element(padded.begin(), padded.end());
}

std::string DeviceModel::DescribeRules() const {
  std::vector<std::string> rules;
  for (const auto& [shape, rule] : rules_) {
    rules.push_back(absl::StrCat(shape.first, "x", shape.second, ":", rule.Describe()));
  }
  return absl::StrJoin(rules, " ");
}

}  // namespace sprint
