#include "worker/engine_thread.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/manual_clock.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

// Hands out fake engines, counting, or one that breaks at its first step.
class CountingLoader : public ModelLoader {
 public:
  explicit CountingLoader(std::vector<RunId>* loads) : loads_(loads) {}
  absl::StatusOr<LoadedModel> Load(const RunDescription& run) override {
    loads_->push_back(run.run);
    if (run.model_name == "refused") {
      return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelMismatch, "other weights");
    }
    FakeEngineOptions options;
    options.capacity = 2;
    LoadedModel loaded{MakeFakeEngine(options), FakeDecode};
    if (run.model_name == "breaks" && loads_->size() == 1) {
      loaded.engine = std::make_unique<Broken>(std::move(loaded.engine));
    }
    return loaded;
  }

 private:
  class Broken : public Engine {
   public:
    explicit Broken(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
    int Capacity() const override { return engine_->Capacity(); }
    absl::Status Submit(SequenceRequest request) override { return engine_->Submit(std::move(request)); }
    void Cancel(SequenceId id) override { engine_->Cancel(id); }
    absl::StatusOr<std::vector<SequenceResult>> Step() override {
      return absl::InternalError("the device is lost");
    }
    bool Idle() const override { return engine_->Idle(); }
    const StepStats& stats() const override { return engine_->stats(); }
    std::string NumericsDescription() const override { return engine_->NumericsDescription(); }

   private:
    const std::unique_ptr<Engine> engine_;
  };
  std::vector<RunId>* const loads_;
};

class EngineThreadTest : public ::testing::Test {
 protected:
  EngineThreadTest() {
    engine_ = std::make_unique<EngineThread>(std::make_unique<CountingLoader>(&loads_), &clock_,
                                             [this](AgentEvent event) {
                                               MutexLock lock(&mutex_);
                                               told_.push_back(std::move(event));
                                               changed_.Signal();
                                             });
  }

  // The next event of the kind; others before it are skipped.
  template <typename Event>
  Event Next() {
    MutexLock lock(&mutex_);
    while (true) {
      while (told_.empty()) changed_.Wait(&mutex_);
      const AgentEvent event = std::move(told_.front());
      told_.pop_front();
      if (const auto* found = std::get_if<Event>(&event)) return *found;
    }
  }

  void Load(int64_t run, const std::string& model = "model", int32_t max_new_tokens = 32,
            const std::string& mode = "exact") {
    RunDescription description;
    description.engine_mode = mode;
    description.run = RunId(run);
    description.model_name = model;
    description.weights_hash = Sha256(model);
    description.decoding.max_new_tokens = max_new_tokens;
    engine_->Send(LoadRun{description});
  }
  CellKey Start(int64_t run, int64_t arm, const std::string& name = "L0H1") {
    const CellKey cell = {RunId(run), QuestionId(1), ArmId(arm), 0};
    engine_->Send(StartCell{cell, name, {100, 7}});
    return cell;
  }

  ManualClock clock_;
  std::vector<RunId> loads_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<AgentEvent> told_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<EngineThread> engine_;
};

TEST_F(EngineThreadTest, TellsAnOutcomeWithEverythingButItsLease) {
  Load(1);
  const EngineReady ready = Next<EngineReady>();
  EXPECT_EQ(ready.capacity, 2);
  EXPECT_EQ(ready.numerics, "fake");
  const CellKey cell = Start(1, 5);
  EXPECT_EQ(Next<EngineStarted>().cells, std::vector<CellKey>{cell});
  const EngineFinished finished = Next<EngineFinished>();
  ASSERT_EQ(finished.outcomes.size(), 1U);
  const Outcome& outcome = finished.outcomes[0];
  EXPECT_EQ(outcome.cell, cell);
  EXPECT_EQ(outcome.tokens, FakeTokens({100, 7}, *Arm::Parse("L0H1"), {32, {2}}, {}));
  EXPECT_EQ(outcome.text, FakeDecode(outcome.tokens));
  EXPECT_EQ(outcome.logprobs_hash.size(), 32U);
  EXPECT_LT(outcome.logprob_sum, 0);
  EXPECT_EQ(outcome.numerics, "fake");
  EXPECT_EQ(outcome.started, clock_.Now());
}

TEST_F(EngineThreadTest, RunsOfOneModelShareItAndKeepTheirOwnDecoding) {
  Load(1);
  Load(2, "model", 3);
  Start(2, 5);
  EXPECT_EQ(Next<EngineFinished>().outcomes[0].tokens.size(), 3U);
  engine_.reset();
  EXPECT_EQ(loads_, std::vector<RunId>{RunId(1)});
}

TEST_F(EngineThreadTest, AnotherModelWaitsUntilTheCellsOfThisOneHaveEnded) {
  Load(1);
  const CellKey first = Start(1, 5);
  Load(2, "other");
  const CellKey second = Start(2, 5);
  EXPECT_EQ(Next<EngineFinished>().outcomes[0].cell, first);
  EXPECT_EQ(Next<EngineReady>().run, RunId(2));
  EXPECT_EQ(Next<EngineFinished>().outcomes[0].cell, second);
}

TEST_F(EngineThreadTest, ACellBeyondTheEnginesRoomWaitsForIt) {
  Load(1);
  for (int arm = 1; arm <= 5; ++arm) Start(1, arm);
  size_t done = 0;
  while (done < 5) done += Next<EngineFinished>().outcomes.size();
  EXPECT_EQ(done, 5U);
}

