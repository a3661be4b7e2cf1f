#include "eval/statistics/intervals.h"

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(WilsonInterval, EqualsThePublishedTable) {
  // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
  // (1998), table I, method 3.
  const struct {
    int64_t successes, trials;
    double low, high;
  } rows[] = {
      {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0000, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (const auto& row : rows) {
    const Interval interval = WilsonInterval(row.successes, row.trials);
    EXPECT_NEAR(interval.low, row.low, 5e-5) << row.successes << "/" << row.trials;
    EXPECT_NEAR(interval.high, row.high, 5e-5) << row.successes << "/" << row.trials;
  }
}

TEST(WilsonInterval, HoldsTheProportionAndStaysInRange) {
  for (int64_t trials = 1; trials <= 60; ++trials) {
    for (int64_t successes = 0; successes <= trials; ++successes) {
      const Interval interval = WilsonInterval(successes, trials);
      const double p = static_cast<double>(successes) / static_cast<double>(trials);
      EXPECT_GE(interval.low, 0);
      EXPECT_LE(interval.low, p);
      EXPECT_GE(interval.high, p);
      EXPECT_LE(interval.high, 1);
      const Interval mirrored = WilsonInterval(trials - successes, trials);
      EXPECT_NEAR(interval.low, 1 - mirrored.high, 1e-12);
    }
  }
}

TEST(WilsonInterval, IsEverythingWithoutTrials) {
  EXPECT_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
}

TEST(ShareByQuestion, IsWilsonsForOneSampleAQuestion) {
  std::vector<QuestionCount> counts(50, {0, 1});
  for (size_t i = 0; i < 31; ++i) counts[i].right = 1;
  const ClusteredShare share = ShareByQuestion(counts);
  EXPECT_EQ(share.questions, 50);
  EXPECT_EQ(share.interval.low, WilsonInterval(31, 50).low);
  EXPECT_EQ(share.interval.high, WilsonInterval(31, 50).high);
  EXPECT_NEAR(share.standard_error, std::sqrt(0.62 * 0.38 / 49), 1e-12);
}

TEST(ShareByQuestion, CountsRepeatedAnswersOnce) {
  // Eight samples that always agree say no more than one.
  std::vector<QuestionCount> one, eight;
  for (int i = 0; i < 40; ++i) {
    one.push_back({i < 26 ? 1 : 0, 1});
    eight.push_back({i < 26 ? 8 : 0, 8});
  }
  EXPECT_NEAR(ShareByQuestion(eight).standard_error, ShareByQuestion(one).standard_error, 1e-12);
  EXPECT_NEAR(ShareByQuestion(eight).effective_trials, 39, 1e-9);
  EXPECT_GT(ShareByQuestion(eight).interval.high, WilsonInterval(208, 320).high);
}

TEST(ShareByQuestion, EqualsTheFormulaWorkedByHand) {
  // Three questions, 2/2, 1/2, 0/1: share 3/5; residuals 0.8, -0.2, -0.6; sum of squares 1.04.
  const ClusteredShare share = ShareByQuestion({{2, 2}, {1, 2}, {0, 1}, {0, 0}});
  EXPECT_EQ(share.questions, 3);
  EXPECT_EQ(share.samples, 5);
  EXPECT_DOUBLE_EQ(share.share, 0.6);
  EXPECT_NEAR(share.standard_error, std::sqrt(1.5 * 1.04) / 5, 1e-12);
}

TEST(ShareByQuestion, NeverClaimsMoreThanItsSamples) {
  // Each question half right: the residuals vanish, the doubt does not.
  const std::vector<QuestionCount> counts(20, {2, 4});
  EXPECT_EQ(ShareByQuestion(counts).effective_trials, 20);
  const std::vector<QuestionCount> all(20, {4, 4});
  EXPECT_EQ(ShareByQuestion(all).interval.low, WilsonInterval(20, 20).low);
  EXPECT_EQ(ShareByQuestion({}).interval.high, 1);
}

TEST(ShareByQuestion, CoversTheTruthWhereSamplesOfAQuestionAreAlike) {
  // 60 questions of difficulty uniform in [0, 1], eight samples each: the truth is 1/2.
  constexpr int kTrials = 2000;
  int clustered = 0, naive = 0;
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    CounterRng rng(5, trial);
    std::vector<QuestionCount> counts(60, {0, 8});
    for (QuestionCount& count : counts) {
      const double difficulty = rng.NextDouble();
      for (int i = 0; i < 8; ++i) count.right += rng.NextDouble() < difficulty ? 1 : 0;
    }
    const ClusteredShare share = ShareByQuestion(counts);
    clustered += share.interval.low <= 0.5 && 0.5 <= share.interval.high ? 1 : 0;
    const Interval wrong = WilsonInterval(share.right, share.samples);
    naive += wrong.low <= 0.5 && 0.5 <= wrong.high ? 1 : 0;
  }
  EXPECT_NEAR(clustered / 2000.0, 0.95, 0.02);
  EXPECT_LT(naive / 2000.0, 0.8) << "what the clustering is for";
}

TEST(PairedDifferenceInterval, EqualsThePublishedExample) {
  // Fagerland, Lydersen, Laake, "Recommended tests and confidence intervals for paired binomial
  // proportions", Statistics in Medicine 33 (2014): 1, 1, 7, 12 of 21; Tango's interval.
  const Interval interval = PairedDifferenceInterval(1, 7, 21);
  EXPECT_NEAR(interval.low, -0.517, 5e-4);
  EXPECT_NEAR(interval.high, -0.026, 5e-4);
}

// Tango's statistic with the nuisance parameter found by search over its whole range.
double ScoreBySearch(double fixed, double broken, double n, double delta) {
  double best = -INFINITY, at = 0;
  const double low = std::max(0.0, -delta), high = 0.5 * (1 - delta);
  for (int i = 1; i < 200'000; ++i) {
    const double q = low + (high - low) * i / 200'000;
    const double likelihood = (fixed > 0 ? fixed * std::log(q + delta) : 0) +
                              (broken > 0 ? broken * std::log(q) : 0) +
                              (n - fixed - broken) * std::log(1 - 2 * q - delta);
    if (likelihood > best) {
      best = likelihood;
      at = q;
    }
  }
  return (fixed - broken - n * delta) / std::sqrt(n * (2 * at + delta * (1 - delta)));
}

TEST(PairedDifferenceInterval, EndsWhereTheScoreTestRejects) {
  for (const auto& [fixed, broken, n] : std::vector<std::tuple<int, int, int>>{
           {5, 3, 40}, {12, 2, 100}, {0, 4, 30}, {7, 0, 25}, {30, 25, 60}, {1, 1, 500}}) {
    const Interval interval = PairedDifferenceInterval(fixed, broken, n);
    EXPECT_NEAR(ScoreBySearch(fixed, broken, n, interval.low), kZ95, 2e-3) << fixed << " " << broken;
    EXPECT_NEAR(ScoreBySearch(fixed, broken, n, interval.high), -kZ95, 2e-3) << fixed << " " << broken;
  }
}

TEST(PairedDifferenceInterval, IsMirroredAndHoldsTheDifference) {
  for (int n : {1, 2, 7, 30}) {
    for (int fixed = 0; fixed <= n; ++fixed) {
      for (int broken = 0; fixed + broken <= n; ++broken) {
        const Interval interval = PairedDifferenceInterval(fixed, broken, n);
        const Interval mirrored = PairedDifferenceInterval(broken, fixed, n);
        const double effect = static_cast<double>(fixed - broken) / n;
        EXPECT_LE(interval.low, effect + 1e-12);
        EXPECT_GE(interval.high, effect - 1e-12);
        EXPECT_NEAR(interval.low, -mirrored.high, 1e-9) << fixed << " " << broken << " of " << n;
        EXPECT_GE(interval.low, -1);
        EXPECT_LE(interval.high, 1);
      }
    }
  }
  EXPECT_EQ(PairedDifferenceInterval(0, 0, 0).low, -1);
}

TEST(DifferenceByQuestion, IsTangosForOneSampleAndClusteredForMore) {
  const PairedDifference one = DifferenceByQuestion({{1, 1}, {1, 1}, {-1, 1}, {0, 1}, {0, 0}});
  EXPECT_EQ(one.questions, 4);
  EXPECT_DOUBLE_EQ(one.effect, 0.25);
  EXPECT_EQ(one.interval.low, PairedDifferenceInterval(2, 1, 4).low);
  // 2 + 1 - 1 of 12: effect 1/6; residuals 8/6, 2/6, -10/6; sum of squares 168/36.
  const PairedDifference more = DifferenceByQuestion({{2, 4}, {1, 4}, {-1, 4}});
  EXPECT_NEAR(more.effect, 1.0 / 6, 1e-12);
  EXPECT_NEAR(more.standard_error, std::sqrt(1.5 * 168 / 36) / 12, 1e-12);
  EXPECT_NEAR(more.interval.high, 1.0 / 6 + kZ95 * more.standard_error, 1e-12);
  const PairedDifference same = DifferenceByQuestion({{0, 4}, {0, 4}, {0, 4}});
  EXPECT_GT(same.interval.high, 0.3) << "three questions without a difference show little";
}

QuestionMean MeanOf(const std::vector<double>& values, double added_variance = 0) {
  QuestionMean mean{0, 0, static_cast<int64_t>(values.size()), added_variance};
  for (const double value : values) {
    mean.mean += value / static_cast<double>(values.size());
    mean.mean_square += value * value / static_cast<double>(values.size());
  }
  return mean;
}

TEST(QuestionMeans, OfWholeValuesHaveTheIntervalsOfCounts) {
  const Interval share = ShareInterval(MeanOf({1, 1, 0, 1, 0, 1, 1}));
  EXPECT_NEAR(share.low, WilsonInterval(5, 7).low, 1e-12);
  EXPECT_NEAR(share.high, WilsonInterval(5, 7).high, 1e-12);
  EXPECT_EQ(ShareInterval(MeanOf({1, 1, 1})).low, WilsonInterval(3, 3).low);
  const Interval difference = DifferenceInterval(MeanOf({1, 1, -1, 0, 0, 0, 1, 0}));
  EXPECT_NEAR(difference.low, PairedDifferenceInterval(3, 1, 8).low, 1e-9);
  EXPECT_NEAR(difference.high, PairedDifferenceInterval(3, 1, 8).high, 1e-9);
  EXPECT_EQ(DifferenceInterval(MeanOf({0, 0, 0})).high, PairedDifferenceInterval(0, 0, 3).high)
      << "three questions without a difference show little";
  EXPECT_EQ(DifferenceInterval(QuestionMean()).low, -1);
}

TEST(QuestionMeans, OfManyQuestionsApproachTheNormalIntervalAndWidenWithOtherChance) {
  CounterRng rng(4, 1);
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) values.push_back(0.1 + 0.3 * rng.NextDouble() - 0.2 * rng.NextDouble());
  const QuestionMean plain = MeanOf(values);
  const double error = std::sqrt((plain.mean_square - plain.mean * plain.mean) / 20'000);
  const Interval share = ShareInterval(plain);
  const Interval difference = DifferenceInterval(plain);
  EXPECT_NEAR(share.high - share.low, 2 * kZ95 * error, 0.01 * error);
  EXPECT_NEAR(difference.high - difference.low, 2 * kZ95 * error, 0.01 * error);
  const Interval wider = DifferenceInterval(MeanOf(values, 3 * error * error));
  EXPECT_NEAR(wider.high - wider.low, 4 * kZ95 * error, 0.02 * error);
  // All the same little gain: little is uncertain, but the centre is inside.
  const Interval same = DifferenceInterval(MeanOf(std::vector<double>(50, 0.1)));
  EXPECT_LT(same.low, 0.1);
  EXPECT_GE(same.high, 0.1);
}

// How often an interval leaves out the truth, in `trials` samples of `questions` values.
template <typename Draw, typename ToInterval>
double Missed(double truth, int questions, const Draw& draw, const ToInterval& to_interval) {
  constexpr int kTrials = 4000;
  CounterRng rng(9, 3);
  int missed = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values;
    for (int i = 0; i < questions; ++i) values.push_back(draw(rng));
    const Interval interval = to_interval(MeanOf(values));
    missed += truth < interval.low - 1e-12 || truth > interval.high + 1e-12 ? 1 : 0;
  }
  return static_cast<double>(missed) / kTrials;
}

