#include "worker/engine/lanes.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "tests/testing/testing.h"
#include "tests/worker/engine/parity.h"
#include "worker/engine/torch_engine.h"

namespace sprint::testing {
namespace {

// What the lanes below have in common: which of them may end its step.
struct Gates {
  Mutex mutex;
  CondVar changed;
  std::vector<int> steps_allowed;  // a lane's
  std::vector<bool> in_step;
  std::vector<int> ended;

  void Allow(size_t lane, int steps) {
    MutexLock lock(&mutex);
    steps_allowed[lane] += steps;
    changed.SignalAll();
  }
  void AwaitEnds(size_t lane, int steps) {
    MutexLock lock(&mutex);
    while (ended[lane] < steps) changed.Wait(&mutex);
  }
  void AwaitStep(size_t lane) {
    MutexLock lock(&mutex);
    while (!in_step[lane]) changed.Wait(&mutex);
  }
};

// Ends every sequence in the second step that it sees, when its gate lets it.
class GatedEngine : public Engine {
 public:
  GatedEngine(size_t lane, int capacity, Gates& gates) : lane_(lane), capacity_(capacity), gates_(gates) {}

  int Capacity() const override { return capacity_ - static_cast<int>(steps_.size()); }
  absl::Status Submit(SequenceRequest request) override {
    if (Capacity() <= 0) return absl::ResourceExhaustedError("full");
    steps_[request.id] = 0;
    return absl::OkStatus();
  }
  void Cancel(SequenceId id) override { steps_.erase(id); }
  bool Idle() const override { return steps_.empty(); }
  absl::StatusOr<std::vector<SequenceResult>> Step() override {
    {
      MutexLock lock(&gates_.mutex);
      gates_.in_step[lane_] = true;
      gates_.changed.SignalAll();
      while (gates_.steps_allowed[lane_] == 0) gates_.changed.Wait(&gates_.mutex);
      --gates_.steps_allowed[lane_];
      gates_.in_step[lane_] = false;
    }
    const absl::Cleanup end = [this] {
      MutexLock lock(&gates_.mutex);
      ++gates_.ended[lane_];
      gates_.changed.SignalAll();
    };
    std::vector<SequenceResult> finished;
    for (auto& [id, steps] : steps_) {
      if (id == kBreaks) return absl::InternalError("the device is gone");
      if (++steps == 2) finished.push_back({id, {static_cast<int32_t>(lane_)}, {}, FinishReason::kStop, {}});
    }
    for (const SequenceResult& result : finished) steps_.erase(result.id);
    ++stats_.steps;
    return finished;
  }
  const StepStats& stats() const override { return stats_; }
  std::string NumericsDescription() const override { return "gated"; }

  static constexpr SequenceId kBreaks = 666;

