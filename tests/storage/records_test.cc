// Identities are stored for ever: these values freeze their layouts.
#include "storage/records.h"

#include <algorithm>

#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

TEST(Records, RunHashIsFrozen) {
  EXPECT_EQ(TestRun().ContentHash().Hex(),
            "8b1c83fa6aac5436bcd9c6046904387814ccf11375a3aa5c9692a32b1ec882a3");
}

TEST(Records, QuestionHashIsFrozen) {
  EXPECT_EQ(TestQuestion(4).ContentHash().Hex(),
            "d33161424fa3ac80caeca58e94df39d3f0ebda988bb0050b3e940753e5bc0f7a");
}

TEST(Records, SelectionHashIsFrozen) {
  EXPECT_EQ(GridPlan(3, 4, 2).SelectionHash().Hex(),
            "bf96dd7b4396b0ff1494fd9a1a6d4da95fe36e8b4613fb7099cbfb0a052b7891");
}

TEST(Records, EveryPartOfARunThatChangesItsTextsChangesItsHash) {
  const Hash256 hash = TestRun().ContentHash();
  const auto differs = [&hash](auto change) {
    RunRecord run = TestRun();
    change(run);
    return run.ContentHash() != hash;
  };
  EXPECT_TRUE(differs([](RunRecord& run) { run.weights_hash = Sha256("x"); }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.tokenizer_hash = Sha256("x"); }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.dtype = "bf16"; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.engine_mode = "fast"; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.sampler_version = 1; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.decoding.max_new_tokens = 65; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.decoding.stop_tokens = {7, 2}; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.seed = 2; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.decoding.sampling.temperature = 0.7; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.decoding.sampling.repetition_penalty = 1.1; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.decoding.stop_strings = {"Q:"}; }));
  EXPECT_TRUE(differs([](RunRecord& run) { run.decoding.loop_repeats = 6; }));
  EXPECT_FALSE(differs([](RunRecord& run) { run.model_name = "other"; }));
  EXPECT_FALSE(differs([](RunRecord& run) { run.model_path = "other"; }));
}

TEST(Records, AQuestionIsItsTokensAndNotItsText) {
  QuestionRecord question = TestQuestion(1);
  question.prompt = "another rendering";
  EXPECT_EQ(question.ContentHash(), TestQuestion(1).ContentHash());
  question.tokens.push_back(0);
  EXPECT_NE(question.ContentHash(), TestQuestion(1).ContentHash());
}

TEST(Records, ASelectionIsItsCellsAndGolds) {
  const ExperimentPlan plan = GridPlan(3, 4, 2);
  const Hash256 hash = plan.SelectionHash();
  const auto differs = [&](auto change) {
    ExperimentPlan other = plan;
    change(other);
    return other.SelectionHash() != hash;
  };
  EXPECT_TRUE(differs([](ExperimentPlan& p) { p.blocks[0].arms.pop_back(); }));
  EXPECT_TRUE(differs([](ExperimentPlan& p) { p.blocks[0].questions.pop_back(); }));
  EXPECT_TRUE(differs([](ExperimentPlan& p) { p.blocks[0].samples = 3; }));
  EXPECT_TRUE(differs([](ExperimentPlan& p) { p.blocks[0].first_sample = 1; }));
  EXPECT_TRUE(differs([](ExperimentPlan& p) { p.problems[0].gold = "another"; }));
  EXPECT_TRUE(differs([](ExperimentPlan& p) { p.runs[0].seed = 5; }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) {
    p.name = "other";
    p.spec = "more";
  }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) { p.priority = 3; }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) { p.mixed_numerics = true; }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) { p.problems[0].subject = "other"; }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) { p.runs[0].model_path = "other"; }));
  EXPECT_FALSE(
      differs([](ExperimentPlan& p) { std::reverse(p.blocks[0].arms.begin(), p.blocks[0].arms.end()); }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) { std::reverse(p.problems.begin(), p.problems.end()); }));
  EXPECT_FALSE(differs([](ExperimentPlan& p) {  // numbered otherwise
    std::reverse(p.arms.begin(), p.arms.end());
  }));
}

}  // namespace
}  // namespace sprint::testing
