#include "selector/comparison.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// `right[q][a]`; wrong answers all differ. The first `test` questions are the test set.
Snapshot MadeUp(const std::vector<std::vector<int>>& right, size_t test) {
  Snapshot snapshot;
  snapshot.name = "made up";
  for (size_t a = 0; a < right.front().size(); ++a)
    snapshot.arms.push_back(a == 0 ? "baseline" : absl::StrCat("L0H", a - 1));
  for (size_t q = 0; q < right.size(); ++q) {
    SnapshotProblem problem;
    problem.id = absl::StrCat("q", q);
    problem.split = q < test ? Split::kTest : Split::kTrain;
    snapshot.problems.push_back(problem);
    for (size_t a = 0; a < right[q].size(); ++a) {
      const int cell = right[q][a];
      snapshot.outcomes.push_back(
          {static_cast<int8_t>(cell), cell == 1 ? 0 : static_cast<int32_t>(a) + 1, 10});
    }
  }
  return snapshot;
}

double MajorityOf(const std::vector<int32_t>& classes) {
  std::vector<FrozenOutcome> outcomes;
  for (const int32_t c : classes) outcomes.push_back({static_cast<int8_t>(c == 0 ? 1 : 0), c, 1});
  std::vector<const FrozenOutcome*> answers;
  for (const FrozenOutcome& outcome : outcomes) answers.push_back(&outcome);
  return AggregateAnswers(answers, {}, Aggregation::kMajority);
}

TEST(ComparisonTest, MajorityCountsVotesAndSharesTies) {
  EXPECT_EQ(MajorityOf({0, 0, 1}), 1);
  EXPECT_EQ(MajorityOf({0, 1, 1}), 0);
  EXPECT_EQ(MajorityOf({0, 1}), 0.5);
  EXPECT_DOUBLE_EQ(MajorityOf({0, 1, 2}), 1.0 / 3);
  EXPECT_EQ(MajorityOf({-1, -1, 0}), 1) << "an answer without a result has no vote";
  EXPECT_EQ(MajorityOf({-1}), 0);
}

TEST(ComparisonTest, RandomCoverageIsExactlyTheMeanOverAllSets) {
  // 5 arms, 2 right: of the 10 pairs, 3 have none.
  EXPECT_NEAR(ExpectedCoverage(5, 2, 2), 0.7, 1e-12);
  EXPECT_EQ(ExpectedCoverage(5, 0, 3), 0);
  EXPECT_EQ(ExpectedCoverage(5, 3, 3), 1);
  EXPECT_NEAR(ExpectedCoverage(24, 1, 1), 1.0 / 24, 1e-12);
}

TEST(ComparisonTest, EveryMethodGetsWhatTheMatrixSays) {
  // Training: arm 1 answers two questions, arm 2 one of them, arm 3 the third.
  const Snapshot snapshot = MadeUp({{0, 0, 0, 1},   // test
                                    {1, 1, 0, 0},   // test
                                    {0, 1, 1, 0},   //
                                    {0, 1, 0, 0},   //
                                    {1, 0, 0, 1}},  //
                                   2);
  ComparisonOptions options;
  options.n = {1, 2};
  options.aggregations = {Aggregation::kCoverage};
  const ChooseFn perfect = [](size_t problem, int32_t) { return std::vector<int32_t>{problem == 0 ? 3 : 1}; };
  auto comparison = Compare(snapshot, {{"perfect", {perfect}}}, options);
  ASSERT_OK(comparison);
  EXPECT_EQ(comparison->questions, 2);
  const auto mean = [&](const char* method, int32_t n) {
    return comparison->Find(method, n, Aggregation::kCoverage)->mean();
  };
  EXPECT_DOUBLE_EQ(mean("baseline", 1), 0.5);
  EXPECT_DOUBLE_EQ(mean("average", 1), 0.5);
  EXPECT_NEAR(mean("random", 1), 1.0 / 3, 1e-12);
  EXPECT_NEAR(mean("random", 2), 2.0 / 3, 1e-12);
  EXPECT_DOUBLE_EQ(mean("set-cover", 2), 1.0);
  EXPECT_DOUBLE_EQ(mean("oracle", 1), 1.0);
  EXPECT_DOUBLE_EQ(mean("perfect", 1), 1.0);
  EXPECT_DOUBLE_EQ(PairedDifference(*comparison->Find("perfect", 1, Aggregation::kCoverage),
                                    *comparison->Find("baseline", 1, Aggregation::kCoverage))
                       .mean,
                   0.5);
}

