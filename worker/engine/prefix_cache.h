// K/V blocks that a later sequence of the same arm may share: a common beginning of prompts, such as
// a system text or an 8-shot prompt, is computed once per arm and not once per question.
//
// A key stands for an arm and all tokens from the sequence's start to the block's end, so equal keys
// mean equal K/V, bit for bit. The cache holds one reference to each of its blocks and gives back
// those that nobody else holds, the longest unused first, when the pool runs out. Not thread-safe.
#ifndef SPRINT_WORKER_ENGINE_PREFIX_CACHE_H_
#define SPRINT_WORKER_ENGINE_PREFIX_CACHE_H_

#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "model/arm.h"
#include "worker/engine/block_pool.h"

namespace sprint {

// Of each full block of `tokens`, in order: what stands for all tokens up to its end,
std::vector<Hash256> BeginningKeys(absl::Span<const int32_t> tokens);
// and for them under an arm.
Hash256 PrefixKey(const Arm& arm, const Hash256& beginning);

// Which beginnings several prompts have: those are worth keeping after their sequences ended. Most of a
// sweep's prompts share little with each other, and blocks kept for nothing would fill the memory.
// Not thread-safe.
class CommonBeginnings {
 public:
  // Notes a prompt with its beginnings' keys.
  void Note(const Hash256& prompt, absl::Span<const Hash256> beginnings);
  // Whether two prompts that were noted are different and begin so. Prompts noted long ago are forgotten.
  bool Common(const Hash256& beginning) const;

 private:
  static constexpr size_t kMost = size_t{1} << 18;
  struct Entry {
    Hash256 prompt;  // the first
    bool common = false;
  };
  absl::flat_hash_map<Hash256, Entry> entries_;
};

class PrefixCache {
 public:
  // Keeps `most` blocks at most. `pool` must outlive the cache.
  PrefixCache(BlockPool* pool, int64_t most) : pool_(pool), most_(most) {}

  // The block of `key`, now the last used, with a reference for the caller; -1 when there is none.
  int32_t Acquire(const Hash256& key);
  // Keeps `block`, which must be full and stay as it is, in the place of the longest unused one when
  // the cache is full. Nothing when the key is there, or all blocks are in use.
  void Insert(const Hash256& key, int32_t block);
  // Frees the block that was used longest ago among those that nobody else holds; false without one.
  bool EvictOne();

 private:
  struct Entry {
    Hash256 key;
    int32_t block;
  };
  BlockPool* const pool_;
  const int64_t most_;
  std::list<Entry> entries_;  // by last use, the oldest first
  absl::flat_hash_map<Hash256, std::list<Entry>::iterator> by_key_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_PREFIX_CACHE_H_
