#include "selector/sampled_outcomes.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/selector/fixture.h"

namespace sprint {
namespace {

using ::testing::DoubleNear;
using testing::GridPlan;
using ::testing::HasSubstr;
using testing::MadeUpAnswer;
using testing::SweepDatabase;

constexpr int32_t kQuestions = 30;

MadeUpAnswer Answer(int32_t question, int32_t arm) { return {(question + arm) % 2 == 0, absl::StrCat(arm)}; }

// Four samples of the unpruned model on questions from `first` on.
ExperimentPlan SampledPlan(int32_t first = 0) {
  ExperimentPlan plan = GridPlan(kQuestions, 1, 4);
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
  absl::StatusOr<std::vector<MethodResult>> Results(const std::string& experiment) {
    return SampledResults(*database_.OpenReader(), experiment, snapshot_, options_);
  }

  SweepDatabase database_;
  Snapshot snapshot_;
  ComparisonOptions options_;
};

TEST_F(SampledOutcomesTest, StandBesideTheKnownOutcomesOnTheSameQuestions) {
  // All samples of even questions are right, none of the odd ones': as the greedy baseline.
  database_.AddSweep(SampledPlan(), Answer);
  ASSERT_OK_AND_ASSIGN(const auto results, Results("sampled"));
  ASSERT_EQ(results.size(), 6u) << "N = 1, 2 and 4 of four samples, two aggregations";
  ASSERT_OK_AND_ASSIGN(const Comparison comparison, Compare(snapshot_, {}, options_));
  const MethodResult* baseline = comparison.Find("baseline", 1, Aggregation::kCoverage);
  for (const MethodResult& result : results) {
    EXPECT_EQ(result.method, "samples");
    ASSERT_EQ(result.of_question.size(), baseline->of_question.size());
    for (size_t i = 0; i < result.of_question.size(); ++i)
      EXPECT_THAT(result.of_question[i], DoubleNear(baseline->of_question[i], 1e-12)) << i;
  }
}

TEST_F(SampledOutcomesTest, AreRefusedWhereTheyDoNotFit) {
  EXPECT_THAT(std::string(Results("grid").status().message()), HasSubstr("is greedy"));
  database_.AddSweep(SampledPlan(20), Answer);
  EXPECT_THAT(std::string(Results("sampled").status().message()), HasSubstr("have no samples"));
  ExperimentPlan other = SampledPlan();
  other.name = "other";
  other.runs[0].weights_hash = Sha256("other weights");
  database_.AddSweep(other, Answer);
  EXPECT_THAT(std::string(Results("other").status().message()), HasSubstr("not of the snapshot's"));
  EXPECT_EQ(ReasonOf(Results("nobody").status()), Reason::kExperimentUnknown);
}

}  // namespace
}  // namespace sprint
