// Cells that fail, and cells that kill.
#include "tests/coordinator/core/core_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CoreSuspect : public CoreTest {
 protected:
  // A new worker that has been granted what there is for it, and has started it all.
  Cells NewWorker(int64_t worker, int32_t credit) {
    Connect(worker);
    Offer(worker, credit);
    const Cells cells = TakeGrants(worker);
    Beat(worker, cells);
    return cells;
  }
};

TEST_F(CoreSuspect, AFailureIsCountedDurablyAnsweredAndTriedElsewhere) {
  Add(Sweep(1, 1, 2));
  Connect(1);
  Connect(2);
  Offer(2, 0);
  Offer(1, 2);
  TakeGrants(1);
  Connect(2);
  Offer(2, 2);
  Fail(1, C(1, 2), "NaN logits");
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(1, 2)));
  EXPECT_THAT(TakeGrants(2), ElementsAre(C(1, 2)));
  ASSERT_THAT(records_.failures, SizeIs(1));
  EXPECT_EQ(records_.failures[0].attempts, 1);
  EXPECT_EQ(records_.failures[0].error, "NaN logits");
  EXPECT_FALSE(records_.failures[0].quarantined);
}

TEST_F(CoreSuspect, TheOnlyWorkerRetriesWhatFailedOnIt) {
  Add(Sweep(1, 1, 1));
  Connect(1);
  Offer(1, 4);
  TakeGrants(1);
  Fail(1, C(1, 1));
  TakeRevoke(1);
  EXPECT_THAT(TakeGrants(1), ElementsAre(C(1, 1)));
}

TEST_F(CoreSuspect, ThreeFailuresQuarantineACellAndTheRestGoesOn) {
  Add(Sweep(1, 1, 2));
  Connect(1);
  Offer(1, 1);
  TakeGrants(1);
  for (int i = 0; i < 3; ++i) {
    Fail(1, C(1, 1));
    TakeRevoke(1);
    Offer(1, 1);
    TakeGrants(1);
  }
  EXPECT_EQ(Status(1).quarantined, 1);
  EXPECT_EQ(Status(1).state, ExperimentState::kRunning);
  EXPECT_TRUE(records_.failures.back().quarantined);
  Finish(1, {C(1, 2)});
  TakeAck(1);
  EXPECT_EQ(Status(1).state, ExperimentState::kFinished);
}

TEST_F(CoreSuspect, FailuresOfEarlierEpochsCount) {
  ExperimentRecord record = Sweep(1, 1, 1);
  record.failures.push_back({C(1, 1), 2, false, "before", WorkerId(9)});
  Add(record);
  Connect(1);
  Offer(1, 4);
  TakeGrants(1);
  Fail(1, C(1, 1));
  TakeRevoke(1);
  EXPECT_EQ(Status(1).quarantined, 1);
}

TEST_F(CoreSuspect, AFailureThatIsSaidAgainCountsOnce) {
  Add(Sweep(1, 1, 1));
  Connect(1);
  Offer(1, 1);
  TakeGrants(1);
  const LeaseId lease = LeaseOf(1, C(1, 1));
  Fail(1, C(1, 1));
  TakeRevoke(1);
  Connect(1, {Held(1, lease)});  // the answer was lost with the stream
  Fail(1, C(1, 1));
  TakeRevoke(1);
  EXPECT_THAT(records_.failures, SizeIs(1));
}

TEST_F(CoreSuspect, ADeathCountsAgainstWhatHadStarted) {
  Add(Sweep(1, 1, 4));
  Connect(1);
  Offer(1, 4);
  TakeGrants(1);
  Beat(1, {C(1, 1), C(1, 2)});
  Apply(WorkerDied{WorkerId(1)});
  ASSERT_THAT(records_.failures, SizeIs(2));
  EXPECT_EQ(records_.failures[0].cell, C(1, 1));
  EXPECT_EQ(records_.failures[1].cell, C(1, 2));
}

