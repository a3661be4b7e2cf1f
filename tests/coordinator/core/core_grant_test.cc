// Which worker gets which cells.
#include "tests/coordinator/core/core_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using CoreGrant = CoreTest;

TEST_F(CoreGrant, AWorkerGetsAQuestionBaselineFirstWithTheRunDescribedBefore) {
  Add(Sweep(1, 2, 3));
  Connect(1);
  Offer(1, 2);
  EXPECT_EQ(Take<RunDescription>(1).model_name, "model 1");
  const Grant grant = Take<Grant>(1);
  EXPECT_THAT(grant.Cells(), ElementsAre(C(1, 1), C(1, 2)));
  EXPECT_EQ(grant.arms[0].name, "baseline");
  EXPECT_EQ(grant.arms[1].name, "L0H0");
  EXPECT_THAT(grant.prompt, ElementsAre(1, 2));
  EXPECT_EQ(Status(1).leased, 2);
}

TEST_F(CoreGrant, NothingIsGrantedBeyondTheCredit) {
  Add(Sweep(1, 2, 3));
  Connect(1);
  EXPECT_TRUE(Silence(1));
  Offer(1, 0);
  EXPECT_TRUE(Silence(1));
  Offer(1, 4);
  EXPECT_THAT(TakeGrants(1), SizeIs(4));
}

TEST_F(CoreGrant, CreditCountsWhatIsOnItsWayToTheWorker) {
  Add(Sweep(1, 1, 10));
  Connect(1);
  Offer(1, 4);
  // The worker said this before it saw the grant: a level of 4 then, none now.
  Apply(CreditOffered{WorkerId(1), {4, LeaseId()}});
  EXPECT_THAT(TakeGrants(1), SizeIs(4));
  EXPECT_TRUE(Silence(1));
  Offer(1, 1);  // and this after
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 5)));
}

TEST_F(CoreGrant, QuestionsAreSpreadAndArmsFollowTheirQuestion) {
  Add(Sweep(1, 3, 4));
  Connect(1);
  Connect(2);
  Offer(1, 2);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1), C(1, 2)));
  Offer(2, 2);
  EXPECT_THAT(TakeGrants(2), ElementsAre(C(2, 1), C(2, 2)));
  Offer(1, 2);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 3), C(1, 4)));
  Offer(1, 1);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(3, 1)));
}

TEST_F(CoreGrant, WithoutUntouchedQuestionsTheOneWithMostLeftIsShared) {
  Add(Sweep(1, 2, 4));
  Connect(1);
  Connect(2);
  Connect(3);
  Offer(1, 3);
  TakeGrants(1);
  Offer(2, 1);
  TakeGrants(2);
  Offer(3, 1);
  EXPECT_THAT(TakeGrants(3), ElementsAre(C(2, 2)));
}

TEST_F(CoreGrant, LateWorkIsSharedAmongAllThatAreHungry) {
  Connect(1);
  Connect(2);
  Offer(1, 64);
  Offer(2, 64);
  Add(Sweep(1, 4, 2));
  EXPECT_THAT(TakeGrants(1), SizeIs(4));
  EXPECT_THAT(TakeGrants(2), SizeIs(4));
}

TEST_F(CoreGrant, AHigherPriorityGoesFirstAndAmongEqualsTheLoadedRun) {
  Add(Sweep(1, 1, 2, /*run=*/1));
  Add(Sweep(2, 1, 2, /*run=*/2));
  Connect(1, {}, /*loaded=*/2);
  Offer(1, 1);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1, 2)));
  Finish(1, {C(1, 1, 2)});
  TakeAck(1);
  ExperimentRecord urgent = Sweep(3, 1, 1, /*run=*/3);
  urgent.priority = 5;
  Add(urgent);
  Offer(1, 1);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1, 3)));
}

TEST_F(CoreGrant, AnotherRunWaitsUntilTheWorkerHoldsNothingOfThisOne) {
  Add(Sweep(1, 1, 1, /*run=*/1));
  Add(Sweep(2, 1, 1, /*run=*/2));
  Connect(1);
  Offer(1, 8);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1, 1)));
  Finish(1, {C(1, 1, 1)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 1, 1)));
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1, 2)));
}

TEST_F(CoreGrant, ALargeQuestionIsGrantedInPieces) {
  options_.max_cells_per_grant = 3;
  Restart(1);
  Add(Sweep(1, 1, 8));
  Connect(1);
  Offer(1, 8);
  Take<RunDescription>(1);
  EXPECT_THAT(Take<Grant>(1).Cells(), SizeIs(3));
  EXPECT_THAT(Take<Grant>(1).Cells(), SizeIs(3));
  EXPECT_THAT(Take<Grant>(1).Cells(), SizeIs(2));
}

TEST_F(CoreGrant, SamplesOfAnArmTravelTogether) {
  Add(Sweep(1, 1, 2, 1, /*samples=*/3));
  Connect(1);
  Offer(1, 4);
  Take<RunDescription>(1);
  const Grant grant = Take<Grant>(1);
  ASSERT_THAT(grant.arms, SizeIs(2));
  EXPECT_THAT(grant.arms[0].samples, ElementsAre(0, 1, 2));
  EXPECT_THAT(grant.arms[1].samples, ElementsAre(0));
}

