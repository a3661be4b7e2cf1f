// Attention of a step through libtorch's fused kernel, over the runner's K/V slots.
//
// Bits of a row must not depend on what else is in the step. Rows lie in tiles: row p of a sequence is the
// (p % kTileRows)-th row of tile p / kTileRows, whether the tile's other rows are in the step or not; a tile
// reads keys from the block where its window begins, so many that the number follows from the tile alone;
// and every call has kCallTiles tiles. So the shape of the call that computes a row, and the row's place in
// its tile, follow from the row's position. A tile's rows and the query heads of a group share one reading
// of K/V: [tiles, kv_heads, rows * group, head_dim] against [tiles, kv_heads, keys, head_dim].
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_FUSED_ATTENTION_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_FUSED_ATTENTION_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "worker/engine/step.h"
#include "worker/engine/torch_internal/packed_inputs.h"

namespace sprint {

// The fused attention of this libtorch: q [n, heads, rows, dim], k and v [n, heads, keys, dim], `seen`
// [n, 1, rows, keys] bool. Scores are scaled by 1 / sqrt(dim).
at::Tensor ScaledAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& seen);

class FusedAttention {
 public:
  static constexpr int64_t kTileRows = 8;
  static constexpr int64_t kCallTiles = 16;

  // `config` must outlive it. `type` is what queries, keys and values are attended in.
  FusedAttention(const ModelConfig& config, at::ScalarType type) : config_(config), type_(type) {}

  // Lays out the batch's rows and adds what the device needs to `inputs`. The step's tensors have
  // `padded` rows, of which the last ones are no sequence's.
  void Plan(const StepBatch& batch, int64_t padded, PackedInputs& inputs);
  // What the layers share, on the device: one for each call.
  struct Shared {
    int64_t keys = 0;
    at::Tensor from, to, blocks, seen;
  };
  // From the uploaded inputs, once a step.
  std::vector<Shared> Share(const PackedInputs& inputs) const;
  // q: f32 [padded, heads, head_dim]; k and v: the layer's slots, [blocks * kBlockTokens, kv_heads,
  // head_dim]. Returns f32 [padded, heads * head_dim]; rows of no sequence are 0.
  at::Tensor Attend(const std::vector<Shared>& shared, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) const;

  // The keys of each call, in order: what the shapes of Attend follow from.
  std::vector<int64_t> Shape() const;
  // Bytes that Attend takes at most beside its result.
  int64_t WorkBytes(int64_t context) const;
  std::string Describe() const;

 private:
  struct Call {
    int64_t keys = 0;
    std::vector<int64_t> rows;    // [kCallTiles * kTileRows]: the step's row at each place; padded: none
    std::vector<int32_t> blocks;  // [kCallTiles, keys / kBlockTokens]
    std::vector<int64_t> first;   // [kCallTiles]: the tile's first row, counted from its first key
    PackedInputs::Part rows_part, blocks_part, first_part;
  };
  struct Tile;
  Call& CallFor(int64_t keys, std::vector<Call>& open) const;
  static void AddTile(const Tile& tile, int64_t padded, Call& call);

  const ModelConfig& config_;
  const at::ScalarType type_;
  int64_t padded_ = 0;
  std::vector<Call> calls_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_FUSED_ATTENTION_H_
