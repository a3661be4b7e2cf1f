#include "eval/aggregation.h"

#include <bit>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "eval/judge.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;

constexpr Aggregation kAll[] = {Aggregation::kCoverage, Aggregation::kMajority, Aggregation::kWeighted,
                                Aggregation::kBest};

TEST(AnswerClasses, JoinWhatTheJudgeFindsEqualAndLeaveOutWhatSaysNothing) {
  AnswerClasses classes;
  EXPECT_EQ(classes.Of("0.5"), 0);
  EXPECT_EQ(classes.Of("7"), 1);
  EXPECT_EQ(classes.Of(""), -1);
  EXPECT_EQ(classes.Of("\\frac{1}{2}"), 0);
  EXPECT_EQ(classes.Of("7.0"), 1);
  EXPECT_EQ(classes.Of("x"), 2);
  EXPECT_EQ(classes.Of("0.5"), 0);
  classes.Clear();
  EXPECT_EQ(classes.Of("7"), 0);
}

TEST(Aggregation, NamesReadBack) {
  for (const Aggregation aggregation : kAll) {
    ASSERT_OK_AND_ASSIGN(const Aggregation read, ParseAggregation(AggregationName(aggregation)));
    EXPECT_EQ(read, aggregation);
  }
  EXPECT_THAT(std::string(ParseAggregation("vote").status().message()), HasSubstr("weighted and best"));
}

// Class 0 is right.
SampledAnswer Answer(int group, double score = 1) { return {group, group == 0, score}; }

TEST(Aggregation, SharesTiesEvenlyAndGivesNoVoteToSilence) {
  const auto majority = [](const std::vector<SampledAnswer>& answers) {
    return Aggregate(answers, Aggregation::kMajority);
  };
  EXPECT_EQ(majority({Answer(0), Answer(1), Answer(0)}), 1);
  EXPECT_EQ(majority({Answer(0), Answer(1)}), 0.5);
  EXPECT_EQ(majority({Answer(-1), Answer(-1), Answer(0)}), 1);
  EXPECT_EQ(majority({Answer(-1)}), 0);
  EXPECT_EQ(majority({}), 0);
  const std::vector<SampledAnswer> weighed = {Answer(1, 0.4), Answer(0, 0.5), Answer(1, 0.2), Answer(-1, 9)};
  EXPECT_EQ(Aggregate(weighed, Aggregation::kWeighted), 0) << "0.6 against 0.5";
  EXPECT_EQ(Aggregate(weighed, Aggregation::kCoverage), 1);
  EXPECT_EQ(Aggregate(weighed, Aggregation::kBest), 0) << "the best scored one says nothing";
  EXPECT_EQ(Aggregate({{Answer(0, 2), Answer(1, 2)}}, Aggregation::kBest), 0.5);
  EXPECT_EQ(Aggregate({{Answer(0, 2), Answer(1, 2)}}, Aggregation::kWeighted), 0.5);
}

TEST(Aggregation, WeightsKeepTheOrderOfScoresOfAnySize) {
  EXPECT_THAT(
      VoteWeights({0, std::log(0.5), std::log(0.25)}),
      ::testing::ElementsAre(1, ::testing::DoubleNear(0.5, 1e-12), ::testing::DoubleNear(0.25, 1e-12)));
  const std::vector<double> extreme = VoteWeights({900, 899, -900});
  EXPECT_EQ(extreme[0], 1);
  EXPECT_LT(extreme[1], 1);
  EXPECT_GT(extreme[2], 0);
  EXPECT_TRUE(VoteWeights({}).empty());
}

TEST(Aggregation, AVoteNamesItsWinnerAsItWasFirstWritten) {
  const std::vector<std::string> answers = {"7", "0.5", "", "\\frac{1}{2}", "7.0", "8"};
  const VoteResult majority = Vote(answers, {1, 1, 1, 1, 1, 1});
  EXPECT_THAT(majority.winners, ::testing::ElementsAre("7", "0.5")) << "two votes each";
  EXPECT_DOUBLE_EQ(majority.share, 2.0 / 6) << "what says nothing counts";
  const VoteResult weighted = Vote(answers, {0.1, 0.3, 0.9, 0.2, 0.1, 0.4});
  EXPECT_THAT(weighted.winners, ::testing::ElementsAre("0.5"));
  EXPECT_DOUBLE_EQ(weighted.share, 0.25);
  EXPECT_TRUE(Vote({"", ""}, {1, 1}).winners.empty());
  EXPECT_TRUE(Vote({}, {}).winners.empty());
}

