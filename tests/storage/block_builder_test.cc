#include "storage/block_builder.h"

#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(BlockBuilder, MakesAGridOneBlockWithTheGridsIdentity) {
  BlockBuilder builder;
  for (int32_t arm = 3; arm >= 0; --arm) {
    for (int32_t question = 2; question >= 0; --question) builder.Add(question, arm, 2);
  }
  EXPECT_EQ(builder.cells(), 24);
  ExperimentPlan plan = GridPlan(3, 4, 2);
  const Hash256 grid = plan.SelectionHash();
  plan.blocks = builder.Blocks();
  ASSERT_THAT(plan.blocks, SizeIs(1));
  EXPECT_EQ(plan.SelectionHash(), grid);
}

TEST(BlockBuilder, PutsQuestionsOfEqualArmsAndSamplesIntoOneBlock) {
  BlockBuilder builder;
  builder.Add(2, 1, 1);
  builder.Add(0, 1, 1);
  builder.Add(0, 0, 8);
  builder.Add(1, 3, 1);
  builder.Add(2, 0, 8);
  builder.Add(1, 0, 3);
  builder.Add(1, 0, 8);  // the larger number holds
  builder.Add(1, 0, 5);
  EXPECT_EQ(builder.cells(), 3 + 24);
  const std::vector<BlockPlan> blocks = builder.Blocks();
  ASSERT_THAT(blocks, SizeIs(3));
  EXPECT_THAT(blocks[0].questions, ElementsAre(0, 2));
  EXPECT_THAT(blocks[0].arms, ElementsAre(1));
  EXPECT_THAT(blocks[1].questions, ElementsAre(0, 1, 2));
  EXPECT_THAT(blocks[1].arms, ElementsAre(0));
  EXPECT_EQ(blocks[1].samples, 8);
  EXPECT_THAT(blocks[2].questions, ElementsAre(1));
  EXPECT_THAT(blocks[2].arms, ElementsAre(3));
  ExperimentPlan plan = GridPlan(3, 4);
  plan.blocks = blocks;
  EXPECT_OK(CheckPlan(plan));
}

}  // namespace
}  // namespace sprint::testing
