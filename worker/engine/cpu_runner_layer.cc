// One layer of the step on the CPU.
#include <algorithm>
#include <vector>

#include "worker/engine/cpu_runner.h"

namespace sprint {
namespace {

// What an edited head's output becomes, [n]; arithmetic in f32.
void ScaleHead(float* head, int64_t n, float factor) {
  // Not a product where nothing is to stay: 0 * infinity is no 0.
  if (factor == 0) {
    std::fill(head, head + n, 0.0F);
  } else {
    for (int64_t i = 0; i < n; ++i) head[i] *= factor;
  }
}
void ScaleHead(Bf16* head, int64_t n, float factor) {
  constexpr int64_t kAtATime = 64;
  float wide[kAtATime];
  for (int64_t first = 0; first < n; first += kAtATime) {
    const int64_t count = std::min(kAtATime, n - first);
    kernels::Bf16ToF32(head + first, count, wide);
    ScaleHead(wide, count, factor);
    kernels::F32ToBf16(wide, count, head + first);
  }
}

}  // namespace

template <typename T>
void CpuRunner<T>::Layer(int32_t layer, const StepBatch& batch, const std::vector<int64_t>* wanted) {
  const LayerWeights& weights = weights_.layers[static_cast<size_t>(layer)];
  const Matrix& o = zeroed_ && zeroed_->layer == layer ? zeroed_->o : weights.o;
  Multiply(weights.qkv, normed_.as<T>(), active_, qkv_.as<float>(), &o);
  ProjectHeads(layer);
  if (wanted != nullptr) KeepRows(*wanted);
  const int64_t rows = active_;
  if (rows == 0) return;
  Attention(layer, batch);
  Gate(layer, batch);
  Multiply(o, attended_.as<T>(), rows, delta_.as<float>(), &weights.gate_up);
  AddAndNorm(weights.o_bias, weights.mlp_norm, rows);
  const bool last = layer + 1 == config_.layers;
  Mlp(weights, rows, last ? weights_.head() : weights_.layers[static_cast<size_t>(layer) + 1].qkv);
  AddAndNorm({}, last ? weights_.final_norm : weights_.layers[static_cast<size_t>(layer) + 1].attention_norm,
             rows);
}

template <typename T>
void CpuRunner<T>::KeepRows(const std::vector<int64_t>& wanted) {
  const int64_t width = q_dim_ + 2 * kv_dim_;
  active_ = static_cast<int64_t>(wanted.size());
  for (int64_t row = 0; row < active_; ++row) {
    const int64_t from = wanted[static_cast<size_t>(row)];
    if (from == row) continue;
    std::copy_n(Residual(from), config_.hidden, Residual(row));
    std::copy_n(qkv_.as<float>() + from * width, q_dim_, qkv_.as<float>() + row * width);
  }
}

template <typename T>
void CpuRunner<T>::AddAndNorm(const std::vector<float>& bias, const std::vector<float>& norm, int64_t rows) {
  ForRows(rows, 2 * config_.hidden, [&](int64_t row) {
    kernels::AddRow(delta_.as<float>() + row * config_.hidden, bias.empty() ? nullptr : bias.data(),
                    config_.hidden, Residual(row));
    kernels::RmsNorm(Residual(row), norm.data(), static_cast<float>(config_.rms_norm_eps), config_.hidden,
                     normed_.as<T>() + row * config_.hidden);
  });
}

template <typename T>
void CpuRunner<T>::ProjectHeads(int32_t layer) {
  const LayerWeights& weights = weights_.layers[static_cast<size_t>(layer)];
  T* k = k_[static_cast<size_t>(layer)].template as<T>();
  T* v = v_[static_cast<size_t>(layer)].template as<T>();
  const int64_t dim = config_.head_dim;
  const int64_t width = q_dim_ + 2 * kv_dim_;
  const float* bias = weights.qkv_bias.empty() ? nullptr : weights.qkv_bias.data();
  const auto project = [&](int64_t row, float* head) {
    const int64_t position = positions_[static_cast<size_t>(row)];
    const int32_t block = owners_[static_cast<size_t>(row)]->blocks[position / kBlockTokens];
    float* in = qkv_.as<float>() + row * width;
    kernels::HeadTransform transform;
    transform.head_dim = dim;
    transform.eps = static_cast<float>(config_.rms_norm_eps);
    transform.cos = rope_.Cos(position);
    transform.sin = rope_.Sin(position);
    const auto at = [&](int64_t offset) {
      transform.bias = bias == nullptr ? nullptr : bias + offset;
      return in + offset;
    };
    transform.norm_weight = weights.q_norm.empty() ? nullptr : weights.q_norm.data();
    for (int64_t h = 0; h < config_.heads; ++h) {
      float* q = at(h * dim);
      kernels::TransformHead(q, transform, q);
    }
    transform.norm_weight = weights.k_norm.empty() ? nullptr : weights.k_norm.data();
    for (int64_t h = 0; h < config_.kv_heads; ++h) {
      const float* from = at(q_dim_ + h * dim);
      kernels::TransformHead(from, transform, head);
      StoreKey(shape_, head, position, h, block, k);
    }
    transform.norm_weight = nullptr;
    transform.cos = transform.sin = nullptr;
    for (int64_t h = 0; h < config_.kv_heads; ++h) {
      const float* from = at(q_dim_ + kv_dim_ + h * dim);
      kernels::TransformHead(from, transform, head);
      StoreValue(shape_, head, position, h, block, v);
    }
  };
  pool_.For(active_, RowsPerTask(active_, width), [&](int64_t begin, int64_t end, int) {
    std::vector<float> head(static_cast<size_t>(dim));
    for (int64_t row = begin; row < end; ++row) {
      project(row, head.data());
    }
  });
}

template <typename T>
void CpuRunner<T>::Attention(int32_t layer, const StepBatch& batch) {
  const Timed timed(&seconds_.attention);
  const int64_t tile_rows = AttentionTileRows(shape_);
  std::vector<AttentionTile<T>> tiles;
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.first_layer > layer) break;
    for (int64_t row = 0; row < sequence.rows; row += tile_rows) {
      AttentionTile<T> tile;
      tile.rows = std::min(tile_rows, sequence.rows - row);
      tile.first_position = sequence.first_position + row;
      tile.blocks = layer < sequence.shared_layers ? sequence.shared_blocks : sequence.blocks;
      tile.k = k_[static_cast<size_t>(layer)].template as<T>();
      tile.v = v_[static_cast<size_t>(layer)].template as<T>();
      tile.q_stride = q_dim_ + 2 * kv_dim_;
      tile.out_stride = q_dim_;
      for (int64_t h = 0; h < config_.kv_heads; ++h) {
        const int64_t head = h * shape_.group * config_.head_dim;
        tile.q = qkv_.as<float>() + (sequence.first_row + row) * tile.q_stride + head;
        tile.out = attended_.as<T>() + (sequence.first_row + row) * q_dim_ + head;
        tile.kv_head = h;
        tiles.push_back(tile);
      }
    }
  }
  for (size_t i = 0; i + 1 < tiles.size(); ++i) tiles[i].next = &tiles[i + 1];
  // A sequence's K/V heads at a time. The arms of a question stand side by side, and read the same blocks
  // below their layers: they should meet in one core's cache.
  pool_.ForShares(static_cast<int64_t>(tiles.size()), shape_.kv_heads,
                  [&](int64_t begin, int64_t end, int thread) {
                    for (int64_t i = begin; i < end; ++i)
                      Attend(shape_, tiles[static_cast<size_t>(i)], scratch_[static_cast<size_t>(thread)]);
                  });
}

