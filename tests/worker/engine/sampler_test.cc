#include "worker/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using Pieces = std::vector<absl::Span<const int32_t>>;

const std::vector<float> kLogits = {2.0F, 1.0F, -1.0F, 0.5F, 3.0F, 3.0F, -0.5F, 0.0F, 1.5F, 2.5F};
const std::vector<int32_t> kHistory = {4, 0, 2, 4};

Sampling Rules(double temperature, int32_t top_k, double top_p, double min_p, double penalty) {
  return {temperature, top_k, top_p, min_p, penalty};
}

// By token.
std::vector<double> Probabilities(const std::vector<float>& logits, const Sampling& sampling,
                                  const Pieces& before = {}) {
  std::vector<double> out(logits.size(), 0.0);
  for (const TokenProbability& p : Distribution(logits, sampling, before)) {
    out[static_cast<size_t>(p.token)] = p.probability;
  }
  return out;
}

TEST(SamplerTest, RulesLeaveTheProbabilitiesThatTransformersProcessorsLeave) {
  // Softmax of the logits behind transformers 5.24's RepetitionPenaltyLogitsProcessor and warpers, in
  // generate's order.
  const struct {
    Sampling sampling;
    std::vector<double> expected;
  } kCases[] = {
      {Rules(0.7, 0, 1, 0, 1),
       {0.0810766, 0.0194301, 0.0011159, 0.0095118, 0.3383110, 0.3383110, 0.0022795, 0.0046564, 0.0396904,
        0.1656173}},
      {Rules(1, 4, 1, 0, 1), {0.1236815, 0, 0, 0, 0.3362011, 0.3362011, 0, 0, 0, 0.2039163}},
      {Rules(1.3, 0, 0.8, 0, 1), {0.1339410, 0, 0, 0, 0.2890588, 0.2890588, 0, 0, 0.0911753, 0.1967659}},
      {Rules(0.9, 0, 1, 0.2, 1), {0.1133996, 0, 0, 0, 0.3444776, 0.3444776, 0, 0, 0, 0.1976452}},
      {Rules(1, 0, 1, 0, 1.3),
       {0.0807117, 0.0471070, 0.0047229, 0.0285718, 0.1741843, 0.3480763, 0.0105110, 0.0173297, 0.0776663,
        0.2111189}},
      {Rules(0.8, 7, 0.9, 0.15, 1.2), {0.0782822, 0, 0, 0, 0.2218467, 0.4144642, 0, 0, 0.0635602, 0.2218467}},
      {Rules(1, 1, 1, 0, 1), {0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0}},  // a tie at top_k's edge stays
  };
  for (const auto& test : kCases) {
    // The history comes in pieces, as prompt and answer do.
    const Pieces before = {absl::MakeSpan(kHistory).subspan(0, 1), absl::MakeSpan(kHistory).subspan(1)};
    const std::vector<double> found = Probabilities(kLogits, test.sampling, before);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], test.expected[i], 1e-6) << i;
  }
}

TEST(SamplerTest, TopPKeepsTheLowerIdOfEqualLogits) {
  const std::vector<double> found = Probabilities(kLogits, Rules(1, 0, 0.05, 0, 1));
  EXPECT_EQ(found[4], 1.0);
}

TEST(SamplerTest, TopPOverManyTokensEqualsSortingThemAll) {
  CounterRng rng(/*seed=*/5, /*stream=*/0);
  std::vector<float> logits(5000);
  for (float& logit : logits) logit = static_cast<float>(rng.NextNormal());
  std::vector<double> plain = Probabilities(logits, Rules(1, 0, 1, 0, 1));
  std::sort(plain.rbegin(), plain.rend());
  for (const double p : {0.1, 0.5, 0.9, 0.999}) {
    size_t kept = 0;
    for (double mass = 0; mass < p; ++kept) mass += plain[kept];
    EXPECT_EQ(Distribution(logits, Rules(1, 0, p, 0, 1), {}).size(), kept) << p;
  }
}

// The chi-square statistic of draws over the tokens of `expected` that are not 0.
double ChiSquare(const std::map<int32_t, int64_t>& counts, const std::vector<double>& expected, double n) {
  double sum = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == 0) continue;
    const auto found = counts.find(static_cast<int32_t>(i));
    const double count = found == counts.end() ? 0 : static_cast<double>(found->second);
    sum += (count - n * expected[i]) * (count - n * expected[i]) / (n * expected[i]);
  }
  return sum;
}

