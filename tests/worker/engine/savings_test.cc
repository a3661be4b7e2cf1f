// The scheduler's savings are lossless: the same ids, log-probabilities and hidden states with and
// without each, in any batch and any memory, over a runner whose every row depends on all before it.
#include <map>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "tests/testing/testing.h"
#include "tests/worker/engine/toy_runner.h"
#include "worker/engine/scheduler.h"

namespace sprint::testing {
namespace {

class SavingsTest : public ::testing::Test {
 protected:
  SavingsTest() {
    config_.layers = 6;
    config_.heads = 2;
    config_.hidden = 1;
    config_.vocab = 50;
    config_.context = 400;
    options_.max_sequences = 12;
    options_.max_waiting = 4;
    options_.max_tokens_per_step = 64;
    options_.kv_blocks = 800;
    options_.trace_bytes = 1 << 20;
  }
  struct Run {
    std::map<SequenceId, SequenceResult> results;
    int64_t computed = 0;  // rows times layers
    int64_t reused = 0;
    int64_t resumed = 0;
    int64_t followed = 0;
    int64_t preemptions = 0;
    int64_t drafted = 0;
    int64_t accepted = 0;
    int64_t steps = 0;
  };
  Run Compute(const std::vector<SequenceRequest>& requests, const SchedulerOptions& options,
              uint32_t rarely = 1) {
    Scheduler scheduler(config_, options);
    ToyRunner runner(config_, options.kv_blocks, rarely);
    Run run;
    StepOutput output;
    size_t next = 0;
    while (next < requests.size() || !scheduler.Idle()) {
      while (next < requests.size() && scheduler.Capacity() > 0)
        EXPECT_OK(scheduler.Submit(requests[next++]));
      const StepBatch& batch = scheduler.Plan();
      if (batch.rows() == 0) {
        ADD_FAILURE() << "sequences wait for each other";
        return run;
      }
      EXPECT_LE(batch.rows(), options.max_tokens_per_step);
      runner.Run(batch, &output);
      ++run.steps;
      for (SequenceResult& result : scheduler.Commit(output.next, output.logprobs)) {
        run.results[result.id] = std::move(result);
      }
      EXPECT_LE(scheduler.pool().in_use(), options.kv_blocks);
    }
    EXPECT_TRUE(runner.ordered());
    scheduler.MakeRoom(options.kv_blocks);
    EXPECT_EQ(scheduler.pool().in_use(), 0);  // nobody kept a block
    run.computed = runner.rows_by_layers();
    run.reused = scheduler.reused_tokens();
    run.resumed = scheduler.resumed_tokens();
    run.followed = scheduler.followed_tokens();
    run.preemptions = scheduler.preemptions();
    run.drafted = scheduler.drafted();
    run.accepted = scheduler.accepted();
    return run;
  }
  // `questions` that begin alike, each under the baseline and arms of every layer.
  std::vector<SequenceRequest> Sweep(int questions, int64_t prefix, uint64_t seed) const {
    CounterRng rng(seed, /*stream=*/0);
    const auto token = [&] { return static_cast<int32_t>(rng.NextBelow(50)); };
    std::vector<int32_t> common;
    for (int64_t i = 0; i < prefix; ++i) common.push_back(token());
    std::vector<SequenceRequest> requests;
    for (int question = 0; question < questions; ++question) {
      std::vector<int32_t> prompt = common;
      for (uint64_t n = 1 + rng.NextBelow(50); n > 0; --n) prompt.push_back(token());
      for (int32_t layer = -1; layer < config_.layers; ++layer) {
        SequenceRequest request;
        request.id = static_cast<SequenceId>(requests.size());
        request.prompt = prompt;
        if (layer >= 0) request.arm = *Arm::Parse(absl::StrCat("L", layer, "H1"));
        request.decoding.max_new_tokens = 1 + static_cast<int32_t>(rng.NextBelow(40));
        if (rng.NextBelow(3) == 0) request.decoding.sampling.temperature = 1;
        request.seed = 5;
        request.hidden_after = {0, 3, config_.layers - 1};
        requests.push_back(std::move(request));
      }
    }
    return requests;
  }
  static void ExpectEqual(const Run& a, const Run& b) {
    ASSERT_EQ(a.results.size(), b.results.size());
    for (const auto& [id, result] : a.results) {
      const SequenceResult& other = b.results.at(id);
      EXPECT_EQ(result.tokens, other.tokens) << id;
      EXPECT_EQ(result.logprobs, other.logprobs) << id;
      EXPECT_EQ(result.hidden, other.hidden) << id;
    }
  }
  ModelConfig config_;
  SchedulerOptions options_;
};

TEST_F(SavingsTest, ACommonBeginningIsComputedOncePerArm) {
  const std::vector<SequenceRequest> requests = Sweep(6, 96, 1);
  const Run off = Compute(requests, options_);
  options_.prefix_reuse = true;
  const Run on = Compute(requests, options_);
  ExpectEqual(off, on);
  // Five of the six questions find all three blocks under each of the seven arms.
  EXPECT_GE(on.reused, 5 * 7 * 96);
  EXPECT_EQ(off.computed - on.computed, on.reused * config_.layers);
}

TEST_F(SavingsTest, SamplesOfOnePromptAndArmComputeItOnce) {
  std::vector<SequenceRequest> requests;
  for (int32_t sample = 0; sample < 6; ++sample) {
    SequenceRequest request;
    request.id = sample;
    for (int32_t i = 0; i < 70; ++i) request.prompt.push_back(i % 50);
    request.decoding.max_new_tokens = 5;
    request.decoding.sampling.temperature = 1;
    request.sample = sample;
    requests.push_back(std::move(request));
  }
  const Run off = Compute(requests, options_);
  options_.prefix_reuse = true;
  const Run on = Compute(requests, options_);
  ExpectEqual(off, on);
  EXPECT_EQ(on.reused, 5 * 64);
}

TEST_F(SavingsTest, PromptsThatShareNothingLeaveNoBlocksBehind) {
  options_.prefix_reuse = true;
  Scheduler scheduler(config_, options_);
  ToyRunner runner(config_, options_.kv_blocks);
  StepOutput output;
  for (SequenceRequest& request : Sweep(3, 0, 7)) {
    request.prompt.resize(80, 1);
    ASSERT_OK(scheduler.Submit(request));
    while (!scheduler.Idle()) {
      runner.Run(scheduler.Plan(), &output);
      scheduler.Commit(output.next, output.logprobs);
    }
  }
  EXPECT_EQ(scheduler.pool().in_use(), 0);
  EXPECT_EQ(scheduler.reused_tokens(), 0);
}

TEST_F(SavingsTest, ArmsComputeAPromptFromTheirLayerUpwards) {
  const std::vector<SequenceRequest> requests = Sweep(4, 30, 2);
  const Run off = Compute(requests, options_);
  options_.layer_resume = true;
  const Run on = Compute(requests, options_);
  ExpectEqual(off, on);
  int64_t prompts = 0;  // each question's prompt, for the five arms above layer 0
  int64_t saved = 0;
  for (const SequenceRequest& request : requests) {
    const int32_t layer = request.arm.first_layer();
    if (layer < 1) continue;
    prompts += static_cast<int64_t>(request.prompt.size());
    saved += layer * static_cast<int64_t>(request.prompt.size());
  }
  EXPECT_EQ(on.resumed, prompts);
  EXPECT_EQ(off.computed - on.computed, saved);
}

// The tokens that arms are fed as the baseline of their question was; what its last step computes is not
// kept.
int64_t CommonTokens(const std::vector<SequenceRequest>& requests,
                     const std::map<SequenceId, SequenceResult>& results) {
  int64_t common = 0;
  const std::vector<int32_t>* baseline = nullptr;
  for (const SequenceRequest& request : requests) {
    const std::vector<int32_t>& tokens = results.at(request.id).tokens;
    if (request.arm.is_baseline()) baseline = &tokens;
    if (request.arm.first_layer() < 1) continue;
    const size_t most = std::min(tokens.size() - 1, baseline->size() - 2);
    for (size_t i = 0; i < most && tokens[i] == (*baseline)[i]; ++i) ++common;
  }
  return common;
}

TEST_F(SavingsTest, AnswersThatBeginAlikeAreComputedFromTheArmsLayerUpwards) {
  for (const uint32_t rarely : {20, 60, 1 << 20}) {
    std::vector<SequenceRequest> requests = Sweep(4, 30, 2);
    for (SequenceRequest& request : requests) request.decoding.max_new_tokens += 40;
    const Run off = Compute(requests, options_, rarely);
    SchedulerOptions options = options_;
    options.layer_resume = true;
    const Run on = Compute(requests, options, rarely);
    ExpectEqual(off, on);
    EXPECT_EQ(on.followed, CommonTokens(requests, off.results));
    EXPECT_GT(on.followed, 20);
    // Drafts of what the others answer are followed, too.
    options.max_draft = 6;
    options.step_cost = StepCost({{1, 1.0}, {64, 1.1}});
    const Run drafted = Compute(requests, options, rarely);
    ExpectEqual(off, drafted);
    EXPECT_GT(drafted.followed, 20);
    EXPECT_GT(drafted.accepted, 0);
  }
}

TEST_F(SavingsTest, WithoutABaselineTheHighestArmLeads) {
  std::vector<SequenceRequest> requests = Sweep(1, 40, 3);
  requests.erase(requests.begin());
  const Run off = Compute(requests, options_);
  options_.layer_resume = true;
  const Run on = Compute(requests, options_);
  ExpectEqual(off, on);
  EXPECT_EQ(on.resumed, 4 * static_cast<int64_t>(requests[0].prompt.size()));  // layers 1 to 4 follow 5
}

TEST_F(SavingsTest, WithoutRoomForTracesOrAnybodyToFollowNothingIsKept) {
  options_.layer_resume = true;
  options_.trace_bytes = 8;
  EXPECT_EQ(Compute(Sweep(2, 40, 4), options_).resumed, 0);
  options_.trace_bytes = 1 << 20;
  std::vector<SequenceRequest> alone = Sweep(1, 40, 4);
  alone.resize(1);
  EXPECT_EQ(Compute(alone, options_).resumed, 0);
}

// Each question four times under one arm: greedy answers repeat, drawn ones agree in places.
std::vector<SequenceRequest> Repeated(const std::vector<SequenceRequest>& requests) {
  std::vector<SequenceRequest> out;
  for (const SequenceRequest& request : requests) {
    for (int32_t sample = 0; sample < 4; ++sample) {
      out.push_back(request);
      out.back().id = static_cast<SequenceId>(out.size());
      out.back().sample = sample;
      out.back().decoding.max_new_tokens += 3 * sample;
      if (request.decoding.sampling.temperature > 0) out.back().decoding.sampling.temperature = 0.2;
    }
  }
  return out;
}

TEST_F(SavingsTest, DraftsFromKnownAnswersChangeStepsAndNotTokens) {
  const std::vector<SequenceRequest> requests = Repeated(Sweep(2, 20, 6));
  options_.max_sequences = 1;
  options_.max_waiting = 0;
  const Run off = Compute(requests, options_);
  options_.max_draft = 8;
  EXPECT_EQ(Compute(requests, options_).drafted, 0);  // without a measured cost none is tried
  options_.step_cost = StepCost({{1, 1.0}, {64, 1.1}});
  const Run on = Compute(requests, options_);
  ExpectEqual(off, on);
  EXPECT_GT(on.accepted, on.drafted / 4);
  EXPECT_EQ(off.steps - on.steps, on.accepted);
  EXPECT_LT(3 * on.steps, 2 * off.steps);
}

TEST_F(SavingsTest, NoDraftIsTriedWhereRowsCostWhatTokensDo) {
  const std::vector<SequenceRequest> requests = Repeated(Sweep(1, 20, 7));
  options_.max_draft = 8;
  options_.step_cost = StepCost({{1, 1.0}, {64, 64.0}});
  EXPECT_EQ(Compute(requests, options_).drafted, 0);
}

TEST_F(SavingsTest, AllSavingsTogetherAreLosslessInAnyMemoryAndStepWidth) {
  int64_t reused = 0;
  int64_t resumed = 0;
  int64_t followed = 0;
  int64_t preemptions = 0;
  int64_t accepted = 0;
  for (uint64_t seed = 10; seed < 42; ++seed) {
    CounterRng rng(seed, /*stream=*/1);
    std::vector<SequenceRequest> requests =
        Sweep(1 + static_cast<int>(rng.NextBelow(6)), static_cast<int64_t>(rng.NextBelow(100)), seed);
    if (seed % 3 == 0) requests = Repeated(requests);
    SchedulerOptions plain = options_;
    plain.max_sequences = 1;
    plain.max_tokens_per_step = 512;
    const auto rarely = static_cast<uint32_t>(1 + 30 * rng.NextBelow(3));
    const Run off = Compute(requests, plain, rarely);
    SchedulerOptions options = options_;
    options.max_sequences = 1 + static_cast<int>(rng.NextBelow(12));
    options.max_tokens_per_step = 12 + static_cast<int64_t>(rng.NextBelow(200));
    options.kv_blocks = 7 + static_cast<int64_t>(rng.NextBelow(40));
    options.prefix_reuse = rng.NextBelow(4) > 0;
    options.layer_resume = rng.NextBelow(4) > 0;
    options.trace_bytes = static_cast<int64_t>(rng.NextBelow(8000));
    options.max_draft = static_cast<int64_t>(rng.NextBelow(10));
    options.step_cost = StepCost({{1, 1.0}, {64, 1.0 + 0.5 * static_cast<double>(rng.NextBelow(10))}});
    const Run on = Compute(requests, options, rarely);
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    ExpectEqual(off, on);
    reused += on.reused;
    resumed += on.resumed;
    followed += on.followed;
    preemptions += on.preemptions;
    accepted += on.accepted;
  }
  EXPECT_GT(reused, 0);
  EXPECT_GT(resumed, 0);
  EXPECT_GT(followed, 0);
  EXPECT_GT(preemptions, 0);
  EXPECT_GT(accepted, 0);
}

TEST_F(SavingsTest, HiddenStatesOfALayerThatIsNotThereAreRefused) {
  Scheduler scheduler(config_, options_);
  SequenceRequest request = Sweep(1, 3, 1)[0];
  request.hidden_after = {config_.layers};
  EXPECT_EQ(scheduler.Submit(request).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sprint::testing