TEST(ComparisonTest, MethodsCostTheTokensOfTheirArmsAndSelectorsWeighTheirVotes) {
  Snapshot snapshot = MadeUp({{0, 1, 0, 0}, {0, 1, 0, 0}, {1, 1, 1, 1}}, 2);
  for (size_t q = 0; q < 3; ++q) {
    for (size_t a = 0; a < 4; ++a) snapshot.outcomes[4 * q + a].tokens = static_cast<int32_t>(10 * (a + 1));
  }
  snapshot.outcomes[2].answer_class = snapshot.outcomes[3].answer_class = 5;  // two arms of one wrong answer
  snapshot.tokens_per_second = 100;
  ComparisonOptions options;
  options.n = {1, 2, 3};
  const ChooseFn sure = [](size_t, int32_t) { return ChosenArms({1, 2, 3}, {0.9, 0.3, 0.2}); };
  ASSERT_OK_AND_ASSIGN(const Comparison comparison, Compare(snapshot, {{"sure", {sure}}}, options));
  const auto find = [&](const char* method, int32_t n, Aggregation aggregation) {
    return comparison.Find(method, n, aggregation);
  };
  EXPECT_EQ(find("baseline", 2, Aggregation::kCoverage)->mean_tokens, 10) << "greedy repeats itself";
  EXPECT_EQ(find("sure", 2, Aggregation::kMajority)->mean_tokens, 50);
  EXPECT_EQ(find("sure", 3, Aggregation::kWeighted)->mean_tokens, 90);
  EXPECT_DOUBLE_EQ(find("sure", 3, Aggregation::kWeighted)->mean_seconds, 0.9);
  EXPECT_DOUBLE_EQ(find("random", 2, Aggregation::kCoverage)->mean_tokens, 60);
  EXPECT_NEAR(find("random", 2, Aggregation::kMajority)->mean_tokens, 60, 3);
  EXPECT_EQ(find("oracle", 1, Aggregation::kCoverage)->mean_tokens, 100);
  EXPECT_EQ(find("sure", 3, Aggregation::kMajority)->of_question[0], 0);
  EXPECT_EQ(find("sure", 3, Aggregation::kWeighted)->of_question[0], 1) << "0.9 against 0.5";
  EXPECT_EQ(find("random", 1, Aggregation::kWeighted), nullptr) << "nothing weighs its votes";
  // Of some of the questions only.
  options.questions = {1};
  ASSERT_OK_AND_ASSIGN(const Comparison some, Compare(snapshot, {{"sure", {sure}}}, options));
  EXPECT_EQ(some.questions, 1);
  EXPECT_EQ(some.Find("sure", 1, Aggregation::kCoverage)->of_question.size(), 1u);
}

TEST(ComparisonTest, DrawnMethodsConvergeToTheExactExpectation) {
  CounterRng rng(3, 1);
  std::vector<std::vector<int>> right(60, std::vector<int>(9));
  for (auto& row : right) {
    for (int& cell : row) cell = rng.NextDouble() < 0.3 ? 1 : 0;
  }
  for (size_t a = 1; a < 9; ++a) right[59][a] = 1;  // every arm is a best arm equally often
  const Snapshot snapshot = MadeUp(right, 59);
  ComparisonOptions options;
  options.n = {1, 3};
  options.aggregations = {Aggregation::kCoverage};
  options.draws = 4000;
  auto comparison = Compare(snapshot, {}, options);
  ASSERT_OK(comparison);
  for (const int32_t n : options.n) {
    EXPECT_NEAR(comparison->Find("best-arms", n, Aggregation::kCoverage)->mean(),
                comparison->Find("random", n, Aggregation::kCoverage)->mean(), 0.005);
  }
}

TEST(ComparisonTest, QuestionsWithMissingOutcomesAreLeftOutAndCounted) {
  Snapshot snapshot = MadeUp({{1, 0}, {0, 1}, {1, 1}}, 2);
  snapshot.outcomes[1].right = -1;
  ComparisonOptions options;
  options.n = {1};
  auto comparison = Compare(snapshot, {}, options);
  ASSERT_OK(comparison);
  EXPECT_EQ(comparison->questions, 1);
  EXPECT_EQ(comparison->incomplete, 1);
  snapshot.outcomes[3].right = -1;
  EXPECT_EQ(Compare(snapshot, {}, options).status().code(), absl::StatusCode::kFailedPrecondition);
}

// How often the 95 % interval of a difference that is zero leaves zero out.
TEST(ComparisonTest, PairedIntervalsCoverTheTruthAboutAsOftenAsTheySay) {
  CounterRng rng(11, 2);
  int missed = 0;
  constexpr int kTrials = 1000;
  for (int trial = 0; trial < kTrials; ++trial) {
    MethodResult a{"a", 1, Aggregation::kCoverage, {}, {}};
    MethodResult b = a;
    for (int q = 0; q < 200; ++q) {
      const double hard = rng.NextDouble();
      a.of_question.push_back(rng.NextDouble() < hard ? 1 : 0);
      b.of_question.push_back(rng.NextDouble() < hard ? 1 : 0);
    }
    const Estimate difference = PairedDifference(a, b);
    missed += difference.interval.low > 0 || difference.interval.high < 0 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(missed) / kTrials, 0.05, 0.02);
}

}  // namespace
}  // namespace sprint
