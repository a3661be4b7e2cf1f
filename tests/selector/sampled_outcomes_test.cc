#include "selector/sampled_outcomes.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/selector/fixture.h"

namespace sprint {
namespace {

using testing::GridPlan;
using ::testing::HasSubstr;
using testing::MadeUpAnswer;
using testing::SweepDatabase;

constexpr int32_t kQuestions = 30;

MadeUpAnswer Answer(int32_t question, int32_t arm) { return {(question + arm) % 2 == 0, absl::StrCat(arm)}; }

// Samples of the first `arms` arms, the unpruned model's first, on questions from `first` on.
ExperimentPlan SampledPlan(int32_t first = 0, int32_t arms = 1, int32_t samples = 4) {
  ExperimentPlan plan = GridPlan(kQuestions, arms, samples);
  plan.name = "sampled";
  plan.runs[0].decoding.sampling.temperature = 0.9;
  plan.runs[0].sampler_version = plan.runs[0].decoding.sampler_version();
  plan.blocks[0].questions.erase(plan.blocks[0].questions.begin(), plan.blocks[0].questions.begin() + first);
  plan.problems.erase(plan.problems.begin(), plan.problems.begin() + first);
  return plan;
}

class SampledOutcomesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ExperimentPlan sweep = GridPlan(kQuestions, 3);
    for (size_t i = 0; i < sweep.problems.size(); ++i)
      sweep.problems[i].text = absl::StrCat("number ", i, " asks about thing ", i * i);
    database_.AddSweep(sweep, Answer);
    auto snapshot = FreezeSnapshot(*database_.OpenReader(), {});
    ASSERT_OK(snapshot);
    snapshot_ = *std::move(snapshot);
    options_.n = {1, 2, 4, 8};
  }
  absl::StatusOr<SampledOutcomes> Read(const std::string& experiment) {
    return ReadSampledOutcomes(*database_.OpenReader(), experiment, snapshot_, ComparedQuestions(snapshot_));
  }
  // A selector of one seed that chooses these arms for every question.
  SelectorChoices Always(const ChosenArms& chosen) const {
    return {"selector", {std::vector<ChosenArms>(ComparedQuestions(snapshot_).size(), chosen)}};
  }

  SweepDatabase database_;
  Snapshot snapshot_;
  ComparisonOptions options_;
};

TEST_F(SampledOutcomesTest, OfTheUnprunedModelStandBesideTheKnownOutcomesOnTheSameQuestions) {
  // All samples of even questions are right, none of the odd ones': as the greedy baseline.
  database_.AddSweep(SampledPlan(), Answer);
  ASSERT_OK_AND_ASSIGN(const SampledOutcomes outcomes, Read("sampled"));
  const AnsweringMethod samples = BaselineSamples(outcomes);
  EXPECT_EQ(samples.name, "samples");
  EXPECT_FALSE(samples.ordered);
  EXPECT_EQ(samples.most_n(), 4);
  ASSERT_OK_AND_ASSIGN(const Comparison comparison, Compare(snapshot_, {}, options_));
  const MethodResult* baseline = comparison.Find("baseline", 1, Aggregation::kCoverage);
  ASSERT_EQ(samples.answers.size(), baseline->of_question.size());
  for (const auto& [question, answers] : samples.answers) {
    for (const MethodAnswer& answer : answers)
      EXPECT_EQ(answer.answer.right ? 1 : 0, baseline->of_question[static_cast<size_t>(question)])
          << question;
  }
  EXPECT_GT(samples.tokens_per_second, 0);
}

TEST_F(SampledOutcomesTest, OfSelectedArmsAreTakenInTheirOrderAndOverAllTheirSamples) {
  database_.AddSweep(SampledPlan(0, 3, 2), Answer);
  ASSERT_OK_AND_ASSIGN(const SampledOutcomes outcomes, Read("sampled"));
  const std::vector<size_t> compared = ComparedQuestions(snapshot_);
  const SelectorChoices selector = Always({{1, 2, 0}, {0.5, 0.3, 0.1}});
  const auto value = [&](int32_t n, Aggregation aggregation, size_t i) {
    const auto result = SelectedSamples(outcomes, selector, n, aggregation);
    EXPECT_OK(result);
    EXPECT_EQ(result->method, "selector, sampled");
    return result->of_question[i];
  };
  int even = 0;
  for (size_t i = 0; i < compared.size(); ++i) {
    // Arms 0 and 2 are right on even questions, arm 1 on the others, with one answer each.
    const int number = snapshot_.problems[compared[i]].tokens[0];
    const bool first = value(1, Aggregation::kCoverage, i) == 1;
    even += first ? 0 : 1;
    EXPECT_EQ(value(2, Aggregation::kCoverage, i), 1) << number;
    EXPECT_EQ(value(2, Aggregation::kMajority, i), 0.5) << number;
    EXPECT_EQ(value(3, Aggregation::kWeighted, i), first ? 1 : 0) << "0.5 against 0.3 and 0.1, each its own";
  }
  EXPECT_GT(even, 0);
  EXPECT_LT(even, static_cast<int>(compared.size()));
  ASSERT_OK_AND_ASSIGN(const MethodResult two,
                       SelectedSamples(outcomes, selector, 2, Aggregation::kCoverage));
  ASSERT_OK_AND_ASSIGN(const MethodResult one,
                       SelectedSamples(outcomes, selector, 1, Aggregation::kCoverage));
  EXPECT_EQ(two.mean_tokens, 2 * one.mean_tokens);
  EXPECT_GT(one.mean_seconds, 0);
}

TEST_F(SampledOutcomesTest, AreRefusedWhereTheyDoNotFit) {
  EXPECT_THAT(std::string(Read("grid").status().message()), HasSubstr("is greedy"));
  database_.AddSweep(SampledPlan(20), Answer);
  ASSERT_OK_AND_ASSIGN(const SampledOutcomes some, Read("sampled"));
  EXPECT_LT(BaselineSamples(some).answers.size(), ComparedQuestions(snapshot_).size());
  EXPECT_THAT(
      std::string(SelectedSamples(some, Always({{0, 1}}), 2, Aggregation::kCoverage).status().message()),
      HasSubstr("has no sample of"));
  EXPECT_FALSE(SelectedSamples(some, Always({}), 2, Aggregation::kCoverage).ok());
  ExperimentPlan other = SampledPlan();
  other.name = "other";
  other.runs[0].weights_hash = Sha256("other weights");
  database_.AddSweep(other, Answer);
  EXPECT_THAT(std::string(Read("other").status().message()), HasSubstr("not of the snapshot's"));
  EXPECT_EQ(ReasonOf(Read("nobody").status()), Reason::kExperimentUnknown);
}

}  // namespace
}  // namespace sprint
