// Attention over K/V blocks: one kernel for prompt chunks and decode, and the plain one it is
// tested against.
//
// A block holds kBlockTokens consecutive positions of one sequence, for every K/V head of a layer:
//   K: [kv_heads, kBlockTokens / kKeyTokens, padded_dim, kKeyTokens]
//   V: [kv_heads, kBlockTokens, padded_dim]
// K is transposed, so that a vector runs over positions, in groups of kKeyTokens: writing a position touches
// few lines of the cache, and groups beyond the last position are not read.
// with head_dim padded by zeros to a multiple of 16. Position p of a sequence is slot
// p % kBlockTokens of its block p / kBlockTokens.
//
// Promise: a row's result depends on its own query, position and the K/V before it. Scores sum
// over the head's dimension from first to last; the softmax takes the largest score, then sums
// exponentials in lanes fixed by the position; values are added in the order of positions.
// Chunking, neighbours and threads do not enter.
#ifndef SPRINT_WORKER_ENGINE_ATTENTION_H_
#define SPRINT_WORKER_ENGINE_ATTENTION_H_

#include <cstdint>
#include <vector>

#include "model/memory.h"
#include "worker/engine/kernels.h"

namespace sprint {

inline constexpr int64_t kBlockTokens = kKvBlockTokens;
// Blocks that so many positions take.
inline int64_t BlocksFor(int64_t positions) { return (positions + kBlockTokens - 1) / kBlockTokens; }
inline constexpr int64_t kKeyTokens = 16;
static_assert(kBlockTokens % kKeyTokens == 0);

struct AttentionShape {
  int64_t kv_heads = 0;
  int64_t group = 1;  // query heads to a K/V head
  int64_t head_dim = 0;
  int64_t window = 0;  // position i sees (i - window, i]; 0: all before it

  int64_t padded_dim() const { return (head_dim + 15) / 16 * 16; }
  int64_t head_block() const { return padded_dim() * kBlockTokens; }  // elements of one head's block
  // Where slot `slot` of a head's K begins; its dimensions are kKeyTokens apart.
  int64_t key(int64_t slot) const {
    return slot / kKeyTokens * padded_dim() * kKeyTokens + slot % kKeyTokens;
  }
  int64_t block() const { return kv_heads * head_block(); }  // elements of a block (K or V)
};

// Consecutive rows of one sequence, one K/V head.
template <typename T>
struct AttentionTile {
  const float* q = nullptr;  // the first row's first query head of the group; [rows, q_stride]
  int64_t q_stride = 0;
  T* out = nullptr;  // the same place in the output; [rows, out_stride]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t first_position = 0;       // the first row's; its K/V and the others' are written
  const int32_t* blocks = nullptr;  // the sequence's block table
  const T* k = nullptr;             // the layer's pool of blocks
  const T* v = nullptr;
  int64_t kv_head = 0;
  const AttentionTile* next = nullptr;  // the one that is computed after it: a hint
};

// Working memory of one thread; grows to what was needed.
struct AttentionScratch {
  std::vector<float> scores;
  std::vector<float> sums;
};

void Attend(const AttentionShape& shape, const AttentionTile<float>& tile, AttentionScratch& scratch);
void Attend(const AttentionShape& shape, const AttentionTile<Bf16>& tile, AttentionScratch& scratch);

// Rows that a tile should have: enough query vectors to use each loaded K/V vector several times.
int64_t AttentionTileRows(const AttentionShape& shape);

// The same in double precision and the plainest loops.
void AttendReference(const AttentionShape& shape, const AttentionTile<float>& tile);
void AttendReference(const AttentionShape& shape, const AttentionTile<Bf16>& tile);

// Writes one position's key and value of one K/V head into a block.
void StoreKey(const AttentionShape& shape, const float* key, int64_t position, int64_t kv_head, int32_t block,
              float* k);
void StoreKey(const AttentionShape& shape, const float* key, int64_t position, int64_t kv_head, int32_t block,
              Bf16* k);
void StoreValue(const AttentionShape& shape, const float* value, int64_t position, int64_t kv_head,
                int32_t block, float* v);
void StoreValue(const AttentionShape& shape, const float* value, int64_t position, int64_t kv_head,
                int32_t block, Bf16* v);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_ATTENTION_H_
