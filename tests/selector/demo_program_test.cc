// sprint select and sprint compare over the demo model: from a sweep to one question's answers.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tests/cli/program.h"
#include "tests/cli/sprint_folder.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::ProgramResult;
using Arguments = std::vector<std::string>;

// The 31st held-out problem, which no training here sees.
constexpr char kQuestion[] =
    "Start with 51. Multiply by 3. Then subtract 12. Then add 7. What is the result?";

class DemoSelector : public testing::SprintFolder {
 protected:
  Arguments Launch(const Arguments& more) const {
    Arguments arguments = {"launch", testing::SourceDir() + "/demo/sweep.yaml", "--worker-threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // demo.db's sweep `name`, frozen and trained on: NAME-1.selector.
  void Train(const std::string& name) {
    const ProgramResult trained = Sprint({"selector", "train", name, "--features", "hidden:1", "--epochs",
                                          "3", "--threads", "1", "--feature-cache", "features"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
};

TEST_F(DemoSelector, SelectRunsTheArmsThatItNamesAndVotes) {
  ASSERT_EQ(Sprint(Launch({"--limit", "30", "--arms", "L0H*", "--name", "little"})).exit_code, 0);
  Train("little");
  const Arguments select = {"select", "little-1.selector", kQuestion, "-n", "4", "--threads", "1", "--run"};
  const Json run = SprintJson(select);
  ASSERT_EQ(run["arms"].size(), 4u);
  ASSERT_EQ(run["answers"].size(), 4u);
  double probabilities = 0;
  double of_winner = 0;
  for (size_t i = 0; i < 4; ++i) {
    const Json& answer = run["answers"][i];
    EXPECT_EQ(answer["arm"], run["arms"][i]);
    EXPECT_GT(answer["tokens"], 0);
    EXPECT_LT(answer["logprob_mean"], 0);
    probabilities += run["scores"][i].get<double>();
    if (answer["answer"] == run["weighted"]["answers"][0]) of_winner += run["scores"][i].get<double>();
  }
  EXPECT_NEAR(run["weighted"]["share"].get<double>(), of_winner / probabilities, 1e-6);
  // `sprint try` answers the same.
  for (const Json& answer : run["answers"]) {
    if (answer["arm"] == "baseline") continue;
    const Json tried = SprintJson({"try", testing::SourceDir() + "/demo/model", "--prompt",
                                   absl::StrCat(kQuestion, "\nAnswer:"), "--arm", answer["arm"]});
    EXPECT_EQ(answer["text"], tried["answers"][1]["text"]) << answer["arm"];
  }
  const ProgramResult shown = Sprint(select);
  EXPECT_THAT(shown.out, HasSubstr("majority: "));
  EXPECT_THAT(shown.out, HasSubstr("weighted by probability: "));
  EXPECT_THAT(shown.out, HasSubstr("answer  tokens"));
  // Cut off before there is an answer: nothing to vote with.
  Arguments cut = select;
  cut.insert(cut.end(), {"--max-new-tokens", "2"});
  const ProgramResult short_run = Sprint(cut);
  EXPECT_EQ(short_run.exit_code, 0) << short_run.err;
  EXPECT_EQ(SprintJson(cut)["answers"][0]["finish"], "length");
}

}  // namespace
}  // namespace sprint
