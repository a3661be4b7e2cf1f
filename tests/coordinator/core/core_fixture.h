// A small vocabulary for stories about the core. Every message must be taken by the story that
// causes it: one that is left over fails the test, and so does an invariant broken at any step.
#ifndef SPRINT_TESTS_COORDINATOR_CORE_CORE_FIXTURE_H_
#define SPRINT_TESTS_COORDINATOR_CORE_CORE_FIXTURE_H_

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/core/core.h"
#include "tests/testing/testing.h"

namespace sprint {

inline std::ostream& operator<<(std::ostream& out, const CellKey& cell) { return out << ToString(cell); }

namespace testing {

using Cells = std::vector<CellKey>;

inline CellKey C(int64_t question, int64_t arm, int64_t run = 1, int32_t sample = 0) {
  return {RunId(run), QuestionId(question), ArmId(arm), sample};
}

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() { Restart(1); }
  ~CoreTest() override {
    for (const auto& [worker, messages] : inbox_) {
      EXPECT_TRUE(messages.empty()) << messages.size() << " messages to worker " << worker
                                    << " are left over, the first of kind " << messages.front().index();
    }
  }

  // ---- The coordinator.
  void Restart(int64_t epoch) {
    CoreOptions options = options_;
    options.epoch = epoch;
    options.grant_key = "a key";
    core_ = std::make_unique<Core>(options);
    inbox_.clear();
  }
  static ExperimentRecord Sweep(int64_t id, int questions, int arms, int64_t run = 1, int32_t samples = 1) {
    ExperimentRecord record;
    record.id = ExperimentId(id);
    record.name = absl::StrCat("sweep ", id);
    StoredRun stored;
    stored.id = RunId(run);
    stored.run.model_name = absl::StrCat("model ", run);
    record.runs.push_back(stored);
    BlockRecord block;
    block.run = RunId(run);
    block.samples = samples;
    for (int q = 1; q <= questions; ++q) {
      record.questions.push_back({QuestionId(q), {q, q + 1}});
      block.questions.push_back(QuestionId(q));
    }
    for (int a = 1; a <= arms; ++a) {
      const Arm arm = a == 1 ? Arm() : *Arm::Create({{0, a - 2, HeadOp::kZero}});
      record.arms.push_back({ArmId(a), arm});
      record.counters.push_back({ArmId(a), questions * samples});
      block.arms.push_back(ArmId(a));
    }
    record.blocks.push_back(block);
    return record;
  }
  void Add(const ExperimentRecord& record) { Apply(ExperimentAdded{record}); }
  void Order(int64_t experiment, Command command) {
    Apply(ExperimentCommand{ExperimentId(experiment), command});
  }
  void Pass(absl::Duration time) {
    now_ += time;
    Apply(Tick{});
  }

  // ---- Workers.
  void Connect(int64_t worker, std::vector<HeldGrant> held = {}, int64_t loaded = 0, int64_t numerics = 0) {
    Hello hello;
    hello.instance = absl::StrCat("instance ", worker);
    hello.name = absl::StrCat("w", worker);
    hello.held = std::move(held);
    hello.loaded_run = RunId(loaded);
    Apply(WorkerConnected{WorkerId(worker), NumericsId(numerics), hello});
    EXPECT_EQ(Take<Welcome>(worker).worker, WorkerId(worker));
  }
  void Offer(int64_t worker, int32_t cells) {
    Apply(CreditOffered{WorkerId(worker), {cells, last_lease_[worker]}});
  }
  void Beat(int64_t worker, Cells started = {}) {
    Heartbeat heartbeat;
    for (const auto& [lease, grant] : grants_[worker]) heartbeat.leases.push_back(lease);
    heartbeat.started = std::move(started);
    Apply(HeartbeatReceived{WorkerId(worker), heartbeat});
  }
  static JudgedOutcome Answer(const CellKey& cell, LeaseId lease, const std::string& text = "",
                              int64_t numerics = 7) {
    JudgedOutcome judged;
    judged.outcome.cell = cell;
    judged.outcome.lease = lease;
    judged.outcome.text = text.empty() ? ToString(cell) : text;
    judged.outcome.tokens = {1, 2, 3};
    judged.numerics = NumericsId(numerics);
    return judged;
  }
  // One outcome that brings hidden states, under the lease that it was last granted by.
  void FinishWith(int64_t worker, const CellKey& cell, std::vector<HiddenState> hidden) {
    OutcomesArrived event;
    event.worker = WorkerId(worker);
    const LeaseId lease = LeaseOf(worker, cell);
    event.outcomes.push_back(Answer(cell, lease));
    event.outcomes[0].outcome.hidden = std::move(hidden);
    event.grants.push_back(Held(worker, lease));
    Apply(event);
  }
  // Outcomes of cells under the leases they were last granted by, with the tokens.
  void Finish(int64_t worker, const Cells& cells, int64_t numerics = 7) {
    OutcomesArrived event;
    event.worker = WorkerId(worker);
    std::set<LeaseId> leases;
    for (const CellKey& cell : cells) {
      const LeaseId lease = LeaseOf(worker, cell);
      event.outcomes.push_back(Answer(cell, lease, "", numerics));
      if (lease.valid() && leases.insert(lease).second) event.grants.push_back(Held(worker, lease));
    }
    Apply(event);
  }
  void Fail(int64_t worker, const CellKey& cell, const std::string& error = "it broke") {
    Apply(CellFailureReported{WorkerId(worker), {cell, LeaseOf(worker, cell), error}});
  }

