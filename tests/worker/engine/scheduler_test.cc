#include "worker/engine/scheduler.h"

#include "base/rng.h"
#include "base/status.h"
#include "tests/testing/testing.h"
#include "worker/engine/attention.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() {
    config_.layers = 2;
    config_.heads = 2;
    config_.vocab = 100;
    config_.context = 1000;
    options_.max_sequences = 4;
    options_.max_tokens_per_step = 10;
    options_.kv_blocks = 8;
  }
  static SequenceRequest Request(SequenceId id, int64_t prompt, int32_t new_tokens) {
    SequenceRequest request;
    request.id = id;
    request.prompt.assign(static_cast<size_t>(prompt), static_cast<int32_t>(id));
    request.decoding.max_new_tokens = new_tokens;
    return request;
  }
  // One step that gives every waiting row token 7.
  static std::vector<SequenceResult> Step(Scheduler& scheduler) {
    const size_t rows = scheduler.Plan().logit_rows.size();
    return scheduler.Commit(std::vector<int32_t>(rows, 7), std::vector<float>(rows, -1.0f));
  }
  ModelConfig config_;
  SchedulerOptions options_;
};

TEST_F(SchedulerTest, APromptIsCutIntoChunksAndOnlyItsLastRowAsksForAToken) {
  Scheduler scheduler(config_, options_);
  ASSERT_OK(scheduler.Submit(Request(1, 23, 2)));
  std::vector<int64_t> rows;
  std::vector<size_t> asked;
  while (!scheduler.Idle()) {
    const StepBatch& batch = scheduler.Plan();
    rows.push_back(batch.rows());
    asked.push_back(batch.logit_rows.size());
    scheduler.Commit(std::vector<int32_t>(batch.logit_rows.size(), 7),
                     std::vector<float>(batch.logit_rows.size()));
  }
  EXPECT_THAT(rows, ElementsAre(10, 10, 3, 1));
  EXPECT_THAT(asked, ElementsAre(0, 0, 1, 1));
}

TEST_F(SchedulerTest, DecodingSequencesGoFirstAndPromptsFillTheRest) {
  Scheduler scheduler(config_, options_);
  ASSERT_OK(scheduler.Submit(Request(1, 3, 5)));
  Step(scheduler);
  ASSERT_OK(scheduler.Submit(Request(2, 30, 5)));
  const StepBatch& batch = scheduler.Plan();
  ASSERT_EQ(batch.sequences.size(), 2u);
  EXPECT_EQ(batch.sequences[0].first_position, 3);
  EXPECT_EQ(batch.sequences[0].rows, 1);
  EXPECT_EQ(batch.sequences[1].first_row, 1);
  EXPECT_EQ(batch.sequences[1].rows, 9);
  EXPECT_EQ(batch.tokens[0], 7);  // the token that step one gave
  EXPECT_EQ(batch.tokens[1], 2);
  EXPECT_THAT(batch.logit_rows, ElementsAre(0));
}

TEST_F(SchedulerTest, TokensReachTheSequenceThatAskedWhateverTheOrder) {
  Scheduler scheduler(config_, options_);
  ASSERT_OK(scheduler.Submit(Request(1, 12, 2)));  // still a prompt in the second step
  ASSERT_OK(scheduler.Submit(Request(2, 1, 2)));
  scheduler.Plan();
  scheduler.Commit({}, {});
  ASSERT_EQ(scheduler.Plan().logit_rows.size(), 2u);
  EXPECT_THAT(scheduler.Commit({11, 22}, {-1, -2}), IsEmpty());
  ASSERT_OK(scheduler.Submit(Request(3, 1, 1)));
  scheduler.Plan();
  const std::vector<SequenceResult> done = scheduler.Commit({12, 23, 34}, {-3, -4, -5});
  ASSERT_EQ(done.size(), 3u);
  EXPECT_THAT(done[0].tokens, ElementsAre(11, 12));
  EXPECT_THAT(done[1].tokens, ElementsAre(22, 23));
  EXPECT_THAT(done[1].logprobs, ElementsAre(-2, -4));
  EXPECT_THAT(done[2].tokens, ElementsAre(34));
}

