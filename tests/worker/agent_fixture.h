// Stories about a worker's agent. Whatever it says or asks must be taken by the story: what is left
// over fails the test, and so does an invariant broken at any step.
#ifndef SPRINT_TESTS_WORKER_AGENT_FIXTURE_H_
#define SPRINT_TESTS_WORKER_AGENT_FIXTURE_H_

#include <deque>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/testing.h"
#include "worker/agent.h"

namespace sprint {

inline std::ostream& operator<<(std::ostream& out, const CellKey& cell) { return out << ToString(cell); }

namespace testing {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Cells = std::vector<CellKey>;

inline CellKey C(int64_t question, int64_t arm, int64_t run = 1) {
  return {RunId(run), QuestionId(question), ArmId(arm), 0};
}

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    options_.instance = "a1";
    options_.name = "node/0";
    options_.first_credit = 6;
    agent_ = std::make_unique<Agent>(options_);
  }
  ~AgentTest() override {
    EXPECT_THAT(said_, IsEmpty()) << "the agent said more, first of kind " << said_.front().index();
    EXPECT_THAT(asked_, IsEmpty()) << "the agent asked more of the engine, first of kind "
                                   << asked_.front().index();
  }

  void Apply(const AgentEvent& event) {
    AgentEffects effects = agent_->Apply(event, now_);
    for (WorkerMessage& message : effects.messages) {
      // A level that may be said at any time: the latest is what holds.
      if (const Credit* credit = std::get_if<Credit>(&message)) {
        credit_ = *credit;
      } else {
        said_.push_back(std::move(message));
      }
    }
    for (EngineCommand& command : effects.commands) asked_.push_back(std::move(command));
    connects_ += effects.connect ? 1 : 0;
    closes_ += effects.close ? 1 : 0;
    if (effects.exit.has_value()) exit_ = effects.exit;
    wakeup_ = effects.wakeup;
    ASSERT_EQ(agent_->CheckInvariants(), "");
  }
  template <typename M>
  M Said() {
    return TakeNext<M>(said_);
  }
  template <typename M>
  M Asked() {
    return TakeNext<M>(asked_);
  }
  template <typename M, typename Queue>
  M TakeNext(Queue& queue) {
    if (queue.empty() || !std::holds_alternative<M>(queue.front())) {
      ADD_FAILURE() << "not what comes next; that is "
                    << (queue.empty() ? std::string("nothing")
                                      : "of kind " + std::to_string(queue.front().index()));
      return M();
    }
    M taken = std::get<M>(std::move(queue.front()));
    queue.pop_front();
    return taken;
  }
  // The cells that the engine is asked to start next.
  Cells Starts() {
    Cells cells;
    while (!asked_.empty() && std::holds_alternative<StartCell>(asked_.front()))
      cells.push_back(Asked<StartCell>().cell);
    return cells;
  }

  // ---- What happens to it.
  void Hears(const CoordinatorMessage& message) { Apply(FromCoordinator{message}); }
  void Welcomed() { Hears(Welcome{kProtocolVersion, WorkerId(3), 5, absl::Seconds(30), absl::Seconds(5)}); }
  void Describe(int64_t run) {
    RunDescription description;
    description.run = RunId(run);
    Hears(description);
  }
  void Granted(int64_t lease, const Cells& cells) {
    Grant grant;
    grant.lease = LeaseId(lease);
    grant.token = "token " + std::to_string(lease);
    grant.run = cells[0].run;
    grant.question = cells[0].question;
    grant.prompt = {1, 2, 3};
    for (const CellKey& cell : cells)
      grant.arms.push_back({cell.arm, "arm " + std::to_string(cell.arm.value()), {0}});
    Hears(grant);
  }
  void Finish(const Cells& cells, int32_t capacity) {
    EngineFinished event;
    for (const CellKey& cell : cells) {
      Outcome outcome;
      outcome.cell = cell;
      outcome.tokens = {7, 8};
      outcome.text = ToString(cell);
      event.outcomes.push_back(outcome);
    }
    event.capacity = capacity;
    Apply(event);
  }

  // ---- Longer beginnings.
  void Greet() {
    Apply(AgentStarted{});
    Apply(StreamOpened{});
    Said<Hello>();
    Welcomed();
    Said<Heartbeat>();
    EXPECT_EQ(credit_.cells, 6);
  }
  // Welcomed, with the model of run 1 and an engine of four places.
  void Ready() {
    Greet();
    Describe(1);
    Granted(17, {C(1, 1), C(1, 2)});
    EXPECT_EQ(Asked<LoadRun>().run.run, RunId(1));
    Apply(EngineReady{RunId(1), "class", 4});
    EXPECT_EQ(Said<RunReady>().numerics, "class");
    EXPECT_THAT(Starts(), ElementsAre(C(1, 1), C(1, 2)));
    EXPECT_THAT(Said<Heartbeat>().started, ElementsAre(C(1, 1), C(1, 2)));
    Apply(EngineStarted{{C(1, 1), C(1, 2)}, 2});
  }
  void Reopen() {
    Apply(StreamClosed{absl::UnavailableError("gone")});
    now_ = wakeup_;
    Apply(AgentTick{});
    Apply(StreamOpened{});
  }

  AgentOptions options_;
  std::unique_ptr<Agent> agent_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  absl::Time wakeup_;
  std::deque<WorkerMessage> said_;
  Credit credit_;
  std::deque<EngineCommand> asked_;
  std::optional<absl::Status> exit_;
  int connects_ = 0;
  int closes_ = 0;
};

}  // namespace testing
}  // namespace sprint

#endif  // SPRINT_TESTS_WORKER_AGENT_FIXTURE_H_