  // ---- What was sent, taken in order.
  template <typename M>
  M Take(int64_t worker) {
    std::deque<CoordinatorMessage>& messages = inbox_[worker];
    if (messages.empty() || !std::holds_alternative<M>(messages.front())) {
      ADD_FAILURE() << "worker " << worker << " has no such message next; "
                    << (messages.empty() ? std::string("nothing at all")
                                         : absl::StrCat("kind ", messages.front().index()));
      return M();
    }
    M message = std::get<M>(std::move(messages.front()));
    messages.pop_front();
    return message;
  }
  // The cells of all grants that come next, with the run's description where there is one.
  Cells TakeGrants(int64_t worker) {
    std::deque<CoordinatorMessage>& messages = inbox_[worker];
    Cells cells;
    while (!messages.empty()) {
      if (const Grant* grant = std::get_if<Grant>(&messages.front())) {
        grants_[worker][grant->lease] = *grant;
        last_lease_[worker] = grant->lease;
        for (const CellKey& cell : grant->Cells()) cells.push_back(cell);
      } else if (!std::holds_alternative<RunDescription>(messages.front())) {
        break;
      }
      messages.pop_front();
    }
    return cells;
  }
  Cells TakeAck(int64_t worker) { return Take<Ack>(worker).cells; }
  Cells TakeRevoke(int64_t worker) { return Take<Revoke>(worker).cells; }
  bool Silence(int64_t worker) { return inbox_[worker].empty(); }

  // ---- What a worker holds.
  LeaseId LeaseOf(int64_t worker, const CellKey& cell) {
    LeaseId last;
    for (const auto& [lease, grant] : grants_[worker]) {
      const Cells cells = grant.Cells();
      if (std::find(cells.begin(), cells.end(), cell) != cells.end()) last = lease;
    }
    return last;
  }
  HeldGrant Held(int64_t worker, LeaseId lease, Cells missing = {}) {
    const Grant& grant = grants_[worker].at(lease);
    return {lease, grant.token, grant.Cells(), std::move(missing)};
  }
  // Every grant in full, nothing of it done.
  std::vector<HeldGrant> HeldAll(int64_t worker) {
    std::vector<HeldGrant> held;
    for (const auto& [lease, grant] : grants_[worker]) held.push_back(Held(worker, lease, grant.Cells()));
    return held;
  }

  // ---- What is stored.
  Cells TakeDurable() {
    Cells cells;
    for (const OutcomeRecord& outcome : records_.outcomes) cells.push_back(outcome.cell);
    records_.outcomes.clear();
    return cells;
  }
  ExperimentStatus Status(int64_t experiment) {
    return core_->Experiment(ExperimentId(experiment)).value_or(ExperimentStatus());
  }

  void Apply(const Event& event) {
    Effects effects = core_->Apply(event, now_);
    for (Outgoing& outgoing : effects.messages)
      inbox_[outgoing.to.value()].push_back(std::move(outgoing.message));
    effects.messages.clear();
    wakeup_ = effects.wakeup;
    Effects all;
    all.records = std::move(records_);
    all.comparisons = std::move(comparisons_);
    all.Append(std::move(effects));
    records_ = std::move(all.records);
    comparisons_ = std::move(all.comparisons);
    const std::string broken = core_->CheckInvariants();
    ASSERT_EQ(broken, "");
  }

  CoreOptions options_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::unique_ptr<Core> core_;
  WriteBatch records_;
  std::vector<Comparison> comparisons_;
  absl::Time wakeup_;
  std::map<int64_t, std::deque<CoordinatorMessage>> inbox_;
  std::map<int64_t, std::map<LeaseId, Grant>> grants_;
  std::map<int64_t, LeaseId> last_lease_;
};

}  // namespace testing
}  // namespace sprint

#endif  // SPRINT_TESTS_COORDINATOR_CORE_CORE_FIXTURE_H_