TEST_F(CoreSuspect, ADeathWhileTheModelIsLoadedCountsAgainstNobody) {
  Add(Sweep(1, 1, 3));
  Connect(1);
  Offer(1, 3);
  TakeGrants(1);
  Apply(WorkerDied{WorkerId(1)});
  EXPECT_THAT(records_.failures, IsEmpty());
}

TEST_F(CoreSuspect, ADeathBeforeAnythingIsKnownToHaveStartedCountsAgainstAll) {
  Add(Sweep(1, 1, 3));
  Connect(1);
  Offer(1, 3);
  TakeGrants(1);
  Apply(RunReadyReported{WorkerId(1), RunId(1), NumericsId(7)});
  Apply(WorkerDied{WorkerId(1)});
  EXPECT_THAT(records_.failures, SizeIs(3));
}

TEST_F(CoreSuspect, AWorkerThatOnlySeemedLostTakesTheBlameBack) {
  Add(Sweep(1, 1, 2));
  NewWorker(1, 2);
  Apply(WorkerDisconnected{WorkerId(1)});
  Pass(absl::Seconds(30));
  EXPECT_THAT(records_.failures, SizeIs(2));
  Connect(1, HeldAll(1));
  EXPECT_THAT(records_.failures, IsEmpty());
  EXPECT_THAT(records_.failures_cleared, SizeIs(2));
  EXPECT_EQ(Status(1).leased, 2);
}

TEST_F(CoreSuspect, AWorkerThatSeemedLostToAnEarlierEpochTakesTheBlameBackToo) {
  Add(Sweep(1, 1, 2));
  NewWorker(1, 2);
  Apply(WorkerDisconnected{WorkerId(1)});
  Pass(absl::Seconds(30));
  const std::vector<HeldGrant> held = HeldAll(1);
  Restart(2);
  ExperimentRecord record = Sweep(1, 1, 2);
  record.failures = records_.failures;
  ASSERT_THAT(record.failures, SizeIs(2));
  Add(record);
  Connect(1, held);
  EXPECT_THAT(records_.failures_cleared, SizeIs(2));
  EXPECT_EQ(Status(1).leased, 2);
}

TEST_F(CoreSuspect, SuspectsOfOneFailureRunFewAtATime) {
  options_.max_suspects = 3;
  Restart(1);
  Add(Sweep(1, 2, 5));
  ASSERT_THAT(NewWorker(1, 10), SizeIs(10));
  Apply(WorkerDied{WorkerId(1)});
  EXPECT_THAT(NewWorker(2, 10), SizeIs(3));
}

TEST_F(CoreSuspect, AtItsLastTryACellRunsAlone) {
  ExperimentRecord record = Sweep(1, 2, 5);
  record.failures.push_back({C(1, 1), 2, false, "before", WorkerId(9)});
  record.failures.push_back({C(1, 2), 2, false, "before", WorkerId(9)});
  Add(record);
  EXPECT_THAT(NewWorker(1, 10), ElementsAre(C(1, 1)));
  EXPECT_THAT(NewWorker(2, 10), ElementsAre(C(1, 2)));
  const Cells rest = NewWorker(3, 10);
  EXPECT_THAT(rest, SizeIs(8));
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), SizeIs(1));
  EXPECT_THAT(records_.failures_cleared, ElementsAre(C(1, 1)));
}

TEST_F(CoreSuspect, ACellAtItsLastTryStaysAloneThoughFinishedNeighboursAreYetToBeSaidAgain) {
  Add(Sweep(1, 2, 5));
  ASSERT_THAT(NewWorker(1, 2), ElementsAre(C(1, 1), C(1, 2)));
  HeldGrant held = HeldAll(1)[0];
  held.missing = {C(1, 1)};  // the other is finished; its outcome was lost with the stream
  Restart(2);
  ExperimentRecord record = Sweep(1, 2, 5);
  record.failures.push_back({C(1, 1), 2, false, "before", WorkerId(9)});
  Add(record);
  Connect(1, {held});
  Offer(1, 10);
  EXPECT_THAT(TakeGrants(1), IsEmpty());
  Finish(1, {C(1, 2)});
  EXPECT_THAT(TakeAck(1), SizeIs(1));
  EXPECT_THAT(TakeGrants(1), IsEmpty());
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), SizeIs(1));
  EXPECT_THAT(TakeGrants(1), SizeIs(8));
}

