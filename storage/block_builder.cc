#include "storage/block_builder.h"

#include <algorithm>
#include <utility>

namespace sprint {

void BlockBuilder::Add(int32_t question, int32_t arm, int32_t samples) {
  int32_t& most = samples_[question][arm];
  most = std::max(most, samples);
}

int64_t BlockBuilder::cells() const {
  int64_t cells = 0;
  for (const auto& [question, arms] : samples_) {
    for (const auto& [arm, samples] : arms) cells += samples;
  }
  return cells;
}

std::vector<BlockPlan> BlockBuilder::Blocks() const {
  std::vector<BlockPlan> blocks;
  std::map<std::pair<int32_t, std::vector<int32_t>>, size_t> block_of;  // by samples and arms
  for (const auto& [question, arms] : samples_) {
    std::map<int32_t, std::vector<int32_t>> by_samples;
    for (const auto& [arm, samples] : arms) by_samples[samples].push_back(arm);
    for (auto& [samples, of_them] : by_samples) {
      const auto [found, is_new] = block_of.try_emplace({samples, of_them}, blocks.size());
      if (is_new) {
        BlockPlan& block = blocks.emplace_back();
        block.arms = std::move(of_them);
        block.samples = samples;
      }
      blocks[found->second].questions.push_back(question);
    }
  }
  return blocks;
}

}  // namespace sprint
