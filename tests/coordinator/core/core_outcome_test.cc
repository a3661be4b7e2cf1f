// What becomes of outcomes: durable, late, repeated, unproven, judged.
#include "tests/coordinator/core/core_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CoreOutcome : public CoreTest {
 protected:
  void Begin() {
    Add(Sweep(1, 1, 2));
    Connect(1);
    Offer(1, 2);
    ASSERT_THAT(TakeGrants(1), SizeIs(2));
  }
  // Worker 1 is lost, and worker 2 has its cells.
  void Lose() {
    Apply(WorkerDisconnected{WorkerId(1)});
    Connect(2);
    Pass(absl::Seconds(30));
    Offer(2, 2);
    ASSERT_THAT(TakeGrants(2), SizeIs(2));
  }
};

TEST_F(CoreOutcome, AnOutcomeIsStoredAndThenAcknowledged) {
  Begin();
  Finish(1, {C(1, 2)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 2)));
  ASSERT_THAT(records_.outcomes, SizeIs(1));
  const OutcomeRecord& stored = records_.outcomes[0];
  EXPECT_EQ(stored.cell, C(1, 2));
  EXPECT_EQ(stored.worker, WorkerId(1));
  EXPECT_EQ(stored.numerics, NumericsId(7));
  EXPECT_THAT(stored.experiments, ElementsAre(ExperimentId(1)));
  EXPECT_EQ(Status(1).done, 1);
  EXPECT_EQ(Status(1).tokens, 3);
  EXPECT_EQ(Status(1).arms[1].done, 1);
}

TEST_F(CoreOutcome, ARepeatedOutcomeIsAcknowledgedAndComparedNotStored) {
  Begin();
  Finish(1, {C(1, 1)});
  TakeAck(1);
  TakeDurable();
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 1)));
  EXPECT_THAT(TakeDurable(), IsEmpty());
  EXPECT_THAT(comparisons_, SizeIs(1));
}

TEST_F(CoreOutcome, ALateOutcomeOfAnExpiredLeaseWinsWhenItIsFirst) {
  Begin();
  Lose();
  Finish(1, {C(1, 1)});  // from the judges' queue: its stream is gone
  EXPECT_THAT(TakeDurable(), ElementsAre(C(1, 1)));
  EXPECT_THAT(TakeRevoke(2), ElementsAre(C(1, 1)));
  Finish(2, {C(1, 1)});  // on its way when the revocation was
  EXPECT_THAT(TakeAck(2), ElementsAre(C(1, 1)));
  EXPECT_THAT(TakeDurable(), IsEmpty());
  ASSERT_THAT(comparisons_, SizeIs(1));
  EXPECT_EQ(comparisons_[0].worker, WorkerId(2));
}

TEST_F(CoreOutcome, ALateOutcomeOfAnEarlierEpochIsProvenByItsToken) {
  Begin();
  Restart(2);
  Add(Sweep(1, 1, 2));
  Connect(1);  // the worker forgot to name what it held
  Finish(1, {C(1, 1)});
  EXPECT_THAT(TakeAck(1), ElementsAre(C(1, 1)));
  EXPECT_THAT(TakeDurable(), ElementsAre(C(1, 1)));
}

TEST_F(CoreOutcome, AnOutcomeThatNobodyGrantedIsForgottenNotStored) {
  Begin();
  Connect(3);
  OutcomesArrived event;
  event.worker = WorkerId(3);
  event.outcomes.push_back(Answer(C(1, 1), LeaseOf(1, C(1, 1))));
  event.grants.push_back(Held(1, LeaseOf(1, C(1, 1))));
  Apply(event);
  EXPECT_THAT(TakeRevoke(3), ElementsAre(C(1, 1)));
  EXPECT_THAT(TakeDurable(), IsEmpty());
  EXPECT_EQ(Status(1).leased, 2);
}

TEST_F(CoreOutcome, AnOutcomeOfACellThatNoExperimentNamesIsForgotten) {
  Begin();
  Finish(1, {C(9, 9)});
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(9, 9)));
  EXPECT_THAT(TakeDurable(), IsEmpty());
}

TEST_F(CoreOutcome, AnOutcomeOfAnotherNumericsClassIsNotTaken) {
  Begin();
  Finish(1, {C(1, 1)}, /*numerics=*/7);
  TakeAck(1);
  TakeDurable();
  Finish(1, {C(1, 2)}, /*numerics=*/8);
  EXPECT_THAT(TakeRevoke(1), ElementsAre(C(1, 2)));
  EXPECT_THAT(TakeDurable(), IsEmpty());
  EXPECT_EQ(Status(1).leased, 0);
}

