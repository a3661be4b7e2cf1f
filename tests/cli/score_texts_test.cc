#include "cli/score_texts.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;

TEST(ScoreTexts, StepsAreBeginningsThatEndBehindASeparator) {
  EXPECT_THAT(StepsOf("a\n\nb\n\nc", {"\n\n"}), ElementsAre("a\n\n", "a\n\nb\n\n", "a\n\nb\n\nc"));
  EXPECT_THAT(StepsOf("a\n\n\n\nb\n\n", {"\n\n"}), ElementsAre("a\n\n", "a\n\n\n\nb\n\n"))
      << "what is only spaces is no step";
  EXPECT_THAT(StepsOf("one step", {"\n"}), ElementsAre("one step"));
  EXPECT_THAT(StepsOf("a\nb", {}), ElementsAre("a\nb"));
  EXPECT_THAT(StepsOf("", {"\n"}), ElementsAre("")) << "an empty answer has a score, too";
}

TEST(ScoreTexts, AStepTokenStandsBehindEveryStep) {
  const StepFormat qwen{"\n\n", "<extra_0>"};
  EXPECT_THAT(StepsOf("a\n\n\n\nb\n\n", qwen), ElementsAre("a<extra_0>", "a<extra_0>b<extra_0>"));
  EXPECT_THAT(StepsOf("a\n\nb", qwen), ElementsAre("a<extra_0>", "a<extra_0>b<extra_0>"));
  EXPECT_THAT(StepsOf("", qwen), ElementsAre("<extra_0>"));
  const StepFormat shepherd{"\n", " ки", true};
  EXPECT_THAT(StepsOf("Step 1: a\n\nStep 2: b\n", shepherd),
              ElementsAre("Step 1: a ки", "Step 1: a ки\nStep 2: b ки"));
  EXPECT_THAT(StepsOf("all of it", StepFormat{"", "<s>"}), ElementsAre("all of it<s>"));
}

TEST(ScoreTexts, TemplatesAreFilledInOnePass) {
  const AnswerToScore answer{"p", "L3H5", 0, "Q: {answer}\nA:", "{prompt}?", "42"};
  EXPECT_EQ(FillTemplate("{prompt}{answer}", answer, "4"), "Q: {answer}\nA:4");
  EXPECT_EQ(FillTemplate("<{question}|{answer}|{other}>", answer, "42"), "<{prompt}?|42|{other}>");
}

TEST(ScoreTexts, IdsReadBackWhateverTheDatasetCallsItsQuestions) {
  const AnswerToScore answer{"algebra/7/x", "L3H5+L4H0*0.5", 12, "", "", ""};
  const auto scored = ParseScoreId(ScoreId(answer, 3));
  ASSERT_TRUE(scored);
  EXPECT_EQ(scored->problem, "algebra/7/x");
  EXPECT_EQ(scored->arm, "L3H5+L4H0*0.5");
  EXPECT_EQ(scored->sample, 12);
  EXPECT_EQ(scored->step, 3);
  for (const char* id : {"heldout-3", "a/b", "a/b/c/d", "/x/0/0", "a/b/1"})
    EXPECT_FALSE(ParseScoreId(id)) << id;
}

TEST(ScoreTexts, ReduceStepsByLastMinOrProduct) {
  const std::vector<double> steps = {0.5, 0.25, 0.75};
  EXPECT_EQ(Reduce(steps, StepReduction::kLast), 0.75);
  EXPECT_EQ(Reduce(steps, StepReduction::kMin), 0.25);
  EXPECT_EQ(Reduce(steps, StepReduction::kProduct), 0.5 * 0.25 * 0.75);
}

}  // namespace
}  // namespace sprint
