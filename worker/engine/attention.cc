#include "worker/engine/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "hwy/cache_control.h"
#include "worker/engine/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "worker/engine/attention.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "worker/engine/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sprint {
namespace HWY_NAMESPACE {

// Query vectors that share a loaded K/V vector, and value vectors kept in registers beside them.
constexpr int kQueries = 4;
constexpr int kValueVectors = HWY_MAX_BYTES >= 64 ? 4 : 2;

// A line of the cache, in elements.
template <typename T>
constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));

// Asks for n elements that are read soon. Blocks lie anywhere in memory, so that the processor cannot
// guess the next one: without this, attention waits for memory most of its time.
template <typename T>
HWY_INLINE void PrefetchElements(const T* at, int64_t n) {
  for (int64_t i = 0; i < n; i += kLine<T>) hwy::Prefetch(at + i);
}

// Scores of N query vectors against W vectors of positions from slot `t` of a block on:
// scores[j][t] = scale * sum over i of q[j][i] K[i][t]. Meanwhile asks for `ahead` elements at `next` an
// input.
template <int N, int W, typename T>
HWY_INLINE void ScoreSlots(const AttentionShape& shape, const float* const* q, const T* k, int64_t t,
                           float scale, const T* next, int64_t ahead, float* const* scores) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const T* at[W];
  VecF sum[N][W];
  for (int w = 0; w < W; ++w) {
    at[w] = k + shape.key(t + w * lanes);
    for (int j = 0; j < N; ++j) sum[j][w] = hn::Zero(d);
  }
  for (int64_t i = 0; i < shape.head_dim; ++i) {
    VecF key[W];
    for (int w = 0; w < W; ++w) key[w] = LoadF32(d, at[w] + i * kKeyTokens);
    PrefetchElements(next + i * ahead, ahead);
    for (int j = 0; j < N; ++j) {
      const VecF x = hn::Set(d, q[j][i]);
      for (int w = 0; w < W; ++w) sum[j][w] = hn::MulAdd(x, key[w], sum[j][w]);
    }
  }
  const VecF s = hn::Set(d, scale);
  for (int j = 0; j < N; ++j) {
    for (int w = 0; w < W; ++w) hn::StoreU(hn::Mul(sum[j][w], s), d, scores[j] + t + w * lanes);
  }
}

// The same of the block's first `slots`, a multiple of kKeyTokens. `next` is a block of K or V that is read
// after it.
template <int N, typename T>
HWY_INLINE void ScoreBlock(const AttentionShape& shape, const float* const* q, const T* k, int64_t slots,
                           float scale, const T* next, float* const* scores) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t ahead = kBlockTokens;
  int64_t t = 0;
  for (; t + 2 * lanes <= slots; t += 2 * lanes, ahead = 0)
    ScoreSlots<N, 2>(shape, q, k, t, scale, next, ahead, scores);
  for (; t < slots; t += lanes, ahead = 0) ScoreSlots<N, 1>(shape, q, k, t, scale, next, ahead, scores);
}

// sums[j][i] += sum over t in [begin, end) of p[j][t] V[t][i], for W vectors of i from `i0` on.
template <int N, int W, typename T>
HWY_INLINE void AddValues(int64_t dim, int64_t i0, const float* const* p, const T* v, int64_t begin,
                          int64_t end, const T* next, float* const* sums) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  VecF acc[N][W];
  for (int j = 0; j < N; ++j) {
    for (int w = 0; w < W; ++w) acc[j][w] = hn::LoadU(d, sums[j] + i0 + w * lanes);
  }
  for (int64_t t = begin; t < end; ++t) {
    VecF value[W];
    for (int w = 0; w < W; ++w) value[w] = LoadF32(d, v + t * dim + i0 + w * lanes);
    PrefetchElements(next + t * dim + i0, W * lanes);
    for (int j = 0; j < N; ++j) {
      const VecF x = hn::Set(d, p[j][t]);
      for (int w = 0; w < W; ++w) acc[j][w] = hn::MulAdd(x, value[w], acc[j][w]);
    }
  }
  for (int j = 0; j < N; ++j) {
    for (int w = 0; w < W; ++w) hn::StoreU(acc[j][w], d, sums[j] + i0 + w * lanes);
  }
}

