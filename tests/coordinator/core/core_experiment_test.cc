// Experiments: shared cells, commands, restarts, size.
#include "tests/coordinator/core/core_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using CoreExperimentTest = CoreTest;

TEST_F(CoreExperimentTest, OneLeaseAndOneOutcomeServeEveryExperimentThatHoldsTheCell) {
  Add(Sweep(1, 1, 2));
  Connect(1);
  Offer(1, 8);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1), C(1, 2)));
  Add(Sweep(2, 1, 3));
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 3)));
  EXPECT_EQ(Status(2).leased, 3);  // two of them leased before it came
  Finish(1, {C(1, 1), C(1, 2)});
  TakeAck(1);
  EXPECT_EQ(Status(1).state, ExperimentState::kFinished);
  EXPECT_EQ(Status(2).done, 2);
  ASSERT_THAT(records_.outcomes, SizeIs(2));
  EXPECT_THAT(records_.outcomes[0].experiments, ElementsAre(ExperimentId(1), ExperimentId(2)));
}

TEST_F(CoreExperimentTest, RowsThatExistAreNotComputedAgain) {
  ExperimentRecord record = Sweep(1, 2, 2);
  record.done = {C(1, 1), C(2, 1), C(2, 2)};
  record.counters[0].done = 2;
  record.counters[1].done = 1;
  Add(record);
  Connect(1);
  Offer(1, 8);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 2)));
}

TEST_F(CoreExperimentTest, ASelectionThatIsAllThereIsFinishedAtOnce) {
  ExperimentRecord record = Sweep(1, 1, 1);
  record.done = {C(1, 1)};
  record.counters[0].done = 1;
  Add(record);
  EXPECT_EQ(Status(1).state, ExperimentState::kFinished);
  EXPECT_THAT(records_.states, SizeIs(1));
}

TEST_F(CoreExperimentTest, APauseGrantsNothingAndLetsWhatRunsFinish) {
  Add(Sweep(1, 1, 3));
  Connect(1);
  Offer(1, 1);
  TakeGrants(1);
  Order(1, Command::kPause);
  Offer(1, 2);
  EXPECT_TRUE(Silence(1));
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), SizeIs(1));
  Order(1, Command::kResume);
  EXPECT_THAT(TakeGrants(1), SizeIs(2));
  ASSERT_THAT(records_.states, SizeIs(2));
  EXPECT_EQ(records_.states[0].state, ExperimentState::kPaused);
  EXPECT_EQ(records_.states[1].state, ExperimentState::kRunning);
}

TEST_F(CoreExperimentTest, ACancelRevokesWhatRunsButTakesWhatIsOnItsWay) {
  Add(Sweep(1, 1, 3));
  Connect(1);
  Offer(1, 2);
  TakeGrants(1);
  Order(1, Command::kCancel);
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(1, 1), C(1, 2)));
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 1)));
  Offer(1, 2);
  EXPECT_TRUE(Silence(1));
  Order(1, Command::kResume);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 2), C(1, 3)));
}

TEST_F(CoreExperimentTest, ACellThatAnotherExperimentWantsSurvivesACancelAndADelete) {
  Add(Sweep(1, 1, 2));
  Add(Sweep(2, 1, 1));
  Connect(1);
  Offer(1, 2);
  TakeGrants(1);
  Order(1, Command::kCancel);
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(1, 2)));
  Order(1, Command::kDelete);
  EXPECT_EQ(Status(2).leased, 1);
  EXPECT_FALSE(core_->Experiment(ExperimentId(1)).has_value());
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), SizeIs(1));
  EXPECT_EQ(Status(2).state, ExperimentState::kFinished);
}

