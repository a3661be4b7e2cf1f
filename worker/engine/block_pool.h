// The accounts of the K/V blocks: which are free, and how many hold each of the others.
//
// Blocks are reference-counted: sequences share the blocks of a common beginning, and a cache may
// hold a block beyond its sequences. A block with two holders is never written. Not thread-safe.
#ifndef SPRINT_WORKER_ENGINE_BLOCK_POOL_H_
#define SPRINT_WORKER_ENGINE_BLOCK_POOL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sprint {

class BlockPool {
 public:
  explicit BlockPool(int64_t blocks);

  int64_t size() const { return static_cast<int64_t>(references_.size()); }
  int64_t in_use() const { return size() - available(); }
  int64_t available() const { return static_cast<int64_t>(free_.size()); }
  int32_t references(int32_t block) const { return references_[static_cast<size_t>(block)]; }

  // Takes a free block, with one reference: the one freed last, whose memory is warm.
  // REQUIRES: available() > 0.
  int32_t Take();
  void Ref(int32_t block);
  // Frees the block with its last reference.
  void Unref(int32_t block);

 private:
  std::vector<int32_t> free_;        // a stack
  std::vector<int32_t> references_;  // per block
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_BLOCK_POOL_H_