// Turns scores of positions [start, start + n) into exponentials: what lies outside [low, high]
// becomes 0. Returns one over their sum. `n` is a whole number of blocks.
HWY_INLINE float Exponentials(float* scores, int64_t start, int64_t n, int64_t low, int64_t high) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float none = -std::numeric_limits<float>::infinity();
  std::fill(scores, scores + (low - start), none);
  std::fill(scores + (high + 1 - start), scores + n, none);
  VecF top = hn::Set(d, none);
  for (int64_t t = 0; t < n; t += lanes) top = hn::Max(top, hn::LoadU(d, scores + t));
  top = hn::MaxOfLanes(d, top);
  // Lane t % kBlockTokens of the sum belongs to a position's place in its block.
  float lane_sums[kBlockTokens] = {};
  for (int64_t t = 0; t < n; t += lanes) {
    const VecF e = Exp(d, hn::Sub(hn::LoadU(d, scores + t), top));
    hn::StoreU(e, d, scores + t);
    float* sum = lane_sums + t % kBlockTokens;
    hn::StoreU(hn::Add(hn::LoadU(d, sum), e), d, sum);
  }
  VecF sum = hn::LoadU(d, lane_sums);
  for (int64_t t = lanes; t < kBlockTokens; t += lanes) sum = hn::Add(sum, hn::LoadU(d, lane_sums + t));
  return 1.0f / hn::GetLane(hn::SumOfLanes(d, sum));
}

// The parts that some queries of a tile read, in order: the keys of their blocks, then the values, then what
// the next tile begins with.
template <typename T>
class Reads {
 public:
  Reads(const AttentionShape& shape, const AttentionTile<T>& tile, int64_t first_block, int64_t last_block)
      : shape_(shape), tile_(tile), first_(first_block), blocks_(last_block + 1 - first_block) {}

  const T* Keys(int64_t block) const { return At(tile_, tile_.k, block); }
  const T* Values(int64_t block) const { return At(tile_, tile_.v, block); }
  // What is read kAhead parts after the keys, or the values, of the block: far enough for memory to answer.
  const T* AfterKeys(int64_t block) const { return Part(block - first_ + kAhead); }
  const T* AfterValues(int64_t block) const { return Part(blocks_ + block - first_ + kAhead); }

 private:
  static constexpr int64_t kAhead = 2;
  const T* At(const AttentionTile<T>& tile, const T* pool, int64_t block) const {
    return pool + tile.blocks[block] * shape_.block() + tile.kv_head * shape_.head_block();
  }
  const T* Part(int64_t i) const {
    if (i < blocks_) return Keys(first_ + i);
    if (i < 2 * blocks_) return Values(first_ + i - blocks_);
    if (tile_.next == nullptr) return tile_.v;
    const AttentionTile<T>& next = *tile_.next;
    const int64_t low = shape_.window > 0 ? std::max<int64_t>(0, next.first_position - shape_.window + 1) : 0;
    const int64_t last = (next.first_position + next.rows - 1) / kBlockTokens;
    return At(next, next.k, std::min(last, low / kBlockTokens + i - 2 * blocks_));
  }

  const AttentionShape& shape_;
  const AttentionTile<T>& tile_;
  const int64_t first_;
  const int64_t blocks_;
};

