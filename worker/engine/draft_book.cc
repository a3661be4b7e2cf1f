#include "worker/engine/draft_book.h"

#include <algorithm>

namespace sprint {
namespace {

// A match is not followed further back than this; one that reaches the beginnings of both answers counts
// as this long, since the prompt before them is common.
constexpr int64_t kLongestMatch = 32;
// How many observations the chances at the start count for, and how many the past counts for at most.
constexpr double kPriorWeight = 8;
constexpr double kMemory = 2000;

int64_t MatchBefore(const std::vector<int32_t>& known, int64_t at, absl::Span<const int32_t> answer) {
  const auto n = static_cast<int64_t>(answer.size());
  int64_t match = 0;
  while (match < at && match < n && match < kLongestMatch &&
         known[static_cast<size_t>(at - 1 - match)] == answer[static_cast<size_t>(n - 1 - match)]) {
    ++match;
  }
  return match == at && match == n ? kLongestMatch : match;
}

}  // namespace

DraftBook::DraftBook() {
  constexpr double kChances[kBuckets] = {0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85};
  for (size_t i = 0; i < kBuckets; ++i) tallies_[i] = {kChances[i] * kPriorWeight, kPriorWeight};
}

void DraftBook::Learn(const Hash256& prompt, absl::Span<const int32_t> answer) {
  const auto found = by_prompt_.find(prompt);
  if (found == by_prompt_.end()) {
    pages_.push_front({prompt, {}});
    by_prompt_[prompt] = pages_.begin();
    if (pages_.size() > kPrompts) {
      by_prompt_.erase(pages_.back().prompt);
      pages_.pop_back();
    }
  } else {
    pages_.splice(pages_.begin(), pages_, found->second);
  }
  std::list<std::vector<int32_t>>& answers = pages_.front().answers;
  answers.emplace_front(answer.begin(), answer.end());
  if (answers.size() > kAnswers) answers.pop_back();
}

Draft DraftBook::Propose(const Hash256& prompt, absl::Span<const int32_t> answer, int64_t most) {
  Draft draft;
  const auto found = by_prompt_.find(prompt);
  if (found == by_prompt_.end() || most <= 0) return draft;
  const std::vector<int32_t>* best = nullptr;
  int64_t place = 0;
  for (const std::vector<int32_t>& known : found->second->answers) {
    const auto size = static_cast<int64_t>(known.size());
    for (int64_t at = 0; at < size; ++at) {
      // The commonest case first: a last token that differs.
      if (at > 0 && !answer.empty() && known[static_cast<size_t>(at - 1)] != answer.back()) continue;
      const int64_t match = MatchBefore(known, at, answer);
      if (match <= draft.match) continue;
      draft.match = match;
      best = &known;
      place = at;
    }
  }
  if (best == nullptr) return draft;
  const auto first = best->begin() + place;
  draft.tokens.assign(first, first + std::min<int64_t>(most, best->end() - first));
  return draft;
}

int DraftBook::Bucket(int64_t match) {
  constexpr int64_t kEdges[kBuckets - 1] = {1, 2, 4, 8, 16, 32};
  return static_cast<int>(std::upper_bound(std::begin(kEdges), std::end(kEdges), match) - std::begin(kEdges));
}

double DraftBook::Chance(int64_t match) const {
  const Tally& tally = tallies_[static_cast<size_t>(Bucket(match))];
  return tally.right / tally.seen;
}

void DraftBook::Observe(int64_t match, bool right) {
  Tally& tally = tallies_[static_cast<size_t>(Bucket(match))];
  tally.right += right ? 1 : 0;
  tally.seen += 1;
  if (tally.seen < kMemory) return;
  tally.right /= 2;
  tally.seen /= 2;
}

}  // namespace sprint
