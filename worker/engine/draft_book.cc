#include "worker/engine/draft_book.h"

#include <algorithm>

namespace sprint {
namespace {

// A match is not followed further back than this; one that reaches the beginnings of two answers to one
// prompt counts as this long, since the prompt before them is common.
constexpr int64_t kLongestMatch = 32;
// Between the answers that are kept end to end.
constexpr int32_t kNoToken = -1;
// How many observations the chances at the start count for, and how many the past counts for at most.
constexpr double kPriorWeight = 8;
constexpr double kMemory = 2000;

int64_t MatchBefore(absl::Span<const int32_t> known, int64_t at, absl::Span<const int32_t> answer) {
  const auto n = static_cast<int64_t>(answer.size());
  int64_t match = 0;
  while (match < at && match < n && match < kLongestMatch &&
         known[static_cast<size_t>(at - 1 - match)] == answer[static_cast<size_t>(n - 1 - match)]) {
    ++match;
  }
  return match;
}

}  // namespace

struct DraftBook::Place {
  absl::Span<const int32_t> known;
  int64_t at = 0;  // the next token's
  int64_t match = 0;

  // Takes the place in `other` that `answer` matches longest, when it is longer.
  void Improve(absl::Span<const int32_t> other, absl::Span<const int32_t> answer, bool same_prompt) {
    const auto size = static_cast<int64_t>(other.size());
    const auto n = static_cast<int64_t>(answer.size());
    for (int64_t i = 0; i < size; ++i) {
      // The commonest case first: a last token that differs.
      if (i > 0 && !answer.empty() && other[static_cast<size_t>(i - 1)] != answer.back()) continue;
      int64_t length = MatchBefore(other, i, answer);
      if (same_prompt && length == i && length == n) length = kLongestMatch;
      if (length > match) *this = {other, i, length};
    }
  }
};

DraftBook::DraftBook() {
  constexpr double kChances[kBuckets] = {0.1, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85};
  constexpr double kTrust[kSources] = {1, 0.5, 0.5};
  for (size_t source = 0; source < kSources; ++source) {
    for (size_t i = 0; i < kBuckets; ++i)
      tallies_[source][i] = {kTrust[source] * kChances[i] * kPriorWeight, kPriorWeight};
  }
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
  LearnPhrases(answer);
}

void DraftBook::LearnPhrases(absl::Span<const int32_t> answer) {
  if (phrases_.size() + answer.size() > kOtherTokens) {
    phrases_.clear();
    last_seen_.clear();
  }
  phrases_.push_back(kNoToken);
  for (const int32_t token : answer) {
    phrases_.push_back(token);
    const size_t n = phrases_.size();
    if (n < 4 || phrases_[n - 2] == kNoToken || phrases_[n - 3] == kNoToken) continue;
    last_seen_[{phrases_[n - 3], phrases_[n - 2], token}] = static_cast<int64_t>(n);
  }
}

DraftBook::Place DraftBook::InPhrases(absl::Span<const int32_t> answer) const {
  const size_t n = answer.size();
  if (n < 3) return {};
  const auto found = last_seen_.find({answer[n - 3], answer[n - 2], answer[n - 1]});
  if (found == last_seen_.end()) return {};
  return {phrases_, found->second, MatchBefore(phrases_, found->second, answer)};
}

Draft DraftBook::Propose(const DraftQuery& query, int64_t most) const {
  if (most <= 0) return {};
  std::array<Place, kSources> places;
  Place& same = places[static_cast<size_t>(DraftSource::kSamePrompt)];
  if (const auto found = by_prompt_.find(query.prompt); found != by_prompt_.end()) {
    for (const std::vector<int32_t>& known : found->second->answers) same.Improve(known, query.answer, true);
  }
  for (const absl::Span<const int32_t> other : query.others) same.Improve(other, query.answer, true);
  if (!query.answer.empty())
    places[static_cast<size_t>(DraftSource::kPrompt)].Improve(query.prompt_tokens, query.answer, false);
  places[static_cast<size_t>(DraftSource::kOtherPrompts)] = InPhrases(query.answer);

  Draft draft;
  const Place* best = nullptr;
  for (int i = 0; i < kSources; ++i) {
    const Place& place = places[static_cast<size_t>(i)];
    const auto source = static_cast<DraftSource>(i);
    if (place.match == 0 || place.at == static_cast<int64_t>(place.known.size())) continue;
    if (best != nullptr && Chance(source, place.match) <= Chance(draft.source, draft.match)) continue;
    best = &place;
    draft.source = source;
    draft.match = place.match;
  }
  if (best == nullptr) return draft;
  for (int64_t i = best->at; i < static_cast<int64_t>(best->known.size()); ++i) {
    const int32_t token = best->known[static_cast<size_t>(i)];
    if (token == kNoToken || static_cast<int64_t>(draft.tokens.size()) == most) break;
    draft.tokens.push_back(token);
  }
  return draft;
}

int DraftBook::Bucket(int64_t match) {
  constexpr int64_t kEdges[kBuckets - 1] = {1, 2, 4, 8, 16, 32};
  return static_cast<int>(std::upper_bound(std::begin(kEdges), std::end(kEdges), match) - std::begin(kEdges));
}

double DraftBook::Chance(DraftSource source, int64_t match) const {
  const Tally& tally = tallies_[static_cast<size_t>(source)][static_cast<size_t>(Bucket(match))];
  return tally.right / tally.seen;
}

void DraftBook::Observe(DraftSource source, int64_t match, bool right) {
  Tally& tally = tallies_[static_cast<size_t>(source)][static_cast<size_t>(Bucket(match))];
  tally.right += right ? 1 : 0;
  tally.seen += 1;
  if (tally.seen < kMemory) return;
  tally.right /= 2;
  tally.seen /= 2;
}

}  // namespace sprint