TEST_F(CoreExperimentTest, ADeletedExperimentLeavesNothingBehind) {
  Add(Sweep(1, 3, 3));
  Connect(1);
  Offer(1, 5);
  TakeGrants(1);
  Fail(1, C(1, 2));
  TakeRevoke(1);
  Offer(1, 1);
  TakeGrants(1);
  Order(1, Command::kDelete);
  EXPECT_THAT(TakeRevoke(1), SizeIs(5));
  EXPECT_TRUE(core_->Experiments().empty());
  EXPECT_TRUE(core_->Idle());
  Add(Sweep(2, 3, 3));
  TakeGrants(1);
}

TEST_F(CoreExperimentTest, RetryPutsQuarantinedCellsBack) {
  ExperimentRecord record = Sweep(1, 1, 2);
  record.done = {C(1, 1)};
  record.counters[0].done = 1;
  record.failures.push_back({C(1, 2), 3, true, "it broke", WorkerId(4)});
  Add(record);
  EXPECT_EQ(Status(1).state, ExperimentState::kFinished);
  EXPECT_THAT(Status(1).notes,
              ElementsAre("quarantined after 3 tries: run 1 question 1 arm 2 sample 0: it broke"));
  Connect(1);
  Offer(1, 1);
  EXPECT_TRUE(Silence(1));
  Order(1, Command::kRetry);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 2)));
  EXPECT_EQ(Status(1).state, ExperimentState::kRunning);
  EXPECT_THAT(records_.failures_cleared, ElementsAre(C(1, 2)));
}

TEST_F(CoreExperimentTest, CommandsToAnUnknownExperimentDoNothing) {
  for (const Command command :
       {Command::kPause, Command::kResume, Command::kCancel, Command::kRetry, Command::kDelete}) {
    Order(9, command);
  }
  EXPECT_TRUE(records_.empty());
}

TEST_F(CoreExperimentTest, BlocksGiveEachQuestionArmsOfItsOwn) {
  ExperimentRecord record = Sweep(1, 2, 3);
  record.blocks.clear();
  BlockRecord first;
  first.run = RunId(1);
  first.questions = {QuestionId(1)};
  first.arms = {ArmId(3)};
  BlockRecord second = first;
  second.questions = {QuestionId(2)};
  second.arms = {ArmId(1), ArmId(2)};
  record.blocks = {first, second};
  Add(record);
  EXPECT_EQ(Status(1).cells, 3);
  Connect(1);
  Offer(1, 8);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 3), C(2, 1), C(2, 2)));
}

// 5,880,000 cells: two bits each and a row a question, whatever is leased beside it.
TEST(CoreScale, AFullGridOverAllTrainingQuestionsTakesTwoBitsACell) {
  constexpr int kQuestions = 7500;
  constexpr int kArms = 784;
  ExperimentRecord record;
  record.id = ExperimentId(1);
  record.runs.push_back({RunId(1), {}});
  BlockRecord block;
  block.run = RunId(1);
  for (int q = 1; q <= kQuestions; ++q) {
    record.questions.push_back({QuestionId(q), {1, 2, 3}});
    block.questions.push_back(QuestionId(q));
  }
  for (int a = 1; a <= kArms; ++a) {
    record.arms.push_back({ArmId(a), *Arm::Create({{a / 28, a % 28, HeadOp::kZero}})});
    record.counters.push_back({ArmId(a), kQuestions});
    block.arms.push_back(ArmId(a));
  }
  record.blocks.push_back(block);
  CoreOptions options;
  options.epoch = 1;
  Core core(options);
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  core.Apply(ExperimentAdded{record}, now);
  const int64_t before = core.StateBytes();
  EXPECT_LT(before, int64_t{kQuestions} * kArms);  // less than a byte a cell, rows and prompts included
  core.Apply(WorkerConnected{WorkerId(1), NumericsId(), {}}, now);
  const Effects granted = core.Apply(CreditOffered{WorkerId(1), {64, LeaseId()}}, now);
  EXPECT_EQ(granted.messages.size(), 2u);
  EXPECT_LT(core.StateBytes() - before, 64 * 1024);
  EXPECT_EQ(core.Experiment(ExperimentId(1))->leased, 64);
}

}  // namespace
}  // namespace sprint::testing
