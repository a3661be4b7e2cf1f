// The weights on a torch device, and products with them whose bits do not depend on how many rows share a
// call (row_rule.h).
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_DEVICE_MODEL_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_DEVICE_MODEL_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/engine/row_rule.h"
#include "worker/engine/weights_loader.h"

namespace sprint {

at::ScalarType TorchType(Dtype dtype);

// Matrices [outputs, inputs] in the model's dtype, vectors in f32; undefined where the model has none.
struct DeviceLayer {
  at::Tensor attention_norm, mlp_norm, qkv, qkv_bias, q_norm, k_norm, o, o_bias, gate_up, down;
};

// Not thread-safe. Methods throw what libtorch throws.
class DeviceModel {
 public:
  explicit DeviceModel(const at::Device& device) : device_(device) {}

  // Copies the weights, and measures which row counts products may have: up to `max_rows` rows, of the head
  // up to `max_logit_rows`.
  void Load(const LoadedWeights& weights, int64_t max_rows, int64_t max_logit_rows);

  // y[0, rows) = x W^T in the measured row counts, 0 behind what they compute. REQUIRES: x has
  // PaddedRows(w, rows) rows at least; `w` is one of the matrices, or has the shape of one.
  at::Tensor Multiply(const at::Tensor& x, const at::Tensor& w, int64_t rows);
  int64_t PaddedRows(const at::Tensor& w, int64_t rows) const { return Rule(w).PaddedRows(rows); }
  // For each shape of matrices: what the shapes of products with `rows` rows follow from.
  std::vector<int64_t> Shape(int64_t rows) const;
  // The most over all matrices.
  int64_t PaddedRows(int64_t rows) const;

  Dtype dtype = Dtype::kF32;
  at::Tensor embedding, final_norm, head;
  std::vector<DeviceLayer> layers;

  int64_t calls() const { return calls_; }
  std::string DescribeRules() const;

 private:
  const RowRule& Rule(const at::Tensor& w) const { return rules_.at({w.size(1), w.size(0)}); }
  void Measure(const at::Tensor& w, int64_t max_rows);

  const at::Device device_;
  std::map<std::pair<int64_t, int64_t>, RowRule> rules_;  // by columns and rows
  int64_t calls_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_DEVICE_MODEL_H_