TEST_F(EngineThreadTest, ARunWhoseModelCannotBeLoadedIsRefusedWithTheReason) {
  Load(1, "refused");
  const EngineRefused refused = Next<EngineRefused>();
  EXPECT_EQ(refused.run, RunId(1));
  EXPECT_EQ(refused.reason, Reason::kModelMismatch);
  EXPECT_EQ(refused.message, "other weights");
  Load(2);
  EXPECT_EQ(Next<EngineReady>().run, RunId(2));
}

TEST_F(EngineThreadTest, ACellThatCannotBeStartedFailsAlone) {
  Load(1);
  const CellKey bad = Start(1, 5, "nonsense");
  const CellKey good = Start(1, 6);
  const EngineFailed failed = Next<EngineFailed>();
  EXPECT_EQ(failed.cell, bad);
  EXPECT_THAT(failed.error, HasSubstr("nonsense"));
  EXPECT_EQ(Next<EngineFinished>().outcomes[0].cell, good);
}

TEST_F(EngineThreadTest, ABrokenEngineFailsWhatRanAndIsLoadedAnew) {
  Load(1, "breaks");
  const CellKey cell = Start(1, 5);
  const EngineFailed failed = Next<EngineFailed>();
  EXPECT_EQ(failed.cell, cell);
  EXPECT_THAT(failed.error, HasSubstr("the device is lost"));
  Start(1, 5);
  EXPECT_EQ(Next<EngineFinished>().outcomes[0].cell, cell);
  engine_.reset();
  EXPECT_EQ(loads_.size(), 2U);
}

TEST_F(EngineThreadTest, ACancelledCellIsForgotten) {
  Load(1);
  for (int arm = 1; arm <= 2; ++arm) Start(1, arm);
  const CellKey unwanted = Start(1, 3);
  engine_->Send(CancelCells{{unwanted}});
  const CellKey last = Start(1, 4);
  std::vector<CellKey> finished;
  while (finished.empty() || finished.back() != last) {
    for (const Outcome& outcome : Next<EngineFinished>().outcomes) finished.push_back(outcome.cell);
  }
  // It may have been done before the word came; it is never told twice.
  EXPECT_LE(std::count(finished.begin(), finished.end(), unwanted), 1);
}

TEST(FindModelTest, NamesTheModelThatIsNotThereAndTheOneThatIsAnother) {
  RunDescription run;
  run.run = RunId(3);
  run.model_path = "/nowhere/demo";
  const absl::Status missing = FindModel(run, {{"/also/nowhere"}, 1}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("/nowhere/demo, /also/nowhere/demo"));
  run.model_path = "/elsewhere/model";
  const absl::Status other = FindModel(run, {{SourceDir() + "/demo"}, 1}).status();
  EXPECT_EQ(ReasonOf(other), Reason::kModelMismatch) << other.message();
  EXPECT_THAT(std::string(other.message()), HasSubstr("tokenizer has fingerprint"));
}

TEST_F(EngineThreadTest, AnOutcomeBringsTheHiddenStatesThatWereAskedFor) {
  Load(1);
  StartCell start{{RunId(1), QuestionId(1), ArmId(1), 0}, "baseline", {100, 7}};
  start.hidden_after = {0, 3};
  engine_->Send(start);
  const EngineFinished finished = Next<EngineFinished>();
  ASSERT_EQ(finished.outcomes.size(), 1U);
  const Outcome& outcome = finished.outcomes[0];
  EXPECT_FALSE(outcome.tokens.empty());
  const std::vector<HiddenState> expected = {{0, FakeHidden({100, 7}, Arm(), 0, {})},
                                             {3, FakeHidden({100, 7}, Arm(), 3, {})}};
  EXPECT_EQ(outcome.hidden, expected);
}

TEST_F(EngineThreadTest, AnEmbedRunGeneratesNothingAndSharesTheSweepsModel) {
  Load(1);
  Load(2, "model", 1, "embed");
  Next<EngineReady>();
  Next<EngineReady>();
  EXPECT_EQ(loads_.size(), 1U);  // the sweep's model serves
  // Five layers of one prompt, at a capacity of two.
  std::vector<CellKey> cells;
  for (const int32_t layer : {0, 1, 2, 3, 7}) {
    cells.push_back({RunId(2), QuestionId(1), ArmId(1), layer});
    engine_->Send(StartCell{cells.back(), "baseline", {100, 7}});
  }
  std::vector<Outcome> outcomes;
  while (outcomes.size() < cells.size()) {
    for (const Outcome& outcome : Next<EngineFinished>().outcomes) outcomes.push_back(outcome);
  }
  std::sort(outcomes.begin(), outcomes.end(),
            [](const Outcome& a, const Outcome& b) { return a.cell < b.cell; });
  for (size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ(outcomes[i].cell, cells[i]);
    EXPECT_TRUE(outcomes[i].tokens.empty());
    EXPECT_EQ(outcomes[i].text, "");
    ASSERT_EQ(outcomes[i].hidden.size(), 1U);
    EXPECT_EQ(outcomes[i].hidden[0].layer, cells[i].sample);
    const std::vector<float> expected = FakeHidden({100, 7}, Arm(), cells[i].sample, {});
    EXPECT_EQ(outcomes[i].hidden[0].values, expected);
    EXPECT_EQ(outcomes[i].logprobs_hash, Sha256(FloatBytes(expected)).Raw());
  }
}

}  // namespace
}  // namespace sprint::testing