template <typename T>
void CpuRunner<T>::Gate(int32_t layer, const StepBatch& batch) {
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.arm == nullptr || sequence.first_layer > layer) continue;
    for (const HeadEdit& edit : sequence.arm->edits()) {
      if (edit.layer != layer) continue;
      for (int64_t row = sequence.first_row; row < sequence.first_row + sequence.rows; ++row) {
        T* head = attended_.as<T>() + row * q_dim_ + static_cast<int64_t>(edit.head) * config_.head_dim;
        ScaleHead(head, config_.head_dim, FactorOf(edit.op));
      }
    }
  }
}

template <typename T>
void CpuRunner<T>::Mlp(const LayerWeights& layer, int64_t rows, const Matrix& then) {
  const int64_t n = config_.intermediate;
  if (GatesInPieces()) {
    // Gate and up of the same units, a panel of each.
    Pieces pieces;
    pieces.runs = 2;
    pieces.distance = n / kPanelRows;
    pieces.count = n / kPanelRows;
    const Timed timed(&seconds_.gemm);
    const auto gate = [&](int64_t piece, const float* y) {
      for (int64_t row = 0; row < rows; ++row)
        kernels::SiluMul(y + row * 2 * kPanelRows, kPanelRows, act_.as<T>() + row * n + piece * kPanelRows);
    };
    gemm_.MultiplyPieces(layer.gate_up, normed_.as<T>(), rows, pieces, gate, &layer.down);
  } else {
    Multiply(layer.gate_up, normed_.as<T>(), rows, gate_up_.as<float>(), &layer.down);
    ForRows(rows, 4 * n, [&](int64_t row) {
      kernels::SiluMul(gate_up_.as<float>() + row * 2 * n, n, act_.as<T>() + row * n);
    });
  }
  Multiply(layer.down, act_.as<T>(), rows, delta_.as<float>(), &then);
}

template void CpuRunner<float>::Layer(int32_t, const StepBatch&, const std::vector<int64_t>*);
template void CpuRunner<Bf16>::Layer(int32_t, const StepBatch&, const std::vector<int64_t>*);

}  // namespace sprint
