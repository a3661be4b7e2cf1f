// The demo's experiment asks the demo model in the words it was trained on.
#include "demo/problems.h"
#include "proto/spec_io.h"
#include "tests/testing/testing.h"

namespace sprint::demo {
namespace {

TEST(DemoSweepTest, SweepsEveryHeadOverTheProblemsWithTheTrainersPrompt) {
  ASSERT_OK_AND_ASSIGN(v1::ExperimentSpec spec, ReadSpec(testing::SourceDir() + "/demo/sweep.yaml"));
  ASSERT_OK(CompleteSpec(spec, testing::SourceDir() + "/demo"));
  EXPECT_EQ(spec.model().path(), testing::SourceDir() + "/demo/model");
  EXPECT_EQ(spec.dataset().path(), testing::SourceDir() + "/demo/problems.jsonl");
  EXPECT_GE(spec.dataset().limit(), 100);
  EXPECT_LE(spec.dataset().limit(), kHeldOutCount);
  EXPECT_TRUE(spec.arms().all_heads());
  EXPECT_EQ(spec.prompt().format(), "raw");
  Problem problem;
  problem.question = "{question}";
  EXPECT_EQ(spec.prompt().template_(), PromptText(problem));
  EXPECT_GE(spec.decoding().max_new_tokens(), 52);  // the longest answer of the generator, end included
}

}  // namespace
}  // namespace sprint::demo