TEST_F(CoreGrant, AWorkerThatRefusedARunIsNotGivenItAgain) {
  Add(Sweep(1, 2, 1, /*run=*/1));
  Connect(1);
  Offer(1, 2);
  TakeGrants(1);
  Apply(RunRefusedReported{WorkerId(1), {RunId(1), Reason::kModelDamaged, "a shard is missing"}});
  EXPECT_EQ(Status(1).leased, 0);
  EXPECT_THAT(Status(1).notes, ElementsAre("worker w1 refused run 1: a shard is missing"));
  Offer(1, 2);
  Connect(1);
  Offer(1, 2);
  EXPECT_TRUE(Silence(1));
  Connect(2);
  Offer(2, 2);
  EXPECT_THAT(TakeGrants(2), SizeIs(2));
}

TEST_F(CoreGrant, ADrainedCoordinatorGrantsNothing) {
  Add(Sweep(1, 2, 2));
  Connect(1);
  Offer(1, 1);
  TakeGrants(1);
  Apply(DrainAll{});
  Take<Drain>(1);
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), SizeIs(1));
  Offer(1, 4);
  Apply(WorkerLeft{WorkerId(1)});
  Apply(WorkerConnected{WorkerId(2), NumericsId(), Hello()});
  Take<Welcome>(2);
  Take<Drain>(2);
  Offer(2, 4);
}

TEST_F(CoreGrant, AnotherNumericsClassGetsNothingUnlessMixed) {
  Add(Sweep(1, 1, 4));
  Connect(1);
  Connect(2);
  Offer(1, 1);
  TakeGrants(1);
  Offer(2, 1);
  EXPECT_THAT(TakeGrants(2), ElementsAre(C(1, 2)));
  Apply(RunReadyReported{WorkerId(1), RunId(1), NumericsId(7)});
  Apply(RunReadyReported{WorkerId(2), RunId(1), NumericsId(8)});
  EXPECT_THAT(TakeRevoke(2), ElementsAre(C(1, 2)));
  Offer(2, 1);
  EXPECT_TRUE(Silence(2));
  EXPECT_EQ(Status(1).waiting_numerics, 1);

  ExperimentRecord mixed = Sweep(1, 1, 4);
  mixed.mixed_numerics = true;
  Add(mixed);
  EXPECT_THAT(TakeGrants(2), ElementsAre(C(1, 2)));
}

TEST_F(CoreGrant, TheClassOfDurableOutcomesHoldsAfterARestart) {
  ExperimentRecord record = Sweep(1, 1, 2);
  record.numerics = NumericsId(7);
  Add(record);
  Connect(1, {}, /*loaded=*/1, /*numerics=*/8);
  Offer(1, 2);
  EXPECT_TRUE(Silence(1));
  Connect(2, {}, /*loaded=*/1, /*numerics=*/7);
  Offer(2, 2);
  EXPECT_THAT(TakeGrants(2), SizeIs(2));
}

TEST_F(CoreGrant, AReadyWorkersClassIsForgottenWhenItLeavesWithoutAnOutcome) {
  Add(Sweep(1, 1, 2));
  Connect(1);
  Offer(1, 2);
  TakeGrants(1);
  Apply(RunReadyReported{WorkerId(1), RunId(1), NumericsId(7)});
  Apply(WorkerLeft{WorkerId(1)});
  Connect(2, {}, /*loaded=*/1, /*numerics=*/8);
  Offer(2, 2);
  EXPECT_THAT(TakeGrants(2), SizeIs(2));
}

TEST_F(CoreGrant, TheBaselineIsAskedForTheHiddenStatesThatAnyExperimentOfItWants) {
  ExperimentRecord sweep = Sweep(1, 1, 3);
  sweep.hidden_layers = {1, 5};
  ExperimentRecord other = Sweep(2, 2, 1);
  other.hidden_layers = {0, 5};
  Add(sweep);
  Add(other);
  Connect(1);
  Offer(1, 3);
  Take<RunDescription>(1);
  EXPECT_THAT(Take<Grant>(1).hidden_layers, ElementsAre(0, 1, 5));
  // Of the second question only the other experiment asks.
  Offer(1, 4);  // said before it saw the grant of three
  EXPECT_THAT(Take<Grant>(1).hidden_layers, ElementsAre(0, 5));
}

TEST_F(CoreGrant, NoHiddenStatesAreAskedForWhereTheBaselineIsNotGranted) {
  ExperimentRecord sweep = Sweep(1, 1, 3);
  sweep.hidden_layers = {1};
  Add(sweep);
  Connect(1);
  Offer(1, 1);
  Take<RunDescription>(1);
  EXPECT_THAT(Take<Grant>(1).hidden_layers, ElementsAre(1));
  Offer(1, 2);
  EXPECT_THAT(Take<Grant>(1).hidden_layers, IsEmpty());
}

}  // namespace
}  // namespace sprint::testing
