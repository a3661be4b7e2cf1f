// How leases live and end, over lost streams and restarts.
#include "tests/coordinator/core/core_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class CoreLease : public CoreTest {
 protected:
  // Worker 1 holds all four arms of the one question; worker 2 is hungry.
  void Begin() {
    Add(Sweep(1, 1, 4));
    Connect(1);
    Offer(1, 4);
    ASSERT_THAT(TakeGrants(1), SizeIs(4));
    Connect(2);
    Offer(2, 8);
  }
};

TEST_F(CoreLease, ReissuesOnlyMissingOutcomesAfterLeaseExpiry) {
  Begin();
  Finish(1, {C(1, 1), C(1, 3)});
  EXPECT_THAT(TakeAck(1), SizeIs(2));
  Apply(WorkerDisconnected{WorkerId(1)});
  Pass(absl::Seconds(20));
  Beat(2);
  EXPECT_TRUE(Silence(2));
  Pass(absl::Seconds(10));
  EXPECT_THAT(TakeGrants(2), UnorderedElementsAre(C(1, 2), C(1, 4)));
}

TEST_F(CoreLease, HeartbeatsRenewALeaseForAsLongAsAnAnswerTakes) {
  Begin();
  for (int i = 0; i < 100; ++i) {
    Pass(absl::Seconds(20));
    Beat(1);
    Beat(2);
  }
  EXPECT_TRUE(Silence(2));
  EXPECT_EQ(wakeup_, now_ + absl::Seconds(30));
}

TEST_F(CoreLease, OutcomesRenewTheirLease) {
  Begin();
  Pass(absl::Seconds(20));
  Finish(1, {C(1, 1)});
  TakeAck(1);
  Beat(2);
  Pass(absl::Seconds(20));
  Beat(2);
  EXPECT_TRUE(Silence(2));
}

TEST_F(CoreLease, AReconnectedWorkerKeepsWhatItHolds) {
  Begin();
  Apply(WorkerDisconnected{WorkerId(1)});
  Pass(absl::Seconds(5));
  Connect(1, HeldAll(1));
  EXPECT_EQ(Status(1).leased, 4);
  Pass(absl::Seconds(29));
  Beat(1);
  Beat(2);
  EXPECT_TRUE(Silence(2));
}

TEST_F(CoreLease, AGrantThatNeverArrivedIsGivenBackAtTheNextHello) {
  Begin();
  Connect(1);  // and names nothing
  EXPECT_THAT(TakeGrants(2), SizeIs(4));
}

TEST_F(CoreLease, AFinishedCellWaitsForItsReplayAndComesBackWithoutIt) {
  Begin();
  const LeaseId lease = LeaseOf(1, C(1, 1));
  Connect(1, {Held(1, lease, {C(1, 2)})});  // 1, 3 and 4 were said on the lost stream
  EXPECT_TRUE(Silence(2));
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 1)));
  Pass(absl::Seconds(20));
  Beat(1);
  Beat(2);
  Pass(absl::Seconds(10));
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(1, 3), C(1, 4)));
  EXPECT_THAT(TakeGrants(2), ElementsAre(C(1, 3), C(1, 4)));
}

TEST_F(CoreLease, ARestartedCoordinatorAdoptsWhatWorkersHold) {
  Begin();
  const std::vector<HeldGrant> held = HeldAll(1);
  Restart(2);
  ExperimentRecord record = Sweep(1, 1, 4);
  record.done = {C(1, 1)};
  record.counters[0].done = 1;
  Add(record);
  Connect(1, held);
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(1, 1)));  // durable already
  EXPECT_EQ(Status(1).leased, 3);
  Connect(2);
  Offer(2, 8);
  EXPECT_TRUE(Silence(2));
  Finish(1, {C(1, 2)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 2)));
}

TEST_F(CoreLease, WhatWasGivenToAnotherMeanwhileIsRevokedFromTheLatecomer) {
  Begin();
  Apply(WorkerDisconnected{WorkerId(1)});
  Pass(absl::Seconds(25));
  Beat(2);
  Pass(absl::Seconds(5));
  ASSERT_THAT(TakeGrants(2), SizeIs(4));
  Connect(1, HeldAll(1));
  EXPECT_THAT(TakeRevoke(1), SizeIs(4));
}

TEST_F(CoreLease, AForgedHoldingIsRevoked) {
  Begin();
  std::vector<HeldGrant> forged = HeldAll(1);
  Apply(WorkerLeft{WorkerId(1)});
  ASSERT_THAT(TakeGrants(2), SizeIs(4));
  Connect(3, forged);  // worker 1's
  EXPECT_THAT(TakeRevoke(3), SizeIs(4));
  forged[0].token = "nonsense";
  Connect(1, forged);
  EXPECT_THAT(TakeRevoke(1), SizeIs(4));
}

TEST_F(CoreLease, ALeaseThatALiveWorkerDoesNotNameIsStoppedThere) {
  Begin();
  Pass(absl::Seconds(20));
  Apply(HeartbeatReceived{WorkerId(1), {}});
  Apply(HeartbeatReceived{WorkerId(2), {}});
  Pass(absl::Seconds(10));
  EXPECT_THAT(TakeRevoke(1), SizeIs(4));
  EXPECT_THAT(TakeGrants(2), SizeIs(4));
  EXPECT_THAT(records_.failures, IsEmpty());
}

TEST_F(CoreLease, ASilentWorkerGetsNothingUntilItIsHeardAgain) {
  Add(Sweep(1, 1, 2));
  Connect(1);
  Offer(1, 1);
  TakeGrants(1);
  Pass(absl::Seconds(30));
  TakeRevoke(1);
  EXPECT_TRUE(Silence(1));
  EXPECT_FALSE(core_->Workers()[0].connected);
  Offer(1, 2);
  EXPECT_THAT(TakeGrants(1), SizeIs(2));
}

TEST_F(CoreLease, AGoodbyeGivesTheRestBackAtOnceAndBlamesNobody) {
  Begin();
  Beat(1, {C(1, 1)});
  Apply(WorkerLeft{WorkerId(1)});
  EXPECT_THAT(TakeGrants(2), SizeIs(4));
  EXPECT_THAT(records_.failures, IsEmpty());
}

}  // namespace
}  // namespace sprint::testing
