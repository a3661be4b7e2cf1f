#include "worker/engine/prefix_cache.h"

#include "worker/engine/attention.h"

namespace sprint {

std::vector<Hash256> BeginningKeys(absl::Span<const int32_t> tokens) {
  std::vector<Hash256> keys;
  Hash256 before;
  for (size_t end = kBlockTokens; end <= tokens.size(); end += kBlockTokens) {
    before = Hasher("beginning/1")
                 .Add("before", before)
                 .AddInts("tokens", tokens.subspan(end - kBlockTokens, kBlockTokens))
                 .Finish();
    keys.push_back(before);
  }
  return keys;
}

Hash256 PrefixKey(const Arm& arm, const Hash256& beginning) {
  return Hasher("prefix/1").Add("arm", arm.ContentHash()).Add("beginning", beginning).Finish();
}

void CommonBeginnings::Note(const Hash256& prompt, absl::Span<const Hash256> beginnings) {
  if (entries_.size() + beginnings.size() > kMost) entries_.clear();
  for (const Hash256& beginning : beginnings) {
    const auto [entry, added] = entries_.try_emplace(beginning, Entry{prompt, false});
    if (!added && entry->second.prompt != prompt) entry->second.common = true;
  }
}

bool CommonBeginnings::Common(const Hash256& beginning) const {
  const auto found = entries_.find(beginning);
  return found != entries_.end() && found->second.common;
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
