#include "worker/engine/block_pool.h"

#include <cassert>
#include <cstddef>

namespace sprint {

BlockPool::BlockPool(int64_t blocks) : references_(static_cast<size_t>(blocks), 0) {
  // Popped from the back: the lowest first.
  for (int64_t block = blocks - 1; block >= 0; --block) free_.push_back(static_cast<int32_t>(block));
}

int32_t BlockPool::Take() {
  assert(!free_.empty());
  const int32_t block = free_.back();
  free_.pop_back();
  references_[static_cast<size_t>(block)] = 1;
  return block;
}

void BlockPool::Ref(int32_t block) { ++references_[static_cast<size_t>(block)]; }

void BlockPool::Unref(int32_t block) {
  int32_t& references = references_[static_cast<size_t>(block)];
  assert(references > 0);
  if (--references == 0) free_.push_back(block);
}

}  // namespace sprint
