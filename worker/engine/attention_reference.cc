// The plain attention, and the stores into K/V blocks.
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "worker/engine/attention.h"

namespace sprint {
namespace {

double ToDouble(float value) { return value; }
double ToDouble(Bf16 value) { return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }
void Put(float value, float& out) { out = value; }
void Put(float value, Bf16& out) { kernels::F32ToBf16(&value, 1, &out); }

template <typename T>
void Reference(const AttentionShape& shape, const AttentionTile<T>& tile) {
  const int64_t dim = shape.padded_dim();
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape.head_dim));
  for (int64_t query = 0; query < tile.rows * shape.group; ++query) {
    const int64_t row = query / shape.group;
    const int64_t offset = query % shape.group * shape.head_dim;
    const float* q = tile.q + row * tile.q_stride + offset;
    const int64_t position = tile.first_position + row;
    const int64_t low = shape.window > 0 ? std::max<int64_t>(0, position - shape.window + 1) : 0;
    std::vector<double> weights;
    double largest = -INFINITY;
    for (int64_t p = low; p <= position; ++p) {
      const T* k = tile.k + tile.blocks[p / kBlockTokens] * shape.block() + tile.kv_head * shape.head_block();
      double score = 0;
      for (int64_t i = 0; i < shape.head_dim; ++i)
        score += q[i] * ToDouble(k[shape.key(p % kBlockTokens) + i * kKeyTokens]);
      weights.push_back(score * scale);
      largest = std::max(largest, weights.back());
    }
    double total = 0;
    for (double& weight : weights) total += weight = std::exp(weight - largest);
    for (int64_t i = 0; i < shape.head_dim; ++i) {
      double sum = 0;
      for (int64_t p = low; p <= position; ++p) {
        const T* v =
            tile.v + tile.blocks[p / kBlockTokens] * shape.block() + tile.kv_head * shape.head_block();
        sum += weights[static_cast<size_t>(p - low)] * ToDouble(v[p % kBlockTokens * dim + i]);
      }
      Put(static_cast<float>(sum / total), tile.out[row * tile.out_stride + offset + i]);
    }
  }
}

template <typename T>
T* ValueSlot(const AttentionShape& shape, int64_t position, int64_t kv_head, int32_t block, T* v) {
  return v + block * shape.block() + kv_head * shape.head_block() +
         position % kBlockTokens * shape.padded_dim();
}

}  // namespace

void AttendReference(const AttentionShape& shape, const AttentionTile<float>& tile) {
  Reference(shape, tile);
}
void AttendReference(const AttentionShape& shape, const AttentionTile<Bf16>& tile) { Reference(shape, tile); }

void StoreKey(const AttentionShape& shape, const float* key, int64_t position, int64_t kv_head, int32_t block,
              float* k) {
  float* out = k + block * shape.block() + kv_head * shape.head_block() + shape.key(position % kBlockTokens);
  for (int64_t i = 0; i < shape.head_dim; ++i) out[i * kKeyTokens] = key[i];
}
void StoreKey(const AttentionShape& shape, const float* key, int64_t position, int64_t kv_head, int32_t block,
              Bf16* k) {
  Bf16* out = k + block * shape.block() + kv_head * shape.head_block() + shape.key(position % kBlockTokens);
  Bf16 rounded[512];
  for (int64_t i = 0; i < shape.head_dim; i += 512) {
    const int64_t n = std::min<int64_t>(512, shape.head_dim - i);
    kernels::F32ToBf16(key + i, n, rounded);
    for (int64_t j = 0; j < n; ++j) out[(i + j) * kKeyTokens] = rounded[j];
  }
}
void StoreValue(const AttentionShape& shape, const float* value, int64_t position, int64_t kv_head,
                int32_t block, float* v) {
  std::copy_n(value, shape.head_dim, ValueSlot(shape, position, kv_head, block, v));
}
void StoreValue(const AttentionShape& shape, const float* value, int64_t position, int64_t kv_head,
                int32_t block, Bf16* v) {
  kernels::F32ToBf16(value, shape.head_dim, ValueSlot(shape, position, kv_head, block, v));
}

}  // namespace sprint
