// What the agent does about hidden states.
#include "tests/worker/agent_fixture.h"

namespace sprint::testing {
namespace {

using ::testing::SizeIs;

TEST_F(AgentTest, OnlyTheUnprunedModelsFirstSampleIsAskedForHiddenStates) {
  Greet();
  Describe(1);
  Grant grant;
  grant.lease = LeaseId(1);
  grant.run = RunId(1);
  grant.question = QuestionId(4);
  grant.prompt = {1, 2, 3};
  grant.arms = {{ArmId(1), "baseline", {0, 1}}, {ArmId(2), "L0H1", {0}}};
  grant.hidden_layers = {0, 3};
  Hears(grant);
  Asked<LoadRun>();
  Apply(EngineReady{RunId(1), "numerics", 4});
  Said<RunReady>();
  Said<Heartbeat>();
  const std::vector<int32_t> layers = {0, 3};
  EXPECT_EQ(Asked<StartCell>().hidden_after, layers);
  EXPECT_THAT(Asked<StartCell>().hidden_after, IsEmpty());
  EXPECT_THAT(Asked<StartCell>().hidden_after, IsEmpty());
}

TEST_F(AgentTest, ManyLargeHiddenStatesGoInSeveralMessages) {
  Greet();
  Describe(1);
  const Cells cells = {C(4, 1), C(4, 2), C(4, 3)};
  Granted(1, cells);
  Asked<LoadRun>();
  Apply(EngineReady{RunId(1), "numerics", 4});
  Said<RunReady>();
  Said<Heartbeat>();
  EXPECT_EQ(Starts(), cells);
  EngineFinished event;
  for (const CellKey& cell : cells) {
    Outcome outcome;
    outcome.cell = cell;
    outcome.hidden = {{0, std::vector<float>(size_t{3} << 20)}};
    event.outcomes.push_back(outcome);
  }
  event.capacity = 4;
  Apply(event);
  EXPECT_THAT(Said<Outcomes>().outcomes, SizeIs(2));
  EXPECT_THAT(Said<Outcomes>().outcomes, SizeIs(1));
}

}  // namespace
}  // namespace sprint::testing
