#include "worker/engine/prefix_cache.h"

#include "worker/engine/attention.h"

namespace sprint {

std::vector<Hash256> PrefixKeys(const Arm& arm, absl::Span<const int32_t> tokens) {
  std::vector<Hash256> keys;
  Hash256 before = arm.ContentHash();
  for (size_t end = kBlockTokens; end <= tokens.size(); end += kBlockTokens) {
    before = Hasher("prefix/1")
                 .Add("before", before)
                 .AddInts("tokens", tokens.subspan(end - kBlockTokens, kBlockTokens))
                 .Finish();
    keys.push_back(before);
  }
  return keys;
}

int32_t PrefixCache::Acquire(const Hash256& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return -1;
  entries_.splice(entries_.end(), entries_, found->second);
  pool_->Ref(found->second->block);
  return found->second->block;
}

void PrefixCache::Insert(const Hash256& key, int32_t block) {
  if (by_key_.contains(key)) return;
  if (static_cast<int64_t>(entries_.size()) >= most_ && !EvictOne()) return;
  entries_.push_back({key, block});
  by_key_[key] = std::prev(entries_.end());
  pool_->Ref(block);
}

bool PrefixCache::EvictOne() {
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (pool_->references(entry->block) > 1) continue;
    pool_->Unref(entry->block);
    by_key_.erase(entry->key);
    entries_.erase(entry);
    return true;
  }
  return false;
}

}  // namespace sprint
