// The real programs over the demo model: Best-of-N from the first command to the table.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "tests/cli/program.h"
#include "tests/cli/sprint_folder.h"
#include "tests/testing/reward_model.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::ProgramResult;
using Arguments = std::vector<std::string>;

class Bon : public testing::SprintFolder {
 protected:
  static Arguments OnDemo(const std::string& command, const Arguments& more) {
    Arguments arguments = {command, testing::SourceDir() + "/demo/sweep.yaml", "--worker-threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static const Json* Row(const Json& votes, const std::string& method, int n,
                         const std::string& aggregation) {
    for (const Json& row : votes["rows"]) {
      if (row["method"] == method && row["n"] == n && row["aggregation"] == aggregation) return &row;
    }
    return nullptr;
  }
};

TEST_F(Bon, RunsEveryMethodAndComparesThem) {
  ASSERT_EQ(Sprint(OnDemo("launch", {"--limit", "20", "--arms", "L0H*,L3H*", "--name", "train"})).exit_code,
            0);
  std::string lines;
  for (int i = 20; i < 30; ++i) {
    absl::StrAppend(&lines, "{\"id\": \"heldout-", i,
                    "\", \"arms\": [\"baseline\", \"L3H2\", \"L0H4\"], \"scores\": [0.5, 0.3, 0.2]}\n");
  }
  ASSERT_OK(WriteFileAtomically(folder_.File("arms.jsonl"), lines));
  const Arguments bon = OnDemo("bon", {"--offset", "20", "--limit", "10", "--train", "train", "--choices",
                                       "arms.jsonl", "--n", "3", "--name", "b"});
  Arguments dry = bon;
  dry.emplace_back("--dry-run");
  const Json plan = SprintJson(dry);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[1]["experiment"], "b-sampled");
  EXPECT_EQ(plan[1]["cells"], 10 * (3 + 2)) << "three samples; the baseline that is selected is one of them";
  const Json votes = SprintJson(bon);
  EXPECT_EQ(votes["questions"], 10);
  EXPECT_EQ(votes["left_out"], 0);
  EXPECT_EQ(votes["unanswered"], 0);
  EXPECT_EQ(votes["reference"], "samples");
  for (const char* method :
       {"samples", "random", "selector", "selector-sampled", "average", "best-arms", "set-cover"}) {
    for (const char* aggregation : {"coverage", "majority", "weighted", "best"}) {
      const Json* row = Row(votes, method, 3, aggregation);
      ASSERT_NE(row, nullptr) << method << " " << aggregation;
      EXPECT_GT((*row)["mean_tokens"], 0);
      const Json* coverage = Row(votes, method, 3, "coverage");
      EXPECT_LE((*row)["accuracy"]["mean"].get<double>(),
                (*coverage)["accuracy"]["mean"].get<double>() + 1e-9);
    }
  }
  // The first choice is the baseline, greedy: so both say the same of one answer.
  EXPECT_EQ((*Row(votes, "selector", 1, "coverage"))["accuracy"],
            (*Row(votes, "baseline", 1, "coverage"))["accuracy"]);
  // From the database alone, and again by the same command, which computes nothing.
  EXPECT_EQ(SprintJson({"votes", "b", "--n", "1,2,3"}), votes);
  EXPECT_THAT(Sprint({"votes", "b", "--aggregation", "majority"}).out,
              HasSubstr("given most often is right"));
  const ProgramResult again = Sprint(bon);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("continues b (experiment 2)"));
  EXPECT_THAT(again.err, HasSubstr("continues b-sampled (experiment 3)"));
  EXPECT_THAT(again.err, ::testing::Not(HasSubstr(" 1 to compute")));
  EXPECT_EQ(Sprint({"db", "check"}).exit_code, 0);
}

TEST_F(Bon, ARewardModelScoresAnswersAndTheirStepsForTheVotes) {
  std::vector<float> head;
  for (int i = 0; i < 96; ++i) head.push_back(0.01F * static_cast<float>(i % 7 - 3));
  testing::WriteRewardModel(folder_.File("rm"), head);
  ASSERT_EQ(
      Sprint(OnDemo("bon", {"--limit", "6", "--methods", "samples", "--n", "3", "--name", "b"})).exit_code,
      0);
  const Json scored = SprintJson({"score", "b-sampled", "--reward-model", "rm", "--worker-threads", "1"});
  EXPECT_EQ(scored["answers"], 18);
  // A score is of its text alone: equal texts have one cell, and another worker count gives the same numbers.
  const std::string scores =
      "SELECT problem, logprob_sum, tokens FROM v_outcome WHERE experiment_id = 2 ORDER BY 1";
  const Json rows = SprintJson({"query", scores});
  ASSERT_EQ(rows.size(), 18u);
  EXPECT_EQ(rows[0]["problem"], "heldout-0/baseline/0/0");
  EXPECT_EQ(rows[0]["tokens"], 0) << "nothing is generated";
  double largest = 0;
  for (const Json& row : rows) largest = std::max(largest, std::abs(row["logprob_sum"].get<double>()));
  EXPECT_GT(largest, 0);
  const Json votes = SprintJson({"votes", "b-sampled", "--reward", "b-sampled-scores", "--n", "1,3"});
  EXPECT_EQ(votes["questions"], 6);
  ASSERT_NE(Row(votes, "samples", 3, "best"), nullptr);
  // Steps end behind " . ": there are more of them than answers, and the last is the whole answer.
  const Json steps = SprintJson({"score", "b-sampled", "--reward-model", "rm", "--worker-threads", "1",
                                 "--steps", " . ", "--name", "steps"});
  EXPECT_EQ(steps["answers"], 18);
  EXPECT_EQ(steps["mean_last_score"], scored["mean_last_score"]);
  EXPECT_GT(SprintJson({"query", "SELECT * FROM v_outcome WHERE experiment_id = 3"}).size(), 18u);
  EXPECT_EQ(SprintJson({"votes", "b-sampled", "--reward", "steps", "--n", "1,3"})["rows"], votes["rows"]);
  EXPECT_EQ(SprintJson({"votes", "b-sampled", "--reward", "steps", "--reduce", "min"})["questions"], 6);
  // What is no reward model, and what holds no scores, says so.
  EXPECT_THAT(Sprint({"score", "b-sampled", "--reward-model", testing::SourceDir() + "/demo/model"}).err,
              HasSubstr("without a head that scores"));
  EXPECT_THAT(Sprint({"votes", "b-sampled", "--reward", "b-sampled"}).err, HasSubstr("holds no scores"));
  EXPECT_THAT(Sprint(OnDemo("launch", {"--model", "rm", "--limit", "2"})).err,
              HasSubstr("is a reward model"));
}

