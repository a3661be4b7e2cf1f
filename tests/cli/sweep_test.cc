// The real programs over the demo model: a sweep from the first command to the last row, whatever is
// killed meanwhile.

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "tests/cli/program.h"
#include "tests/cli/sprint_folder.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::ProgramResult;
using Arguments = std::vector<std::string>;

class Sweep : public testing::SprintFolder {
 protected:
  // The demo's spec with another selection.
  static Arguments Launch(const Arguments& more) {
    Arguments arguments = {"launch", testing::SourceDir() + "/demo/sweep.yaml", "--worker-threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  int64_t Number(const std::string& sql) {
    const Json rows = SprintJson({"query", sql});
    return rows.is_array() && rows.size() == 1 ? rows[0].begin().value().get<int64_t>() : -1;
  }
  // Asks until the latest experiment is as wished, for a minute: each question takes a while by itself.
  bool Eventually(const std::function<bool(const Json&)>& wish) {
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (absl::Now() < deadline) {
      const ProgramResult result = Sprint({"status", "--json"});
      const Json status = Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
      if (result.exit_code == 0 && status.is_object() && wish(status)) return true;
    }
    return false;
  }
  // All that must be equal however a sweep was interrupted.
  std::string Rows() {
    return Sprint({"query", "--csv",
                   "SELECT o.problem, o.arm, o.correct, answer_tokens(a.tokens) FROM v_outcome o JOIN answer "
                   "a ON "
                   "a.answer_id = o.answer_id ORDER BY o.problem, o.arm"})
        .out;
  }
};

TEST_F(Sweep, RunsToItsEndAndIsThereToQuery) {
  const ProgramResult launched = Sprint(Launch({"--limit", "10", "--arms", "L0H*"}));
  EXPECT_EQ(launched.exit_code, 0) << launched.err;
  EXPECT_THAT(launched.out, HasSubstr("70 of 70 cells"));
  EXPECT_THAT(launched.out, HasSubstr("What this shows, and what it cannot"));
  EXPECT_THAT(launched.err, HasSubstr("70/70"));
  EXPECT_FALSE(FileExists(folder_.File("sprint.db.endpoint"))) << "the coordinator it started has ended";
  EXPECT_EQ(Number("SELECT count(*) FROM outcome"), 70);
  const Json stats = SprintJson({"stats"});
  ASSERT_EQ(stats["arms"].size(), 7u);
  EXPECT_EQ(stats["arms"][0]["arm"], "baseline");
  EXPECT_EQ(stats["arms"][0]["questions"], 10);
  EXPECT_EQ(Sprint({"db", "check"}).exit_code, 0);
  const ProgramResult exported = Sprint({"export", "demo", "--out", "results/"});
  EXPECT_THAT(exported.err, HasSubstr("wrote 70 outcomes"));
  EXPECT_THAT(ReadFile(folder_.File("results/outcomes.jsonl")).value_or(""), HasSubstr("\\\\boxed{"));
}

TEST_F(Sweep, GrowsWithoutComputingARowAgain) {
  ASSERT_EQ(Sprint(Launch({"--limit", "8", "--arms", "L0H*"})).exit_code, 0);
  const Json plan = SprintJson(Launch({"--limit", "12", "--arms", "L0H*,L1H*", "--dry-run"}));
  EXPECT_EQ(plan["cells"], 12 * 13);
  EXPECT_EQ(plan["existing"], 8 * 7);
  EXPECT_EQ(plan["missing"], 12 * 13 - 8 * 7);
  EXPECT_EQ(plan["generated_at_most"], (12 * 13 - 8 * 7) * 64);
  EXPECT_GT(plan["tokens_per_second"], 0) << "measured by the first sweep";
  EXPECT_GT(plan["seconds"], 0);
  const int64_t last = Number("SELECT max(answer_id) FROM answer");
  const ProgramResult grown = Sprint(Launch({"--limit", "12", "--arms", "L0H*,L1H*"}));
  EXPECT_THAT(grown.err, HasSubstr("156 cells, 56 there already, 100 to compute"));
  EXPECT_EQ(Number(absl::StrCat("SELECT count(*) FROM answer WHERE answer_id > ", last)), 100);
  const ProgramResult again = Sprint(Launch({"--limit", "12", "--arms", "L1H*,L0H*", "--name", "other"}));
  EXPECT_THAT(again.err, HasSubstr("continues other"));
  EXPECT_THAT(again.err, HasSubstr("156 there already, 0 to compute"));
}

TEST_F(Sweep, RunsEachQuestionUnderArmsOfItsOwnAndKeepsWhatWasChosen) {
  ASSERT_OK(WriteFileAtomically(
      folder_.File("arms.jsonl"),
      "{\"id\": \"heldout-1\", \"arms\": [\"L3H5\", \"L0H1\"], \"scores\": [-0.5, -1]}\n"
      "{\"id\": \"heldout-0\", \"arms\": [\"L0H1\", \"baseline\"], \"scores\": [0.25, 0]}\n"
      "{\"id\": \"heldout-2\", \"arms\": [\"L0H1\"], \"scores\": [0]}\n"
      "{\"id\": \"heldout-9\", \"arms\": [\"L2H2\"]}\n"));
  const Arguments own = Launch({"--limit", "3", "--choices", "arms.jsonl"});
  Arguments dry = own;
  dry.emplace_back("--dry-run");
  const Json plan = SprintJson(dry);
  EXPECT_EQ(plan["cells"], 5);
  EXPECT_EQ(plan["missing"], 5);
  EXPECT_EQ(plan["arms"], 3) << "what is chosen for rows beyond the limit is passed over";
  const ProgramResult launched = Sprint(own);
  ASSERT_EQ(launched.exit_code, 0) << launched.err;
  EXPECT_THAT(launched.out, HasSubstr("arms of its own"));
  EXPECT_EQ(Sprint({"query", "--csv", "SELECT problem, arm FROM v_outcome ORDER BY 1, 2"}).out,
            "problem,arm\r\nheldout-0,L0H1\r\nheldout-0,baseline\r\nheldout-1,L0H1\r\nheldout-1,L3H5\r\n"
            "heldout-2,L0H1\r\n");
  EXPECT_EQ(Sprint({"query", "--csv", "SELECT arm, cells, done FROM v_arm_accuracy ORDER BY 1"}).out,
            "arm,cells,done\r\nL0H1,3,3\r\nL3H5,1,1\r\nbaseline,1,1\r\n");
  EXPECT_EQ(SprintJson(dry)["missing"], 0);
  EXPECT_THAT(Sprint(own).err, HasSubstr("continues demo"));
  EXPECT_EQ(Sprint({"db", "check"}).exit_code, 0);
  // The database's spec needs no file: it names the arms itself, in their order.
  ASSERT_EQ(Sprint({"export", "demo", "--out", "results/"}).exit_code, 0);
  EXPECT_THAT(ReadFile(folder_.File("results/spec.yaml")).value_or(""),
              HasSubstr("{id: heldout-1, arms: [L3H5, L0H1], scores: [-0.5, -1]"));
  ASSERT_EQ(std::remove(folder_.File("arms.jsonl").c_str()), 0);
  EXPECT_THAT(Sprint({"launch", "results/spec.yaml", "--worker-threads", "1"}).err,
              HasSubstr("5 there already, 0 to compute"));
}

TEST_F(Sweep, ScaledHeadsAreArmsOfTheirOwnBesideThePrunedOnes) {
  ASSERT_EQ(Sprint(Launch({"--limit", "6", "--arms", "L3H4-5,L3H5*0.25"})).exit_code, 0);
  const ProgramResult scaled =
      Sprint(Launch({"--limit", "6", "--arms", "L3H*", "--scale", "0.25", "--name", "s"}));
  EXPECT_THAT(scaled.err, HasSubstr("42 cells, 12 there already, 30 to compute"))
      << "the baseline's and one arm's";
  EXPECT_EQ(Number("SELECT count(*) FROM v_arm_accuracy WHERE experiment_id = 2 AND arm LIKE 'L3H_*0.25'"),
            6);
  EXPECT_EQ(Number("SELECT op FROM arm_edit JOIN arm USING (arm_id) WHERE name = 'L3H5*0.25'"), 10250);
  EXPECT_EQ(Sprint({"db", "check"}).exit_code, 0);
  const ProgramResult odd = Sprint(Launch({"--limit", "6", "--scale", "1"}));
  EXPECT_EQ(odd.exit_code, 1);
  EXPECT_THAT(odd.err, HasSubstr("a head cannot be scaled by 1"));
}

TEST_F(Sweep, GoesOnWhenItsCommandIsKilled) {
  {
    testing::Background launch(testing::BinDir() + "/sprint", Launch({"--limit", "60"}), folder_.path(),
                               folder_.File("out"), folder_.File("err"));
    ASSERT_TRUE(Eventually([](const Json& status) { return status["done"] > 0; }))
        << ReadFile(folder_.File("err")).value_or("");
    launch.Signal(SIGKILL);
    EXPECT_EQ(launch.Wait(), 128 + SIGKILL);
  }
  const ProgramResult resumed = Sprint({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(Number("SELECT count(*) FROM outcome"), 60 * 25);
  EXPECT_EQ(Number("SELECT count(*) FROM alarm"), 0);
}

TEST_F(Sweep, EqualsAnUninterruptedOneAfterCtrlCAndResume) {
  ASSERT_EQ(Sprint(Launch({"--limit", "40"})).exit_code, 0);
  const std::string expected = Rows();
  for (const char* file : {"sprint.db", "sprint.db-wal", "sprint.db-shm"}) {
    std::filesystem::remove(folder_.File(file));
  }
  testing::Background launch(testing::BinDir() + "/sprint", Launch({"--limit", "40"}), folder_.path(),
                             folder_.File("out"), folder_.File("err"));
  ASSERT_TRUE(Eventually([](const Json& status) { return status["done"] > 0; }));
  launch.Signal(SIGINT);
  launch.Wait();
  EXPECT_FALSE(FileExists(folder_.File("sprint.db.endpoint"))) << "a drained coordinator is gone";
  const ProgramResult resumed = Sprint({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(Rows(), expected);
}

TEST_F(Sweep, DetachesPausesAndIsResumed) {
  const ProgramResult launched = Sprint(Launch({"--limit", "120", "--detach", "--workers", "0"}));
  ASSERT_EQ(launched.exit_code, 0) << launched.err;
  EXPECT_EQ(launched.out, "1\n") << "the experiment's number, for scripts";
  EXPECT_EQ(Sprint({"workers", "--json"}).out, "[]\n");
  EXPECT_EQ(SprintJson({"pause", "demo"})["state"], "paused");
  EXPECT_EQ(Sprint({"shutdown", "--now"}).exit_code, 0);
  EXPECT_TRUE(Eventually([&](const Json&) { return !FileExists(folder_.File("sprint.db.endpoint")); }));
  // Without a coordinator, the database says the same.
  EXPECT_EQ(SprintJson({"status", "demo"})["state"], "paused");
  EXPECT_EQ(SprintJson({"cancel", "demo"})["state"], "cancelled");
  EXPECT_EQ(SprintJson({"list"})[0]["state"], "cancelled");
  EXPECT_EQ(Sprint({"delete", "demo"}).exit_code, 0);
  EXPECT_EQ(SprintJson({"list"}).size(), 0u);
}

TEST_F(Sweep, TriesOneArmBesideTheBaseline) {
  const Json tried =
      SprintJson({"try", testing::SourceDir() + "/demo/model", "--prompt",
                  "Start with 51. Multiply by 3. Subtract 17. What is the result?\nAnswer:", "--arm", "3:5"});
  ASSERT_EQ(tried["answers"].size(), 2u);
  EXPECT_EQ(tried["answers"][0]["arm"], "baseline");
  EXPECT_EQ(tried["answers"][1]["arm"], "L3H5");
  EXPECT_THAT(tried["answers"][0]["text"].get<std::string>(), HasSubstr("\\boxed{"));
  const ProgramResult missing = Sprint({"try", "nowhere", "--prompt", "x", "--arm", "0:0"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.err, "sprint: there is no model at nowhere; give a Hugging Face folder or a GGUF file\n");
}

}  // namespace
}  // namespace sprint
