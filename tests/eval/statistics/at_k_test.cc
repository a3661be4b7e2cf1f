#include "eval/statistics/at_k.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using Answers = std::vector<SampledAnswer>;

struct Means {
  double pass = 0, majority = 0, weighted = 0, best = 0;
};

// Each subset of k by itself, as one would write it down first.
Means ByEnumeration(const Answers& answers, int k) {
  Means sum;
  double subsets = 0;
  for (uint32_t mask = 0; mask < uint32_t{1} << answers.size(); ++mask) {
    if (std::popcount(mask) != k) continue;
    ++subsets;
    bool any = false;
    std::map<int, std::pair<double, double>> votes;  // group: count, sum of scores
    std::map<int, bool> right;
    double top_score = -1e300, top = 0, top_right = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
      if ((mask >> i & 1) == 0) continue;
      any = any || answers[i].right;
      if (answers[i].group >= 0) {
        votes[answers[i].group].first += 1;
        votes[answers[i].group].second += answers[i].score;
        right[answers[i].group] = answers[i].right;
      }
      if (answers[i].score > top_score) {
        top_score = answers[i].score;
        top = top_right = 0;
      }
      if (answers[i].score == top_score) {
        ++top;
        top_right += answers[i].right ? 1 : 0;
      }
    }
    sum.pass += any ? 1 : 0;
    sum.best += top_right / top;
    for (const bool weighted : {false, true}) {
      double most = -1, winners = 0, winners_right = 0;
      for (const auto& [group, vote] : votes) most = std::max(most, weighted ? vote.second : vote.first);
      for (const auto& [group, vote] : votes) {
        if ((weighted ? vote.second : vote.first) < most - 1e-9) continue;
        ++winners;
        winners_right += right[group] ? 1 : 0;
      }
      (weighted ? sum.weighted : sum.majority) += winners > 0 ? winners_right / winners : 0;
    }
  }
  return {sum.pass / subsets, sum.majority / subsets, sum.weighted / subsets, sum.best / subsets};
}

void ExpectEnumerated(const Answers& answers) {
  const auto n = static_cast<int>(answers.size());
  const auto right =
      static_cast<int>(std::count_if(answers.begin(), answers.end(), [](const auto& a) { return a.right; }));
  for (int k = 1; k <= n; ++k) {
    const Means expected = ByEnumeration(answers, k);
    EXPECT_NEAR(PassAtK(n, right, k), expected.pass, 1e-12);
    EXPECT_NEAR(MajorityAtK(answers, k), expected.majority, 1e-12) << "k " << k;
    EXPECT_NEAR(WeightedVoteAtK(answers, k), expected.weighted, 1e-12) << "k " << k;
    EXPECT_NEAR(BestAtK(answers, k), expected.best, 1e-12) << "k " << k;
  }
}

TEST(AtK, EqualsTheEnumerationOfAllSubsets) {
  for (uint64_t trial = 0; trial < 150; ++trial) {
    CounterRng rng(21, trial);
    Answers answers(1 + rng.NextBelow(10));
    const uint64_t groups = 1 + rng.NextBelow(5);
    const auto right_group = static_cast<int>(rng.NextBelow(groups + 1));  // now and then none
    for (SampledAnswer& answer : answers) {
      answer.group = static_cast<int>(rng.NextBelow(groups + 1)) - 1;
      answer.right = answer.group == right_group && answer.group >= 0;
      answer.score = static_cast<double>(rng.NextBelow(4)) / 4;  // with ties
    }
    ExpectEnumerated(answers);
  }
}

TEST(AtK, EqualsTheEnumerationOnRealSamplesWithRewards) {
  const auto path = testing::SharedPath("fixtures/best_of_n/qwen_math_cot_100x8.jsonl");
  if (!path) GTEST_SKIP() << "shared/fixtures/best_of_n is absent";
  std::map<std::string, Answers> questions;
  std::map<std::string, std::vector<std::string>> texts;
  std::ifstream file(*path);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    const std::string id = row["id"].get<std::string>();
    const std::string question = id.substr(0, id.find('/'));
    std::vector<std::string>& known = texts[question];
    const std::string text =
        row["pred_extracted"].is_string() ? row["pred_extracted"].get<std::string>() : "";
    SampledAnswer answer;
    answer.right = row["expected"].get<bool>();
    // The right ones mean the same however they are written.
    const std::string key = answer.right ? "right" : "wrong " + text;
    answer.group = static_cast<int>(std::find(known.begin(), known.end(), key) - known.begin());
    if (answer.group == static_cast<int>(known.size())) known.push_back(key);
    answer.score = 1 / (1 + std::exp(-row["rm_score"].get<double>()));
    questions[question].push_back(answer);
  }
  ASSERT_EQ(questions.size(), 100u);
  double pass1 = 0, pass8 = 0;
  for (const auto& [id, answers] : questions) {
    ASSERT_EQ(answers.size(), 8u) << id;
    ExpectEnumerated(answers);
    const auto right = static_cast<int>(
        std::count_if(answers.begin(), answers.end(), [](const auto& a) { return a.right; }));
    pass1 += PassAtK(8, right, 1);
    pass8 += PassAtK(8, right, 8);
  }
  EXPECT_GT(pass8, pass1 + 1) << "eight samples reach more questions than one";
}

TEST(PassAtK, IsRightForLargeNumbers) {
  EXPECT_DOUBLE_EQ(PassAtK(200, 0, 100), 0);
  EXPECT_DOUBLE_EQ(PassAtK(200, 200, 1), 1);
  EXPECT_NEAR(PassAtK(200, 30, 1), 0.15, 1e-12);
  EXPECT_NEAR(PassAtK(200, 1, 100), 0.5, 1e-12);
}

TEST(MajorityAtK, SplitsTiesFairly) {
  // One vote each: every group wins a third.
  EXPECT_NEAR(MajorityAtK({{0, true}, {1, false}, {2, false}}, 3), 1.0 / 3, 1e-12);
  EXPECT_EQ(MajorityAtK({{-1, false}, {-1, false}}, 2), 0) << "nobody voted";
  EXPECT_EQ(MajorityAtK({{-1, false}, {0, true}}, 2), 1) << "silence is no vote";
}

TEST(WeightedVoteAtK, DrawsSubsetsWhereThereAreTooMany) {
  // 40 answers, 20 of them: the same scores make it a majority vote, which is known exactly.
  Answers answers;
  for (int i = 0; i < 40; ++i) answers.push_back({i < 21 ? 0 : 1, i < 21, 0.5});
  const double drawn = WeightedVoteAtK(answers, 20, 7);
  EXPECT_NEAR(drawn, MajorityAtK(answers, 20), 0.02);
  EXPECT_EQ(drawn, WeightedVoteAtK(answers, 20, 7));
}

}  // namespace
}  // namespace sprint