Interval Normal(const QuestionMean& mean) {
  const double error =
      std::sqrt((mean.mean_square - mean.mean * mean.mean) / static_cast<double>(mean.questions - 1));
  return {mean.mean - kZ95 * error, mean.mean + kZ95 * error};
}

TEST(QuestionMeans, MissTheTruthAboutAsOftenAsTheySayWhereTheNormalIntervalDoesNot) {
  // 30 questions, 97 % right; two samples each, of questions that are easy or not.
  const auto nearly_all = [](CounterRng& rng) {
    const double p = rng.NextDouble() < 0.9 ? 0.99 : 0.79;
    return 0.5 * ((rng.NextDouble() < p ? 1 : 0) + (rng.NextDouble() < p ? 1 : 0));
  };
  EXPECT_GT(Missed(0.97, 30, nearly_all, Normal), 0.12);
  EXPECT_LT(Missed(0.97, 30, nearly_all, ShareInterval), 0.07);
  // 40 pairs that differ on 5 % each way, in one of two samples at times.
  const auto seldom = [](CounterRng& rng) {
    const double u = rng.NextDouble();
    return (u < 0.05 ? 1 : u < 0.1 ? -1 : 0) * (rng.NextDouble() < 0.7 ? 1 : 0.5);
  };
  EXPECT_LT(Missed(0, 40, seldom, DifferenceInterval), 0.06);
  // A gain on one question of twenty.
  const auto rare_gain = [](CounterRng& rng) { return rng.NextDouble() < 0.05 ? 1.0 : 0.0; };
  EXPECT_GT(Missed(0.05, 40, rare_gain, Normal), 0.1);
  EXPECT_LT(Missed(0.05, 40, rare_gain, DifferenceInterval), 0.08);
}

}  // namespace
}  // namespace sprint