TEST_F(SchedulerTest, ASequenceWaitsUntilWhatItKnowsFitsAndIsNotOvertaken) {
  Scheduler scheduler(config_, options_);
  options_.max_tokens_per_step = 1000;
  // 8 blocks of 32: the first holds 5, the second needs 4 and must wait, the third is not let past it.
  ASSERT_OK(scheduler.Submit(Request(1, 5 * kBlockTokens, 2)));
  ASSERT_OK(scheduler.Submit(Request(2, 4 * kBlockTokens, 2)));
  ASSERT_OK(scheduler.Submit(Request(3, 1, 1)));
  EXPECT_EQ(scheduler.Plan().sequences.size(), 1u);
  scheduler.Commit({}, {});
  scheduler.Cancel(1);
  EXPECT_EQ(scheduler.pool().available(), 8);
  int finished = 0;
  while (!scheduler.Idle()) finished += static_cast<int>(Step(scheduler).size());
  EXPECT_EQ(finished, 2);
  EXPECT_EQ(scheduler.pool().in_use(), 0);
}

TEST_F(SchedulerTest, TheYoungestGivesItsBlocksBackAndIsComputedAgainFromItsTokens) {
  options_.kv_blocks = 4;
  options_.max_tokens_per_step = 100;
  Scheduler scheduler(config_, options_);
  ASSERT_OK(scheduler.Submit(Request(1, 30, 60)));
  ASSERT_OK(scheduler.Submit(Request(2, 30, 60)));
  std::vector<SequenceResult> done;
  int64_t recomputed = 0;
  while (!scheduler.Idle()) {
    const StepBatch& batch = scheduler.Plan();
    ASSERT_GT(batch.rows(), 0);
    for (const StepSequence& sequence : batch.sequences) {
      if (sequence.rows > 30) {
        recomputed = sequence.rows;
        EXPECT_EQ(batch.tokens[static_cast<size_t>(sequence.first_row)], 2);       // its prompt,
        EXPECT_EQ(batch.tokens[static_cast<size_t>(sequence.first_row) + 30], 7);  // then its tokens
      }
    }
    for (SequenceResult& result : scheduler.Commit(std::vector<int32_t>(batch.logit_rows.size(), 7),
                                                   std::vector<float>(batch.logit_rows.size(), -1.0f))) {
      done.push_back(std::move(result));
    }
    ASSERT_LE(scheduler.pool().in_use(), 4);
  }
  EXPECT_GT(scheduler.preemptions(), 0);
  EXPECT_GT(recomputed, 30);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].id, 1);  // the oldest was never preempted
  EXPECT_EQ(done[1].tokens.size(), 60u);
  EXPECT_EQ(scheduler.pool().in_use(), 0);
}

TEST_F(SchedulerTest, OneThatEndsIsReplacedInTheNextStepByOneThatWaited) {
  options_.max_sequences = 1;
  options_.max_waiting = 1;
  Scheduler scheduler(config_, options_);
  ASSERT_OK(scheduler.Submit(Request(1, 2, 1)));
  ASSERT_OK(scheduler.Submit(Request(2, 3, 1)));
  EXPECT_EQ(scheduler.Capacity(), 0);
  EXPECT_EQ(scheduler.Plan().rows(), 2);
  EXPECT_EQ(scheduler.Commit({7}, {0}).size(), 1u);
  EXPECT_EQ(scheduler.Capacity(), 1);
  EXPECT_EQ(scheduler.Plan().rows(), 3);
}