TEST_F(CoreOutcome, AnExperimentFinishesWithItsLastOutcome) {
  Begin();
  Finish(1, {C(1, 1)});
  TakeAck(1);
  EXPECT_THAT(records_.states, IsEmpty());
  EXPECT_FALSE(core_->Idle());
  Finish(1, {C(1, 2)});
  TakeAck(1);
  ASSERT_THAT(records_.states, SizeIs(1));
  EXPECT_EQ(records_.states[0].state, ExperimentState::kFinished);
  EXPECT_EQ(Status(1).state, ExperimentState::kFinished);
  EXPECT_TRUE(core_->Idle());
}

TEST_F(CoreOutcome, VerdictsMoveTheCounters) {
  Begin();
  OutcomesArrived event;
  event.worker = WorkerId(1);
  event.outcomes.push_back(Answer(C(1, 1), LeaseOf(1, C(1, 1))));
  event.outcomes[0].verdicts.push_back({C(1, 1), GoldId(1), 1, true, "4", "boxed", ""});
  event.outcomes.push_back(Answer(C(1, 2), LeaseOf(1, C(1, 2))));
  event.outcomes[1].outcome.finish = FinishReason::kLength;
  Apply(event);
  TakeAck(1);
  EXPECT_EQ(Status(1).correct, 1);
  EXPECT_EQ(Status(1).arms[0].judged, 1);
  EXPECT_EQ(Status(1).arms[1].judged, 0);
  EXPECT_EQ(Status(1).arms[1].truncated, 1);
  Apply(VerdictsReady{{{C(1, 2), GoldId(1), 1, true, "4", "boxed", ""}}});
  EXPECT_EQ(Status(1).correct, 2);
  EXPECT_THAT(records_.verdicts, SizeIs(1));
}

TEST_F(CoreOutcome, ADifferingLateOutcomeIsKeptAsAnAlarm) {
  Begin();
  AlarmRecord alarm;
  alarm.cell = C(1, 1);
  Apply(LateOutcomeDiffers{alarm});
  EXPECT_THAT(records_.alarms, SizeIs(1));
  EXPECT_EQ(Status(1).alarms, 1);
  EXPECT_THAT(Status(1).notes, ElementsAre(::testing::HasSubstr("determinism alarm")));
}

TEST_F(CoreOutcome, EffectsThatCameLaterHoldWhenBatchesAreJoined) {
  Effects first;
  first.records.failures.push_back({C(1, 1), 1, false, "e", WorkerId(1)});
  first.records.failures.push_back({C(1, 2), 1, false, "e", WorkerId(1)});
  Effects second;
  second.records.failures_cleared.push_back(C(1, 1));
  second.wakeup = now_;
  first.Append(std::move(second));
  ASSERT_THAT(first.records.failures, SizeIs(1));
  EXPECT_EQ(first.records.failures[0].cell, C(1, 2));
  EXPECT_THAT(first.records.failures_cleared, ElementsAre(C(1, 1)));
  EXPECT_EQ(first.wakeup, now_);
}

TEST_F(CoreOutcome, HiddenStatesAreStoredWithTheirOutcome) {
  Begin();
  const std::vector<HiddenState> hidden = {{0, {1, 2}}, {3, {3, 4}}};
  FinishWith(1, C(1, 1), hidden);
  TakeAck(1);
  ASSERT_THAT(records_.outcomes, SizeIs(1));
  EXPECT_EQ(records_.outcomes[0].hidden, hidden);
}

TEST_F(CoreOutcome, AnEmbedOutcomeWithoutItsHiddenStateIsAFailure) {
  ExperimentRecord embed = Sweep(1, 1, 1);
  embed.runs[0].run.engine_mode = "embed";
  embed.blocks[0].first_sample = 3;  // the layer
  Add(embed);
  Connect(1);
  Offer(1, 1);
  const CellKey cell = C(1, 1, 1, 3);
  ASSERT_THAT(TakeGrants(1), ElementsAre(cell));
  FinishWith(1, cell, {{2, {1, 2}}});  // another layer's
  EXPECT_THAT(TakeRevoke(1), ElementsAre(cell));
  EXPECT_THAT(TakeDurable(), IsEmpty());
  ASSERT_THAT(records_.failures, SizeIs(1));
  EXPECT_EQ(records_.failures[0].attempts, 1);
  Offer(1, 1);
  ASSERT_THAT(TakeGrants(1), ElementsAre(cell));
  FinishWith(1, cell, {{3, {1, 2}}});
  EXPECT_THAT(TakeAck(1), ElementsAre(cell));
  EXPECT_THAT(TakeDurable(), ElementsAre(cell));
}

}  // namespace
}  // namespace sprint::testing
