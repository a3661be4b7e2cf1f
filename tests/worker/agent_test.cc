#include "tests/worker/agent_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(AgentTest, SaysHelloFirstAndOffersCreditWhenWelcomed) {
  Apply(AgentStarted{});
  EXPECT_EQ(connects_, 1);
  Apply(StreamOpened{});
  const Hello hello = Said<Hello>();
  EXPECT_EQ(hello.instance, "a1");
  EXPECT_EQ(hello.protocol, kProtocolVersion);
  EXPECT_FALSE(hello.loaded_run.valid());
  Welcomed();
  Said<Heartbeat>();
  EXPECT_EQ(credit_.cells, 6);
  EXPECT_EQ(wakeup_, now_ + absl::Seconds(5));
}

TEST_F(AgentTest, LoadsTheRunThenStartsWhatTheEngineTakes) {
  Greet();
  Describe(1);
  Granted(17, {C(1, 1), C(1, 2), C(1, 3)});
  Asked<LoadRun>();
  Apply(EngineReady{RunId(1), "class", 2});
  Said<RunReady>();
  const StartCell first = Asked<StartCell>();
  EXPECT_EQ(first.cell, C(1, 1));
  EXPECT_EQ(first.arm, "arm 1");
  EXPECT_THAT(first.prompt, ElementsAre(1, 2, 3));
  EXPECT_THAT(Starts(), ElementsAre(C(1, 2)));
  Said<Heartbeat>();
  EXPECT_EQ(credit_.cells, 0);  // two places, one cell waits: the look-ahead is full
  Apply(EngineStarted{{C(1, 1), C(1, 2)}, 0});
  Finish({C(1, 1)}, 1);
  const Outcomes outcomes = Said<Outcomes>();
  ASSERT_THAT(outcomes.outcomes, SizeIs(1));
  EXPECT_EQ(outcomes.outcomes[0].lease, LeaseId(17));
  ASSERT_THAT(outcomes.grants, SizeIs(1));
  EXPECT_EQ(outcomes.grants[0].token, "token 17");
  EXPECT_THAT(outcomes.grants[0].cells, SizeIs(3));
  EXPECT_THAT(Starts(), ElementsAre(C(1, 3)));
  Said<Heartbeat>();
  const Credit credit = credit_;
  EXPECT_EQ(credit.cells, 1);
  EXPECT_EQ(credit.last_lease, LeaseId(17));
}

TEST_F(AgentTest, ReplaysEveryOutcomeThatIsNotAcknowledgedAfterEachHello) {
  Ready();
  Finish({C(1, 1), C(1, 2)}, 4);
  EXPECT_THAT(Said<Outcomes>().outcomes, SizeIs(2));
  Hears(Ack{{C(1, 2)}});
  EXPECT_EQ(agent_->unacknowledged(), 1);
  Reopen();
  const Hello hello = Said<Hello>();
  EXPECT_EQ(hello.loaded_run, RunId(1));
  EXPECT_EQ(hello.numerics, "class");
  ASSERT_THAT(hello.held, SizeIs(1));
  EXPECT_THAT(hello.held[0].cells, SizeIs(2));
  EXPECT_THAT(hello.held[0].missing, IsEmpty());
  Welcomed();
  const Outcomes again = Said<Outcomes>();
  ASSERT_THAT(again.outcomes, SizeIs(1));
  EXPECT_EQ(again.outcomes[0].cell, C(1, 1));
  Said<Heartbeat>();
  Hears(Ack{{C(1, 1)}});
  EXPECT_EQ(agent_->unacknowledged(), 0);
  Reopen();
  EXPECT_THAT(Said<Hello>().held, IsEmpty());
}

TEST_F(AgentTest, WhatComesBeforeTheGreetingWasMeantForAnEarlierStream) {
  Ready();
  Reopen();
  Said<Hello>();
  Granted(18, {C(2, 1)});
  Hears(Revoke{{C(1, 1)}});
  EXPECT_EQ(agent_->outstanding(), 2);
  Welcomed();
  EXPECT_THAT(Said<Heartbeat>().leases, ElementsAre(LeaseId(17)));
  Granted(19, {C(2, 1)});
  EXPECT_EQ(agent_->outstanding(), 3);
  EXPECT_THAT(Starts(), ElementsAre(C(2, 1)));
  EXPECT_THAT(Said<Heartbeat>().started, ElementsAre(C(2, 1)));
}

TEST_F(AgentTest, KeepsComputingWhileNobodyAnswers) {
  Ready();
  Apply(StreamClosed{absl::UnavailableError("gone")});
  Finish({C(1, 1)}, 3);
  EXPECT_EQ(agent_->unacknowledged(), 1);
  EXPECT_EQ(agent_->outstanding(), 1);
  now_ = wakeup_;
  Apply(AgentTick{});
  Apply(StreamOpened{});
  const Hello hello = Said<Hello>();
  ASSERT_THAT(hello.held, SizeIs(1));
  EXPECT_THAT(hello.held[0].missing, ElementsAre(C(1, 2)));
  Welcomed();
  EXPECT_THAT(Said<Outcomes>().outcomes, SizeIs(1));
  EXPECT_THAT(Said<Heartbeat>().started, ElementsAre(C(1, 2)));
}