TEST(SamplerTest, DrawsFollowTheExactProbabilities) {
  constexpr int64_t kDraws = 40000;
  const Pieces before = {kHistory};
  const Sampling kRules[] = {Rules(0.7, 0, 1, 0, 1), Rules(1.3, 0, 0.8, 0, 1), Rules(1, 6, 1, 0.1, 1.3),
                             Rules(2, 0, 1, 0, 1)};
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const SamplingKey key = MakeSamplingKey(seed, kHistory, Arm(), 0);
    for (const Sampling& rules : kRules) {
      std::map<int32_t, int64_t> counts;
      for (int64_t i = 0; i < kDraws; ++i) ++counts[SampleToken(kLogits, rules, before, DrawAt(key, i))];
      const std::vector<double> expected = Probabilities(kLogits, rules, before);
      for (const auto& [token, count] : counts) EXPECT_GT(expected[static_cast<size_t>(token)], 0);
      // The 99.99 % quantile at 9 degrees of freedom is 33.7; fewer degrees have lower ones.
      EXPECT_LT(ChiSquare(counts, expected, kDraws), 33.7) << "seed " << seed;
    }
  }
}

TEST(SamplerTest, TwoPositionsDrawIndependently) {
  // 4 x 4 cells of (draw i, draw i + 1), and of one position in two samples.
  constexpr int64_t kDraws = 32000;
  const SamplingKey key = MakeSamplingKey(9, kHistory, Arm(), 0);
  const SamplingKey other = MakeSamplingKey(9, kHistory, Arm(), 1);
  std::map<int32_t, int64_t> places;
  std::map<int32_t, int64_t> samples;
  for (int64_t i = 0; i < kDraws; ++i) {
    const auto quarter = [](double u) { return static_cast<int32_t>(4 * u); };
    ++places[4 * quarter(DrawAt(key, 2 * i)) + quarter(DrawAt(key, 2 * i + 1))];
    ++samples[4 * quarter(DrawAt(key, i)) + quarter(DrawAt(other, i))];
  }
  const std::vector<double> even(16, 1.0 / 16);
  EXPECT_LT(ChiSquare(places, even, kDraws), 44.3);  // 99.99 % at 15 degrees of freedom
  EXPECT_LT(ChiSquare(samples, even, kDraws), 44.3);
}

TEST(SamplerTest, TheStreamIsAFunctionOfSeedPromptArmAndSample) {
  std::set<std::pair<uint64_t, uint64_t>> keys;
  const auto add = [&](const SamplingKey& key) { keys.insert({key.key, key.stream}); };
  add(MakeSamplingKey(1, kHistory, Arm(), 0));
  add(MakeSamplingKey(2, kHistory, Arm(), 0));
  add(MakeSamplingKey(1, {kHistory.data(), 3}, Arm(), 0));
  add(MakeSamplingKey(1, kHistory, *Arm::Parse("L1H1"), 0));
  add(MakeSamplingKey(1, kHistory, Arm(), 1));
  EXPECT_EQ(keys.size(), 5u);
  add(MakeSamplingKey(1, kHistory, Arm(), 0));
  EXPECT_EQ(keys.size(), 5u);
}

TEST(SamplerTest, GreedyWithAPenaltyTakesTheHighestPenalisedLogit) {
  const std::vector<float> logits = {1.0F, 2.9F, 3.0F};
  const std::vector<int32_t> before = {2};
  EXPECT_EQ(SampleToken(logits, Rules(0, 0, 1, 0, 1), Pieces{before}, 0.5), 2);
  EXPECT_EQ(SampleToken(logits, Rules(0, 0, 1, 0, 1.2), Pieces{before}, 0.5), 1);
}

TEST(SamplerTest, TheEndsOfTheRangeOfDrawsGiveKeptTokens) {
  for (const double u : {0.0, 1.0 - 0x1p-53}) {
    const int32_t token = SampleToken(kLogits, Rules(1, 3, 1, 0, 1), {}, u);
    EXPECT_TRUE(token == 4 || token == 5 || token == 9) << token;
  }
}

}  // namespace
}  // namespace sprint::testing
