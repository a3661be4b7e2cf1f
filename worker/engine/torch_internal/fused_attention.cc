#include "worker/engine/torch_internal/fused_attention.h"

#include <torch/version.h>

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "worker/engine/attention.h"

namespace sprint {
namespace {

static_assert(kBlockTokens % FusedAttention::kTileRows == 0, "a tile's rows share their last block");

// What a call reads at least; then few lengths, so that many tiles share one.
constexpr int64_t kLeastKeys = 128;
constexpr int64_t kFineKeys = 1024;

int64_t RoundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Steps of kLeastKeys up to kFineKeys, then four a doubling.
int64_t PaddedKeys(int64_t keys) {
  if (keys <= kFineKeys) return RoundUp(keys, kLeastKeys);
  return RoundUp(keys, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(keys - 1))) / 4);
}

}  // namespace

at::Tensor ScaledAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& seen) {
#if TORCH_VERSION_MAJOR >= 2
  return at::scaled_dot_product_attention(q, k, v, seen);
#else
  return std::get<0>(at::_scaled_dot_product_attention(q, k, v, seen));
#endif
}

struct FusedAttention::Tile {
  const StepSequence* sequence = nullptr;
  int64_t position = 0;  // of its first row
  int64_t begin = 0;     // the position of its first key
};

FusedAttention::Call& FusedAttention::CallFor(int64_t keys, std::vector<Call>& open) const {
  for (Call& call : open) {
    if (call.keys == keys) return call;
  }
  open.emplace_back();
  open.back().keys = keys;
  return open.back();
}

// Without a sequence: a tile that only makes the call complete.
void FusedAttention::AddTile(const Tile& tile, int64_t padded, Call& call) {
  const int64_t last = (tile.position + kTileRows - 1) / kBlockTokens;
  for (int64_t i = 0; i < call.keys / kBlockTokens; ++i) {
    const int64_t at = std::min(tile.begin / kBlockTokens + i, last);
    call.blocks.push_back(tile.sequence == nullptr ? 0 : tile.sequence->blocks[at]);
  }
  call.first.push_back(tile.position - tile.begin);
  for (int64_t i = 0; i < kTileRows; ++i) {
    const int64_t row = tile.sequence == nullptr ? -1 : tile.position + i - tile.sequence->first_position;
    const bool here = row >= 0 && row < tile.sequence->rows;
    call.rows.push_back(here ? tile.sequence->first_row + row : padded);
  }
}

void FusedAttention::Plan(const StepBatch& batch, int64_t padded, PackedInputs& inputs) {
  padded_ = padded;
  calls_.clear();
  std::vector<Call> open;
  for (const StepSequence& sequence : batch.sequences) {
    const int64_t end = sequence.first_position + sequence.rows;
    for (int64_t p = sequence.first_position / kTileRows * kTileRows; p < end; p += kTileRows) {
      const int64_t low =
          config_.sliding_window > 0 ? std::max<int64_t>(0, p - config_.sliding_window + 1) : 0;
      const Tile tile{&sequence, p, low / kBlockTokens * kBlockTokens};
      Call& call = CallFor(PaddedKeys(p + kTileRows - tile.begin), open);
      AddTile(tile, padded, call);
      if (static_cast<int64_t>(call.first.size()) < kCallTiles) continue;
      const int64_t keys = call.keys;
      calls_.push_back(std::move(call));
      call = Call();
      call.keys = keys;
    }
  }
  for (Call& call : open) {
    if (call.first.empty()) continue;
    while (static_cast<int64_t>(call.first.size()) < kCallTiles) AddTile(Tile{}, padded, call);
    calls_.push_back(std::move(call));
  }
  std::stable_sort(calls_.begin(), calls_.end(),
                   [](const Call& a, const Call& b) { return a.keys < b.keys; });
  for (Call& call : calls_) {
    call.rows_part = inputs.Add(call.rows);
    call.blocks_part = inputs.Add(call.blocks);
    call.first_part = inputs.Add(call.first);
    call.rows.clear();
    call.blocks.clear();
    call.first.clear();
  }
}

std::vector<FusedAttention::Shared> FusedAttention::Share(const PackedInputs& inputs) const {
  const int64_t group = config_.heads / config_.kv_heads;
  std::vector<Shared> out;
  for (const Call& call : calls_) {
    Shared& shared = out.emplace_back();
    shared.keys = call.keys;
    shared.to = inputs.Get(call.rows_part);
    shared.from = shared.to.clamp_max(padded_ - 1);
    shared.blocks = inputs.Get(call.blocks_part);
    const auto type = shared.to.options();
    const at::Tensor key = at::arange(call.keys, type).view({1, 1, 1, call.keys});
    const at::Tensor row = inputs.Get(call.first_part).view({kCallTiles, 1, 1, 1}) +
                           at::arange(kTileRows, type).view({1, kTileRows, 1, 1});
    at::Tensor seen = key.le(row);
    if (config_.sliding_window > 0) seen = seen.logical_and(key.gt(row - config_.sliding_window));
    shared.seen = seen.expand({kCallTiles, kTileRows, group, call.keys})
                      .reshape({kCallTiles, 1, kTileRows * group, call.keys});
  }
  return out;
}

at::Tensor FusedAttention::Attend(const std::vector<Shared>& shared, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) const {
  const int64_t kv_heads = config_.kv_heads;
  const int64_t group = config_.heads / kv_heads;
  const int64_t dim = config_.head_dim;
  at::Tensor out = at::zeros({padded_ + 1, int64_t{config_.heads} * dim}, q.options());
  for (const Shared& call : shared) {
    const at::Tensor query = q.index_select(0, call.from)
                                 .to(type_)
                                 .view({kCallTiles, kTileRows, kv_heads, group, dim})
                                 .transpose(1, 2)
                                 .reshape({kCallTiles, kv_heads, kTileRows * group, dim});
    const auto gather = [&](const at::Tensor& slots) {  // whole blocks
      return slots.view({-1, kBlockTokens * kv_heads * dim})
          .index_select(0, call.blocks)
          .to(type_)
          .view({kCallTiles, call.keys, kv_heads, dim})
          .transpose(1, 2);
    };
    const at::Tensor sums = ScaledAttention(query, gather(k), gather(v), call.seen);
    out.index_copy_(0, call.to,
                    sums.view({kCallTiles, kv_heads, kTileRows, group, dim})
                        .transpose(1, 2)
                        .reshape({kCallTiles * kTileRows, -1})
                        .to(at::kFloat));
  }
  return out.narrow(0, 0, padded_);
}

std::vector<int64_t> FusedAttention::Shape() const {
  std::vector<int64_t> keys;
  for (const Call& call : calls_) keys.push_back(call.keys);
  return keys;
}

int64_t FusedAttention::WorkBytes(int64_t context) const {
  // K/V as gathered and as the kernel may copy them, and where it is not fused, the scores three times.
  const int64_t kv = 4 * int64_t{config_.kv_heads} * config_.head_dim;
  const int64_t scores = 3 * kTileRows * int64_t{config_.heads};
  return kCallTiles * PaddedKeys(context) * (kv + scores) * static_cast<int64_t>(sizeof(float));
}

std::string FusedAttention::Describe() const {
  return absl::StrCat("attention ", kCallTiles, "x", kTileRows, " in ", at::toString(type_));
}

}  // namespace sprint
