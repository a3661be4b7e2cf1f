// From "this question gets these arms" to the blocks of a plan.
#ifndef SPRINT_STORAGE_BLOCK_BUILDER_H_
#define SPRINT_STORAGE_BLOCK_BUILDER_H_

#include <cstdint>
#include <map>
#include <vector>

#include "storage/records.h"

namespace sprint {

// Gathers cells of one run, in any order. Samples of a cell's question and arm are 0 … `samples` - 1.
// Not thread-safe.
class BlockBuilder {
 public:
  // An arm that a question is given twice has the larger number of samples. REQUIRES: samples >= 1,
  // indices >= 0, into the plan's lists.
  void Add(int32_t question, int32_t arm, int32_t samples);
  int64_t cells() const;
  // The same cells always become the same blocks: questions that get the same arms and samples share one;
  // a full grid is one block. In the order of their first questions; disjoint.
  std::vector<BlockPlan> Blocks() const;

 private:
  // By question, then arm: samples.
  std::map<int32_t, std::map<int32_t, int32_t>> samples_;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_BLOCK_BUILDER_H_