TEST_F(CoreSuspect, AWorkerThatDiesBeforeItBeganACellAtItsLastTryDoesNotQuarantineIt) {
  ExperimentRecord record = Sweep(1, 1, 1);
  record.failures.push_back({C(1, 1), 2, false, "before", WorkerId(9)});
  Add(record);
  const auto die = [this](int64_t worker, bool began) {
    Connect(worker);
    Apply(RunReadyReported{WorkerId(worker), RunId(1), NumericsId(7)});
    Offer(worker, 4);
    EXPECT_THAT(TakeGrants(worker), ElementsAre(C(1, 1)));
    if (began) Beat(worker, {C(1, 1)});
    Apply(WorkerDied{WorkerId(worker)});
  };
  // The grant may not have reached them.
  for (int64_t worker = 1; worker <= 3; ++worker) {
    die(worker, false);
    EXPECT_EQ(Status(1).quarantined, 0);
    EXPECT_THAT(records_.failures, IsEmpty());
  }
  die(4, true);
  EXPECT_EQ(Status(1).quarantined, 1);
}

TEST_F(CoreSuspect, ACellThatKillsBeforeAWordCanLeaveIsQuarantinedInTheEnd) {
  Add(Sweep(1, 1, 1));
  int64_t deaths = 0;
  while (Status(1).quarantined == 0 && deaths < 20) {
    const int64_t worker = ++deaths;
    Connect(worker);
    Apply(RunReadyReported{WorkerId(worker), RunId(1), NumericsId(7)});
    Offer(worker, 4);
    TakeGrants(worker);
    Apply(WorkerDied{WorkerId(worker)});
  }
  EXPECT_EQ(deaths, 6);
}

// One cell kills every worker that starts it, in a batch of nine others.
TEST_F(CoreSuspect, OneCellThatKillsIsQuarantinedAndItsNeighboursAreNot) {
  const CellKey poison = C(1, 3);
  Add(Sweep(1, 2, 5));
  int deaths = 0;
  for (int64_t worker = 1; worker < 40 && Status(1).state == ExperimentState::kRunning; ++worker) {
    Cells cells = NewWorker(worker, 10);
    while (!cells.empty()) {
      if (std::find(cells.begin(), cells.end(), poison) != cells.end()) {
        Apply(WorkerDied{WorkerId(worker)});
        ++deaths;
        break;
      }
      Finish(worker, cells);
      TakeAck(worker);
      Offer(worker, 10);
      cells = TakeGrants(worker);
      if (!cells.empty()) Beat(worker, cells);
    }
  }
  EXPECT_EQ(deaths, 3);
  EXPECT_EQ(Status(1).state, ExperimentState::kFinished);
  EXPECT_EQ(Status(1).done, 9);
  EXPECT_EQ(Status(1).quarantined, 1);
}

TEST_F(CoreSuspect, ALateOutcomeOfAQuarantinedCellIsTaken) {
  Add(Sweep(1, 1, 1));
  Connect(1);
  Offer(1, 1);
  TakeGrants(1);
  for (int64_t i = 0; i < 3; ++i) {
    Fail(1, C(1, 1));
    TakeRevoke(1);
    Offer(1, 1);
    TakeGrants(1);
  }
  ASSERT_EQ(Status(1).quarantined, 1);
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 1)));
  EXPECT_EQ(Status(1).quarantined, 0);
  EXPECT_EQ(Status(1).done, 1);
}

}  // namespace
}  // namespace sprint::testing
