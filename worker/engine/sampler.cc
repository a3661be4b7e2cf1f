#include "worker/engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "base/hash.h"
#include "base/rng.h"

namespace sprint {
namespace {

// How many of the highest logits are sorted at first; four times as many while they do not reach top_p.
constexpr size_t kFirstSorted = 256;

struct Candidate {
  float score;
  int32_t token;
  // Descending by score, then by id.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.token < b.token;
  }
};

std::vector<float> Penalised(absl::Span<const float> logits, double penalty,
                             absl::Span<const absl::Span<const int32_t>> before) {
  std::vector<float> scores(logits.begin(), logits.end());
  if (penalty == 1) return scores;
  const float r = static_cast<float>(penalty);
  for (const absl::Span<const int32_t> piece : before) {
    for (const int32_t token : piece) {
      const float logit = logits[static_cast<size_t>(token)];
      scores[static_cast<size_t>(token)] = logit < 0 ? logit * r : logit / r;
    }
  }
  return scores;
}

// The candidates that top_k leaves, in the order of ids.
std::vector<Candidate> TopK(const std::vector<float>& scores, int32_t k) {
  float lowest = -INFINITY;
  if (k > 0 && static_cast<size_t>(k) < scores.size()) {
    std::vector<float> copy = scores;
    std::nth_element(copy.begin(), copy.begin() + (k - 1), copy.end(), std::greater<float>());
    lowest = copy[static_cast<size_t>(k) - 1];
  }
  std::vector<Candidate> kept;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] >= lowest) kept.push_back({scores[i], static_cast<int32_t>(i)});
  }
  return kept;
}

// Leaves the top_p of `kept`, in descending order.
void TopP(std::vector<Candidate>& kept, float highest, double p) {
  if (p >= 1) {
    std::sort(kept.begin(), kept.end());
    return;
  }
  double total = 0;
  for (const Candidate& c : kept) total += std::exp(static_cast<double>(c.score - highest));
  double mass = 0;
  size_t sorted = 0;
  for (size_t want = kFirstSorted;; want *= 4) {
    const size_t end = std::min(want, kept.size());
    const auto first = kept.begin() + static_cast<std::ptrdiff_t>(sorted);
    const auto last = kept.begin() + static_cast<std::ptrdiff_t>(end);
    std::partial_sort(first, last, kept.end());
    for (; sorted < end; ++sorted) {
      if (sorted > 0 && mass >= p * total) {
        kept.resize(sorted);
        return;
      }
      mass += std::exp(static_cast<double>(kept[sorted].score - highest));
    }
    if (end == kept.size()) return;
  }
}

}  // namespace

SamplingKey MakeSamplingKey(uint64_t seed, absl::Span<const int32_t> prompt, const Arm& arm, int32_t sample) {
  const Hash256 hash = Hasher("sampling/1")
                           .AddInt("seed", static_cast<int64_t>(seed))
                           .AddInts("prompt", prompt)
                           .Add("arm", arm.ContentHash())
                           .AddInt("sample", sample)
                           .Finish();
  // Little-endian words, whatever the machine.
  const auto word = [&](size_t at) {
    uint64_t value = 0;
    for (size_t i = 8; i > 0; --i) value = value << 8 | hash.bytes[at + i - 1];
    return value;
  };
  return {word(0), word(8)};
}

double DrawAt(const SamplingKey& key, int64_t i) {
  const auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
  const auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
  const auto at = static_cast<uint64_t>(i);
  const std::array<uint32_t, 4> words =
      Philox4x32({low(at), high(at), low(key.stream), high(key.stream)}, {low(key.key), high(key.key)});
  const uint64_t bits = words[0] | static_cast<uint64_t>(words[1]) << 32;
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

std::vector<TokenProbability> Distribution(absl::Span<const float> logits, const Sampling& sampling,
                                           absl::Span<const absl::Span<const int32_t>> before) {
  std::vector<float> scores = Penalised(logits, sampling.repetition_penalty, before);
  const float temperature = static_cast<float>(sampling.temperature);
  float highest = -INFINITY;
  for (float& score : scores) {
    score /= temperature;
    highest = std::max(highest, score);
  }
  std::vector<Candidate> kept = TopK(scores, sampling.top_k);
  const bool sorted = sampling.top_k > 0 || sampling.top_p < 1;
  if (sorted) TopP(kept, highest, sampling.top_p);
  std::vector<TokenProbability> out;
  out.reserve(kept.size());
  double total = 0;
  for (const Candidate& c : kept) {
    const double weight = std::exp(static_cast<double>(c.score - highest));
    if (weight < sampling.min_p) continue;
    out.push_back({c.token, weight});
    total += weight;
  }
  for (TokenProbability& p : out) p.probability /= total;
  return out;
}

int32_t SampleToken(absl::Span<const float> logits, const Sampling& sampling,
                    absl::Span<const absl::Span<const int32_t>> before, double u) {
  if (sampling.temperature <= 0) {
    const std::vector<float> scores = Penalised(logits, sampling.repetition_penalty, before);
    return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  }
  const std::vector<TokenProbability> kept = Distribution(logits, sampling, before);
  double sum = 0;
  for (const TokenProbability& p : kept) {
    sum += p.probability;
    if (u < sum) return p.token;
  }
  return kept.back().token;  // the sum fell short of 1 by rounding
}

}  // namespace sprint