TEST_F(SchedulerTest, RandomLoadsEndWithinTheMemoryWhateverIsCancelled) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    CounterRng rng(seed, /*stream=*/0);
    options_.kv_blocks = 4 + static_cast<int64_t>(rng.NextBelow(8));
    options_.max_waiting = 3;
    Scheduler scheduler(config_, options_);
    SequenceId next = 1;
    int64_t steps = 0;
    while (next < 60 || !scheduler.Idle()) {
      while (next < 60 && scheduler.Capacity() > 0) {
        ASSERT_OK(scheduler.Submit(Request(next++, 1 + static_cast<int64_t>(rng.NextBelow(60)),
                                           1 + static_cast<int32_t>(rng.NextBelow(60)))));
      }
      if (rng.NextBelow(20) == 0) scheduler.Cancel(next - static_cast<int64_t>(rng.NextBelow(5)));
      if (scheduler.Idle()) continue;
      ASSERT_GT(scheduler.Plan().rows(), 0) << "seed " << seed;
      const size_t rows = scheduler.Plan().logit_rows.size();
      scheduler.Commit(std::vector<int32_t>(rows, 7), std::vector<float>(rows, -1.0f));
      ASSERT_LT(++steps, 20000);
    }
    EXPECT_EQ(scheduler.pool().in_use(), 0);
  }
}

TEST_F(SchedulerTest, WhatTheMemoryCanNeverHoldIsRefusedAtOnce) {
  Scheduler scheduler(config_, options_);
  const absl::Status status = scheduler.Submit(Request(1, 200, 100));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), Reason::kOutOfMemory);
  EXPECT_TRUE(scheduler.Idle());
}

TEST_F(SchedulerTest, TheContextBoundsTheWorstCase) {
  config_.context = 40;
  options_.kv_blocks = 2;
  Scheduler scheduler(config_, options_);
  ASSERT_OK(scheduler.Submit(Request(1, 30, 1000000)));
  std::vector<SequenceResult> done;
  while (!scheduler.Idle()) done = Step(scheduler);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].finish, FinishReason::kContext);
  EXPECT_EQ(done[0].tokens.size(), 11u);
}

TEST_F(SchedulerTest, StopStringsAndLoopsEndAnAnswerWithReasonsOfTheirOwn) {
  options_.token_bytes = [](int32_t id) { return std::string(1, static_cast<char>('a' + id)); };
  Scheduler scheduler(config_, options_);
  SequenceRequest strings = Request(1, 3, 50);
  strings.decoding.stop_strings = {"hhh"};  // token 7 is "h"
  SequenceRequest loop = Request(2, 3, 50);
  loop.decoding.loop_repeats = 5;
  ASSERT_OK(scheduler.Submit(strings));
  ASSERT_OK(scheduler.Submit(loop));
  std::vector<SequenceResult> done;
  while (!scheduler.Idle()) {
    for (SequenceResult& result : Step(scheduler)) done.push_back(std::move(result));
  }
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].finish, FinishReason::kStopString);
  EXPECT_EQ(done[0].tokens.size(), 3u);
  EXPECT_EQ(done[1].finish, FinishReason::kLoop);
  EXPECT_EQ(done[1].tokens.size(), 5u);
}

TEST_F(SchedulerTest, StopStringsWithoutATokenizerAndRulesOutOfRangeAreRefused) {
  Scheduler scheduler(config_, options_);
  SequenceRequest request = Request(1, 3, 50);
  request.decoding.stop_strings = {"x"};
  EXPECT_EQ(scheduler.Submit(request).code(), absl::StatusCode::kInvalidArgument);
  request = Request(1, 3, 50);
  request.decoding.sampling.top_p = 0;
  EXPECT_EQ(scheduler.Submit(request).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SchedulerTest, ABlockIsFreedWithItsLastReference) {
  BlockPool pool(2);
  const int32_t block = pool.Take();
  pool.Ref(block);
  pool.Unref(block);
  EXPECT_EQ(pool.references(block), 1);
  EXPECT_EQ(pool.in_use(), 1);
  pool.Unref(block);
  EXPECT_EQ(pool.in_use(), 0);
  EXPECT_EQ(pool.available(), 2);
}

}  // namespace
}  // namespace sprint::testing