// The mean of Aggregate over all subsets of n.
double Enumerated(const std::vector<SampledAnswer>& answers, int n, Aggregation aggregation) {
  double sum = 0;
  int subsets = 0;
  for (uint32_t bits = 0; bits < (1u << answers.size()); ++bits) {
    if (std::popcount(bits) != n) continue;
    std::vector<SampledAnswer> subset;
    for (size_t i = 0; i < answers.size(); ++i) {
      if ((bits >> i & 1) != 0) subset.push_back(answers[i]);
    }
    sum += Aggregate(subset, aggregation);
    ++subsets;
  }
  return sum / subsets;
}

// Real samples of a real model with the scores of a real reward model, judged by our judge.
class RealSamples : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto path = testing::SharedPath("fixtures/best_of_n/qwen_math_cot_100x8.jsonl");
    if (!path) GTEST_SKIP() << "shared/fixtures/best_of_n is absent";
    std::ifstream file(*path);
    std::map<std::string, AnswerClasses> classes;
    std::map<std::string, std::vector<double>> scores;
    for (std::string line; std::getline(file, line);) {
      const auto row = nlohmann::json::parse(line);
      const auto id = row["id"].get<std::string>();
      const std::string question = id.substr(0, id.find('/'));
      const Verdict verdict = Judge(row["pred"].get<std::string>(), row["gold"].get<std::string>());
      const bool expected = row["expected"].get<bool>();
      differ_ += verdict.correct != expected ? 1 : 0;
      correct_ += verdict.correct ? 1 : 0;
      questions_[question].push_back({classes[question].Of(verdict.extraction.answer), verdict.correct, 0});
      scores[question].push_back(row["rm_score"].get<double>());
    }
    for (auto& [question, answers] : questions_) {
      const std::vector<double> weights = VoteWeights(scores[question]);
      for (size_t i = 0; i < answers.size(); ++i) answers[i].score = weights[i];
    }
  }
  double Mean(int n, Aggregation aggregation) const {
    double sum = 0;
    for (const auto& [question, answers] : questions_) sum += AggregateAtN(answers, n, aggregation);
    return sum / static_cast<double>(questions_.size());
  }

  std::map<std::string, std::vector<SampledAnswer>> questions_;
  int differ_ = 0, correct_ = 0;
};

TEST_F(RealSamples, AreWorthWhatTheEnumerationOfAllSetsSays) {
  ASSERT_EQ(questions_.size(), 100u);
  for (const Aggregation aggregation : kAll) {
    for (const int n : {1, 2, 3, 5, 8}) {
      for (const auto& [question, answers] : questions_) {
        ASSERT_NEAR(AggregateAtN(answers, n, aggregation), Enumerated(answers, n, aggregation), 1e-12)
            << question << " " << AggregationName(aggregation) << " at " << n;
      }
    }
  }
}

TEST_F(RealSamples, OneAnswerIsWorthTheAccuracyWhateverPicksIt) {
  EXPECT_LE(differ_, 12) << "of 800 verdicts: another grader made the labels";
  for (const Aggregation aggregation : kAll)
    EXPECT_NEAR(Mean(1, aggregation), correct_ / 800.0, 1e-9) << AggregationName(aggregation);
}

TEST_F(RealSamples, MoreAnswersAreWorthMoreAndNoVoteBeatsCoverage) {
  for (const Aggregation aggregation : kAll) {
    EXPECT_GE(Mean(8, aggregation) + 1e-9, Mean(1, aggregation)) << AggregationName(aggregation);
    for (const int n : {1, 2, 4, 8}) EXPECT_LE(Mean(n, aggregation), Mean(n, Aggregation::kCoverage) + 1e-9);
  }
  EXPECT_NEAR(Mean(2, Aggregation::kMajority), Mean(1, Aggregation::kMajority), 1e-9)
      << "two votes never decide anything that one does not";
}

}  // namespace
}  // namespace sprint