TEST_F(AgentTest, BacksOffWithJitterBetweenBounds) {
  Apply(AgentStarted{});
  absl::Duration longest;
  for (int i = 0; i < 12; ++i) {
    Apply(StreamClosed{absl::UnavailableError("nobody")});
    const absl::Duration wait = wakeup_ - now_;
    EXPECT_GE(wait, options_.backoff_min / 2);
    EXPECT_LE(wait, options_.backoff_max);
    longest = std::max(longest, wait);
    now_ = wakeup_;
    Apply(AgentTick{});
  }
  EXPECT_GT(longest, options_.backoff_max / 2);
  EXPECT_EQ(connects_, 13);
}

TEST_F(AgentTest, LosesPatienceInTheEnd) {
  Apply(AgentStarted{});
  for (int i = 0; i < 2000 && !exit_.has_value(); ++i) {
    Apply(StreamClosed{absl::UnavailableError("nobody")});
    if (exit_.has_value()) break;
    now_ = wakeup_;
    Apply(AgentTick{});
  }
  ASSERT_TRUE(exit_.has_value());
  EXPECT_EQ(ReasonOf(*exit_), Reason::kNotReachable);
  EXPECT_EQ(now_, absl::FromUnixSeconds(1'700'000'000) + options_.patience);
}

TEST_F(AgentTest, ClosesAStreamOnWhichNobodyGreetsBack) {
  Apply(AgentStarted{});
  Apply(StreamOpened{});
  Said<Hello>();
  now_ = wakeup_;
  Apply(AgentTick{});
  EXPECT_EQ(closes_, 1);
  now_ = wakeup_;
  Apply(AgentTick{});
  EXPECT_EQ(connects_, 2);
}

TEST_F(AgentTest, APermanentRefusalEndsIt) {
  Apply(AgentStarted{});
  Apply(StreamOpened{});
  Said<Hello>();
  Hears(Refused{Reason::kProtocolVersion, "you speak 1, I speak 2", true});
  ASSERT_TRUE(exit_.has_value());
  EXPECT_EQ(ReasonOf(*exit_), Reason::kProtocolVersion);
  EXPECT_THAT(std::string(exit_->message()), HasSubstr("you speak 1"));
  EXPECT_EQ(closes_, 1);
}

TEST_F(AgentTest, APassingRefusalIsTriedAgain) {
  Apply(AgentStarted{});
  Apply(StreamOpened{});
  Said<Hello>();
  Hears(Refused{Reason::kUnspecified, "not yet", false});
  EXPECT_FALSE(exit_.has_value());
  now_ = wakeup_;
  Apply(AgentTick{});
  EXPECT_EQ(connects_, 2);
}

TEST_F(AgentTest, ARevokedCellIsStoppedAndForgottenAndItsPlaceFreed) {
  Ready();
  Hears(Revoke{{C(1, 1), C(1, 2)}});
  EXPECT_THAT(Asked<CancelCells>().cells, ElementsAre(C(1, 1), C(1, 2)));
  EXPECT_EQ(credit_.cells, 5);
  Finish({C(1, 1)}, 4);  // it was done already: nobody wants it
  EXPECT_EQ(agent_->unacknowledged(), 0);
  Granted(18, {C(2, 1), C(2, 2), C(2, 3), C(2, 4)});
  EXPECT_THAT(Starts(), SizeIs(4));
  EXPECT_THAT(Said<Heartbeat>().started, SizeIs(4));
}

TEST_F(AgentTest, ACellThatIsRevokedAndGrantedAnewRunsOnce) {
  Greet();
  Describe(1);
  Granted(17, {C(1, 1)});
  Asked<LoadRun>();
  Hears(Revoke{{C(1, 1)}});
  Granted(18, {C(1, 1)});
  Apply(EngineReady{RunId(1), "class", 4});
  Said<RunReady>();
  EXPECT_THAT(Starts(), ElementsAre(C(1, 1)));
  Said<Heartbeat>();
}

TEST_F(AgentTest, ACellGrantedUnderANewLeaseIsNotComputedAgain) {
  Ready();
  Finish({C(1, 1)}, 3);
  Said<Outcomes>();
  Granted(18, {C(1, 1), C(1, 2)});  // the coordinator gave lease 17 up
  const Outcomes again = Said<Outcomes>();
  ASSERT_THAT(again.outcomes, SizeIs(1));
  EXPECT_EQ(again.outcomes[0].lease, LeaseId(18));
  Finish({C(1, 2)}, 4);
  EXPECT_EQ(Said<Outcomes>().outcomes[0].lease, LeaseId(18));
}

TEST_F(AgentTest, AFailureIsSaidUntilItIsAnswered) {
  Ready();
  Apply(EngineFailed{C(1, 1), "NaN logits", 3});
  EXPECT_EQ(Said<CellFailed>().error, "NaN logits");
  Reopen();
  EXPECT_THAT(Said<Hello>().held[0].missing, ElementsAre(C(1, 2)));
  Welcomed();
  EXPECT_EQ(Said<CellFailed>().cell, C(1, 1));
  Said<Heartbeat>();
  Hears(Revoke{{C(1, 1)}});
  Reopen();
  Said<Hello>();
  Welcomed();
  Said<Heartbeat>();
}

TEST_F(AgentTest, ARunThatCannotBeLoadedIsRefusedAndRefusedAgainWhenAsked) {
  Greet();
  Describe(1);
  Granted(17, {C(1, 1)});
  Asked<LoadRun>();
  Apply(EngineRefused{RunId(1), Reason::kModelMismatch, "the weights differ"});
  EXPECT_EQ(Said<RunRefused>().reason, Reason::kModelMismatch);
  EXPECT_EQ(agent_->outstanding(), 0);
  Describe(1);  // by a coordinator that has forgotten
  EXPECT_EQ(Said<RunRefused>().message, "the weights differ");
  Granted(18, {C(1, 1)});
  EXPECT_EQ(agent_->outstanding(), 0);
}

TEST_F(AgentTest, AnotherRunIsLoadedOnlyWhenNothingRuns) {
  Ready();
  Describe(2);
  Granted(18, {C(1, 1, 2)});
  Finish({C(1, 1)}, 3);
  Said<Outcomes>();
  EXPECT_THAT(asked_, IsEmpty());
  Finish({C(1, 2)}, 4);
  Said<Outcomes>();
  EXPECT_EQ(Asked<LoadRun>().run.run, RunId(2));
  Apply(EngineReady{RunId(2), "class", 4});
  EXPECT_EQ(Said<RunReady>().run, RunId(2));
  EXPECT_THAT(Starts(), ElementsAre(C(1, 1, 2)));
  Said<Heartbeat>();
}

TEST_F(AgentTest, ADrainFinishesWhatRunsAndSaysGoodbyeWhenAllIsAcknowledged) {
  Ready();
  Granted(18, {C(2, 1), C(2, 2), C(2, 3)});
  EXPECT_THAT(Starts(), ElementsAre(C(2, 1), C(2, 2)));
  Said<Heartbeat>();
  Apply(EngineStarted{{C(2, 1), C(2, 2)}, 0});
  Hears(Drain{});
  EXPECT_EQ(agent_->outstanding(), 4);  // the one that waited is given back
  Finish({C(1, 1), C(1, 2), C(2, 1), C(2, 2)}, 4);
  EXPECT_THAT(Said<Outcomes>().outcomes, SizeIs(4));
  EXPECT_FALSE(exit_.has_value());
  Hears(Ack{{C(1, 1), C(1, 2), C(2, 1)}});
  EXPECT_FALSE(exit_.has_value());
  Hears(Ack{{C(2, 2)}});
  Said<Goodbye>();
  ASSERT_TRUE(exit_.has_value());
  EXPECT_OK(*exit_);
  EXPECT_EQ(closes_, 1);
}

TEST_F(AgentTest, ASignalDrainsAtOnceWhenNothingRuns) {
  Greet();
  Apply(DrainRequested{});
  Said<Goodbye>();
  ASSERT_TRUE(exit_.has_value());
  EXPECT_OK(*exit_);
}

TEST_F(AgentTest, NoCreditIsOfferedBeyondWhatMayBeKept) {
  options_.max_unacknowledged = 3;
  agent_ = std::make_unique<Agent>(options_);
  Apply(AgentStarted{});
  Apply(StreamOpened{});
  Said<Hello>();
  Welcomed();
  Said<Heartbeat>();
  EXPECT_EQ(credit_.cells, 3);
  Describe(1);
  Granted(17, {C(1, 1), C(1, 2), C(1, 3)});
  Asked<LoadRun>();
  Apply(EngineReady{RunId(1), "class", 8});
  Said<RunReady>();
  EXPECT_THAT(Starts(), SizeIs(3));
  Said<Heartbeat>();
  Apply(EngineStarted{{C(1, 1), C(1, 2), C(1, 3)}, 5});
  Finish({C(1, 1)}, 6);
  Said<Outcomes>();
  EXPECT_FALSE(credit_.last_lease.valid());  // nothing was offered since the grant: nothing is acknowledged
  Hears(Ack{{C(1, 1)}});
  EXPECT_EQ(credit_.cells, 1);
}

TEST_F(AgentTest, HeartbeatsNameLeasesRunningCellsAndSpeed) {
  Ready();
  Finish({C(1, 1)}, 3);
  Said<Outcomes>();
  now_ = wakeup_;
  Apply(AgentTick{});
  const Heartbeat heartbeat = Said<Heartbeat>();
  EXPECT_THAT(heartbeat.leases, ElementsAre(LeaseId(17)));
  EXPECT_THAT(heartbeat.started, ElementsAre(C(1, 2)));
  EXPECT_DOUBLE_EQ(heartbeat.tokens_per_second, 2 / 5.0);
}

}  // namespace
}  // namespace sprint::testing