 private:
  const size_t lane_;
  const int capacity_;
  Gates& gates_;
  std::map<SequenceId, int> steps_;
  StepStats stats_;
};

SequenceRequest Request(SequenceId id, int32_t prompt) {
  SequenceRequest request;
  request.id = id;
  request.prompt = {prompt};
  return request;
}

class LanesTest : public ::testing::Test {
 protected:
  LanesTest() {
    gates_.steps_allowed.resize(2);
    gates_.in_step.resize(2);
    gates_.ended.resize(2);
    std::vector<std::unique_ptr<Engine>> lanes;
    for (size_t i = 0; i < 2; ++i) lanes.push_back(std::make_unique<GatedEngine>(i, 4, gates_));
    engine_.emplace(std::move(lanes), [](const SequenceRequest& request) {
      return request.prompt.empty() ? absl::InvalidArgumentError("empty") : absl::OkStatus();
    });
  }
  ~LanesTest() override {
    for (size_t lane = 0; lane < 2; ++lane) gates_.Allow(lane, 100);
    engine_.reset();
  }
  // Id to lane of what a step gave.
  std::map<SequenceId, int32_t> Step() {
    std::map<SequenceId, int32_t> out;
    const auto finished = engine_->Step();
    EXPECT_OK(finished);
    for (const SequenceResult& result : *finished) out[result.id] = result.tokens[0];
    return out;
  }
  Gates gates_;
  std::optional<LaneEngine> engine_;
};

TEST_F(LanesTest, SequencesOfAPromptShareALaneAndPromptsTakeTheEmptiest) {
  EXPECT_EQ(engine_->Capacity(), 8);
  for (SequenceId id = 0; id < 3; ++id) ASSERT_OK(engine_->Submit(Request(id, 1)));
  for (SequenceId id = 3; id < 6; ++id) ASSERT_OK(engine_->Submit(Request(id, 2)));
  ASSERT_OK(engine_->Submit(Request(6, 1)));
  ASSERT_OK(engine_->Submit(Request(7, 1)));  // its lane is full
  EXPECT_EQ(engine_->Capacity(), 0);
  EXPECT_EQ(engine_->Submit(Request(8, 1)).code(), absl::StatusCode::kResourceExhausted);
  for (size_t lane = 0; lane < 2; ++lane) gates_.Allow(lane, 2);
  std::map<SequenceId, int32_t> lanes;
  while (!engine_->Idle()) lanes.merge(Step());
  EXPECT_EQ(lanes, (std::map<SequenceId, int32_t>{{0, lanes[0]},
                                                  {1, lanes[0]},
                                                  {2, lanes[0]},
                                                  {3, 1 - lanes[0]},
                                                  {4, 1 - lanes[0]},
                                                  {5, 1 - lanes[0]},
                                                  {6, lanes[0]},
                                                  {7, 1 - lanes[0]}}));
  EXPECT_EQ(engine_->Capacity(), 8);
  EXPECT_EQ(engine_->stats().steps, 4);
  EXPECT_TRUE(Step().empty());  // at once: nothing runs
}

TEST_F(LanesTest, OneLaneGoesOnWhileTheOtherComputes) {
  ASSERT_OK(engine_->Submit(Request(0, 1)));
  ASSERT_OK(engine_->Submit(Request(1, 2)));
  gates_.Allow(1, 2);
  // The first lane stays in its first step all the while.
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(Step(), (std::map<SequenceId, int32_t>{{1, 1}}));
  // What comes meanwhile waits for the step, or goes to the other lane.
  gates_.AwaitStep(0);
  ASSERT_OK(engine_->Submit(Request(2, 1)));
  ASSERT_OK(engine_->Submit(Request(3, 3)));
  gates_.Allow(1, 2);
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(Step(), (std::map<SequenceId, int32_t>{{3, 1}}));
  gates_.Allow(0, 3);
  std::map<SequenceId, int32_t> lanes;
  while (!engine_->Idle()) lanes.merge(Step());
  EXPECT_EQ(lanes, (std::map<SequenceId, int32_t>{{0, 0}, {2, 0}}));
}

TEST_F(LanesTest, WhatIsCancelledNeverComesBack) {
  ASSERT_OK(engine_->Submit(Request(0, 1)));
  ASSERT_OK(engine_->Submit(Request(1, 2)));
  gates_.Allow(1, 1);
  EXPECT_TRUE(Step().empty());
  gates_.AwaitStep(0);
  engine_->Cancel(0);                         // while it computes
  ASSERT_OK(engine_->Submit(Request(2, 1)));  // one that waits for the step,
  engine_->Cancel(1);                         // one of a lane that does not compute,
  ASSERT_OK(engine_->Submit(Request(0, 4)));  // and the first one's id again
  engine_->Cancel(77);
  EXPECT_EQ(engine_->Capacity(), 6);
  EXPECT_EQ(engine_->Submit(Request(2, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(engine_->Submit(SequenceRequest{}).code(), absl::StatusCode::kInvalidArgument);
  for (size_t lane = 0; lane < 2; ++lane) gates_.Allow(lane, 10);
  std::vector<SequenceId> ids;
  while (!engine_->Idle()) {
    for (const auto& [id, lane] : Step()) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, (std::vector<SequenceId>{0, 2}));
  EXPECT_EQ(engine_->Capacity(), 8);
}

// A lane whose step has ended, but was not asked for: it takes what comes as if it were empty, and what was
// cancelled meanwhile is gone, under its old id or a new one.
TEST_F(LanesTest, ALaneWhoseStepNobodyAskedForIsFree) {
  for (SequenceId id = 0; id < 4; ++id) ASSERT_OK(engine_->Submit(Request(id, 1)));
  ASSERT_OK(engine_->Submit(Request(10, 2)));
  gates_.Allow(1, 1);
  EXPECT_TRUE(Step().empty());
  gates_.AwaitStep(0);
  for (SequenceId id = 0; id < 4; ++id) engine_->Cancel(id);
  gates_.Allow(0, 1);
  gates_.AwaitEnds(0, 1);
  absl::SleepFor(absl::Milliseconds(5));  // the lane's thread says so a moment later; both are right
  for (SequenceId id = 0; id < 4; ++id) ASSERT_OK(engine_->Submit(Request(id, 1)));
  EXPECT_EQ(engine_->Capacity(), 3);
  for (size_t lane = 0; lane < 2; ++lane) gates_.Allow(lane, 10);
  std::map<SequenceId, int32_t> lanes;
  while (!engine_->Idle()) lanes.merge(Step());
  EXPECT_EQ(lanes, (std::map<SequenceId, int32_t>{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {10, 1}}));
}

TEST_F(LanesTest, WithoutSequencesAStepWaitsForNobody) {
  ASSERT_OK(engine_->Submit(Request(0, 1)));
  ASSERT_OK(engine_->Submit(Request(1, 2)));
  gates_.Allow(1, 1);
  EXPECT_TRUE(Step().empty());
  gates_.AwaitStep(0);
  engine_->Cancel(0);
  engine_->Cancel(1);
  EXPECT_TRUE(engine_->Idle());
  EXPECT_TRUE(Step().empty());  // the first lane computes still
}

TEST_F(LanesTest, ALaneThatFailsEndsTheEngine) {
  ASSERT_OK(engine_->Submit(Request(GatedEngine::kBreaks, 1)));
  gates_.Allow(0, 1);
  gates_.Allow(1, 1);
  EXPECT_EQ(engine_->Step().status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(engine_->Capacity(), 0);
  EXPECT_FALSE(engine_->Submit(Request(1, 1)).ok());
}

// A sweep of some questions: the same bits in two lanes as in one, and as much shared.
TEST(EngineLanesTest, ASweepGivesWhatOneLaneGives) {
  ASSERT_OK_AND_ASSIGN(const ParityCase parity,
                       ReadParityCase(SourceDir() + "/tests/data/parity/llama-tiny"));
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
    std::map<SequenceId, SequenceResult> runs[2];
    StepStats stats[2];
    for (const int lanes : {1, 2}) {
      TorchEngineOptions options;
      options.dtype = dtype;
      options.threads = 2;
      options.lanes = lanes;
      options.max_sequences = lanes * 16;
      ASSERT_OK_AND_ASSIGN(const auto engine, TestEngine(parity.model, options));
      SequenceId next = 0;
      while (next < 60 || !engine->Idle()) {
        for (; next < 60 && engine->Capacity() > 0; ++next) {
          SequenceRequest request;
          request.id = next;
          request.prompt = parity.greedy_prompt;
          request.prompt[0] = static_cast<int32_t>(3 + next / 12);
          request.arm = *Arm::Parse(next % 12 == 0 ? "baseline" : absl::StrCat("L1H", next % 2));
          request.decoding.max_new_tokens = 20 + static_cast<int32_t>(next % 7);
          ASSERT_OK(engine->Submit(std::move(request)));
        }
        ASSERT_OK_AND_ASSIGN(std::vector<SequenceResult> finished, engine->Step());
        for (SequenceResult& result : finished) runs[lanes - 1][result.id] = std::move(result);
      }
      stats[lanes - 1] = engine->stats();
      EXPECT_EQ(engine->Capacity(), lanes == 1 ? 16 : 2 * (16 + 16));
    }
    ASSERT_EQ(runs[1].size(), 60u);
    for (const auto& [id, result] : runs[0]) {
      EXPECT_EQ(runs[1][id].tokens, result.tokens) << id;
      EXPECT_EQ(runs[1][id].logprobs, result.logprobs) << id;
    }
    EXPECT_EQ(stats[1].generated, stats[0].generated);
    EXPECT_GT(stats[1].resumed, stats[0].resumed / 2);
    EXPECT_NE(stats[0].step_seconds, 0);
    EXPECT_NE(stats[1].step_seconds, 0);
  }
}

}  // namespace
}  // namespace sprint::testing