TEST_F(Bon, AProcessRewardModelScoresAtItsStepTokens) {
  ASSERT_EQ(Sprint(OnDemo("launch", {"--limit", "4", "--arms", "L0H1", "--name", "s"})).exit_code, 0);
  const std::string demo = testing::SourceDir() + "/demo/model";
  const Arguments by_tokens = {"score",        "s",       "--reward-model",   demo, "--steps", " . ",
                               "--step-token", "<|end|>", "--worker-threads", "1"};
  const auto with = [&](const Arguments& more) {
    Arguments arguments = by_tokens;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  // The language model's own tokens, one digit against another.
  const Json scored = SprintJson(with({"--good-token", "7", "--bad-token", "8"}));
  EXPECT_EQ(scored["answers"], 8);
  const Json texts = SprintJson(
      {"query",
       "SELECT v.problem, q.prompt, v.logprob_sum FROM v_outcome v JOIN question q USING (question_id) "
       "WHERE v.experiment = 's-scores'"});
  EXPECT_GT(texts.size(), 8u) << "answers have several steps";
  for (const Json& row : texts) {
    EXPECT_TRUE(row["prompt"].get<std::string>().ends_with("<|end|>")) << row;
    EXPECT_GT(row["logprob_sum"], 0);
    EXPECT_LT(row["logprob_sum"], 1);
  }
  EXPECT_EQ(SprintJson({"votes", "s", "--reward", "s-scores", "--reduce", "min"})["questions"], 4);
  // Other tokens are other scores of the same texts, and do not take the first ones' place.
  EXPECT_EQ(SprintJson(with({"--good-token", "8", "--bad-token", "7", "--name", "other"}))["answers"], 8);
  EXPECT_EQ(
      SprintJson({"query",
                  "SELECT abs(a.logprob_sum + b.logprob_sum - 1) < 1e-9 AS complement FROM v_outcome a JOIN "
                  "v_outcome b ON b.problem = a.problem AND b.experiment = 'other' WHERE a.experiment = "
                  "'s-scores' GROUP BY 1"}),
      Json::parse(R"([{"complement": 1}])"));
  EXPECT_THAT(Sprint(with({})).err, HasSubstr("--good-token, --bad-token"));
  EXPECT_THAT(Sprint(with({"--good-token", "7"})).err, HasSubstr("go together"));
  EXPECT_THAT(Sprint(with({"--good-token", "books", "--bad-token", "7 8 9"})).err, HasSubstr("it takes one"));
  EXPECT_THAT(Sprint(with({"--good-token", "7", "--bad-token", "8", "--template", "{answer}!"})).err,
              HasSubstr("ends with {answer}"));
}

TEST_F(Bon, AsksNoQuestionThatWasTrainedOn) {
  ASSERT_EQ(Sprint(OnDemo("launch", {"--limit", "6", "--arms", "L0H*", "--name", "train"})).exit_code, 0);
  const Arguments bon =
      OnDemo("bon", {"--limit", "8", "--train", "train", "--n", "2", "--methods", "average"});
  const ProgramResult refused = Sprint(bon);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("6 of the 8 questions are training questions of train"));
  Arguments allowed = bon;
  allowed.emplace_back("--allow-seen");
  const ProgramResult result = Sprint(allowed);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("average"));
  EXPECT_THAT(result.out, HasSubstr("Nothing to compare with"));
  Arguments skipping = bon;
  skipping.insert(skipping.end(), {"--skip-seen", "--name", "others"});
  EXPECT_EQ(SprintJson(skipping)["questions"], 2) << "the other two";
  EXPECT_THAT(Sprint(skipping).err, HasSubstr("left out: 6 questions that training saw; 2 are asked"));
  const ProgramResult none = Sprint(
      OnDemo("bon", {"--limit", "6", "--train", "train", "--n", "2", "--methods", "average", "--skip-seen"}));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("all 6 questions were seen in training"));
}

}  // namespace
}  // namespace sprint