// N query vectors (consecutive among the tile's rows x group) from `first` on.
template <int N, typename T>
void AttendQueries(const AttentionShape& shape, const AttentionTile<T>& tile, int64_t first,
                   AttentionScratch& scratch) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t dim = shape.padded_dim();
  const auto position = [&](int64_t query) { return tile.first_position + query / shape.group; };
  const auto low = [&](int64_t p) {
    return shape.window > 0 ? std::max<int64_t>(0, p - shape.window + 1) : 0;
  };
  const int64_t first_block = low(position(first)) / kBlockTokens;
  const int64_t last = position(first + N - 1);
  const int64_t last_block = last / kBlockTokens;
  const int64_t start = first_block * kBlockTokens;
  const int64_t span = (last_block + 1 - first_block) * kBlockTokens;
  scratch.scores.resize(std::max<size_t>(scratch.scores.size(), static_cast<size_t>(N * span)));
  scratch.sums.resize(std::max<size_t>(scratch.sums.size(), static_cast<size_t>(N * dim)));

  const float* q[N];
  float* scores[N];
  float* sums[N];
  float inverse[N];
  for (int j = 0; j < N; ++j) {
    const int64_t query = first + j;
    q[j] = tile.q + query / shape.group * tile.q_stride + query % shape.group * shape.head_dim;
    scores[j] = scratch.scores.data() + j * span;
    sums[j] = scratch.sums.data() + j * dim;
    std::fill(sums[j], sums[j] + dim, 0.0f);
  }
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  const Reads<T> reads(shape, tile, first_block, last_block);
  float* at[N];
  for (int64_t b = first_block; b <= last_block; ++b) {
    for (int j = 0; j < N; ++j) at[j] = scores[j] + (b - first_block) * kBlockTokens;
    const int64_t slots =
        std::min(kBlockTokens, (last - b * kBlockTokens) / kKeyTokens * kKeyTokens + kKeyTokens);
    ScoreBlock<N>(shape, q, reads.Keys(b), slots, scale, reads.AfterKeys(b), at);
  }
  for (int j = 0; j < N; ++j) {
    const int64_t p = position(first + j);
    inverse[j] = Exponentials(scores[j], start, span, low(p), p);
  }
  for (int64_t b = first_block; b <= last_block; ++b) {
    for (int j = 0; j < N; ++j) at[j] = scores[j] + (b - first_block) * kBlockTokens;
    const T* v = reads.Values(b);
    const T* next = reads.AfterValues(b);
    // Slots beyond the last query's position hold another sequence's leavings, or nothing.
    const int64_t begin = std::max<int64_t>(0, low(position(first)) - b * kBlockTokens);
    const int64_t end = std::min(kBlockTokens, last + 1 - b * kBlockTokens);
    int64_t i = 0;
    for (; i + kValueVectors * lanes <= dim; i += kValueVectors * lanes) {
      AddValues<N, kValueVectors>(dim, i, at, v, begin, end, next, sums);
    }
    for (; i < dim; i += lanes) AddValues<N, 1>(dim, i, at, v, begin, end, next, sums);
  }
  for (int j = 0; j < N; ++j) {
    const int64_t query = first + j;
    T* out = tile.out + query / shape.group * tile.out_stride + query % shape.group * shape.head_dim;
    const VecF s = hn::Set(d, inverse[j]);
    int64_t i = 0;
    for (; i + lanes <= shape.head_dim; i += lanes)
      StoreF32(d, hn::Mul(hn::LoadU(d, sums[j] + i), s), out + i);
    if (i < shape.head_dim) StoreTail(d, hn::Mul(hn::LoadU(d, sums[j] + i), s), out + i, shape.head_dim - i);
  }
}

template <typename T>
void AttendImpl(const AttentionShape& shape, const AttentionTile<T>& tile, AttentionScratch& scratch) {
  const int64_t queries = tile.rows * shape.group;
  int64_t i = 0;
  for (; i + kQueries <= queries; i += kQueries) AttendQueries<kQueries>(shape, tile, i, scratch);
  switch (queries - i) {
    case 3:
      AttendQueries<3>(shape, tile, i, scratch);
      break;
    case 2:
      AttendQueries<2>(shape, tile, i, scratch);
      break;
    case 1:
      AttendQueries<1>(shape, tile, i, scratch);
      break;
    default:
      break;
  }
}

void AttendF32(const AttentionShape& s, const AttentionTile<float>& t, AttentionScratch& m) {
  AttendImpl(s, t, m);
}
void AttendBf16(const AttentionShape& s, const AttentionTile<Bf16>& t, AttentionScratch& m) {
  AttendImpl(s, t, m);
}

}  // namespace HWY_NAMESPACE
}  // namespace sprint
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sprint {

HWY_EXPORT(AttendF32);
HWY_EXPORT(AttendBf16);

void Attend(const AttentionShape& shape, const AttentionTile<float>& tile, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(AttendF32)(shape, tile, scratch);
}
void Attend(const AttentionShape& shape, const AttentionTile<Bf16>& tile, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(AttendBf16)(shape, tile, scratch);
}

int64_t AttentionTileRows(const AttentionShape& shape) { return std::max<int64_t>(1, 16 / shape.group); }

}  // namespace sprint
#endif  // HWY_ONCE
