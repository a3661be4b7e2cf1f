// The accounts of the K/V blocks: which are free, who holds the others, what is promised.
//
// A running sequence must never fail for want of a block, so the blocks of its worst case are
// reserved before it starts and taken from the reserve one by one as it grows. Blocks are
// reference-counted, so that sequences may share a common beginning. Not thread-safe.
#ifndef SPRINT_WORKER_ENGINE_BLOCK_POOL_H_
#define SPRINT_WORKER_ENGINE_BLOCK_POOL_H_

#include <cstdint>
#include <vector>

namespace sprint {

class BlockPool {
 public:
  explicit BlockPool(int64_t blocks);

  int64_t size() const { return static_cast<int64_t>(references_.size()); }
  int64_t in_use() const { return size() - static_cast<int64_t>(free_.size()); }
  int64_t reserved() const { return reserved_; }
  // Free and not promised to anyone.
  int64_t available() const { return static_cast<int64_t>(free_.size()) - reserved_; }

  // Promises `blocks` blocks; false when fewer are available.
  bool Reserve(int64_t blocks);
  // Gives back promises that were not taken. REQUIRES: blocks <= reserved().
  void Unreserve(int64_t blocks);
  // Takes a promised block, with one reference: the one freed last, whose memory is warm.
  // REQUIRES: reserved() > 0.
  int32_t Take();
  void Ref(int32_t block);
  // Frees the block with its last reference.
  void Unref(int32_t block);

 private:
  std::vector<int32_t> free_;        // a stack
  std::vector<int32_t> references_;  // per block
  int64_t reserved_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_BLOCK_POOL_H_
