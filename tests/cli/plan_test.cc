// sprint plan and sprint stats, as command lines.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/app.h"
#include "cli/commands.h"
#include "eval/statistics/power.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

struct Ran {
  int code = -1;
  std::string out, err;
};

Ran Sprint(const std::vector<std::string>& arguments) {
  App app;
  AddStats(app);
  AddPlan(app);
  Ran ran;
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  ran.code = app.Run(arguments);
  ran.out = ::testing::internal::GetCapturedStdout();
  ran.err = ::testing::internal::GetCapturedStderr();
  return ran;
}

// 20 questions of two subjects; the arm fixes four of them.
class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteStoreOptions options;
    options.path = path_;
    ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(options));
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store->CreateExperiment(GridPlan(20, 2), TestTime()));
    ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(const std::vector<GoldEntry> golds, store->Golds(created.id));
    WriteBatch batch;
    for (size_t q = 0; q < 20; ++q) {
      for (size_t arm = 0; arm < 2; ++arm) {
        batch.outcomes.push_back(TestOutcome(CellAt(record, q, arm)));
        batch.outcomes.back().experiments = {record.id};
        batch.outcomes.back().verdicts = {
            TestVerdict(batch.outcomes.back().cell, golds[q].gold, q < 10 || (arm == 1 && q < 14))};
      }
    }
    ASSERT_OK(store->Commit(batch));
  }
  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
};

TEST_F(PlanTest, SaysWhichEffectIsFoundAndHowManyQuestionsOneNeeds) {
  const Ran ran = Sprint(
      {"plan", "--questions", "500", "--arms", "270", "--discordance", "14", "--effect", "3", "--json"});
  ASSERT_EQ(ran.code, kExitDone) << ran.err;
  const Json row = Json::parse(ran.out)["rows"][0];
  const PowerDesign design{0.14, LevelOfOneTest(0.05, 270)};
  EXPECT_NEAR(row["effect"].get<double>(), *DetectableEffect(500, 0.8, design), 1e-5);
  EXPECT_EQ(row["questions_needed"], *QuestionsNeeded(0.03, 0.8, design));
  EXPECT_LT(row["effect_alone"].get<double>(), row["effect"].get<double>());
}

TEST_F(PlanTest, ShowsUsualDiscordancesWhereNoneIsKnown) {
  const Ran ran = Sprint({"plan", "--questions", "500", "--arms", "270"});
  EXPECT_THAT(ran.out, StartsWith("500 questions, 270 arms beside the baseline"));
  EXPECT_THAT(ran.out, HasSubstr("best by luck"));
  EXPECT_EQ(Json::parse(Sprint({"plan", "--questions", "500", "--json"}).out)["rows"].size(), 5u);
}

TEST_F(PlanTest, ReadsWhatIsNotGivenFromAnExperiment) {
  const Ran ran = Sprint({"plan", "--db", path_, "--from", "grid", "--effect", "5", "--json"});
  ASSERT_EQ(ran.code, kExitDone) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["questions"], 20);
  EXPECT_EQ(json["arms"], 1);
  EXPECT_DOUBLE_EQ(json["rows"][0]["discordance"].get<double>(), 0.2);
}

TEST_F(PlanTest, RefusesWhatItCannotPlan) {
  EXPECT_EQ(Sprint({"plan"}).code, kExitUsage);
  EXPECT_EQ(Sprint({"plan", "--questions", "0"}).code, kExitUsage);
  EXPECT_EQ(Sprint({"plan", "--effect", "-1"}).code, kExitUsage);
  EXPECT_EQ(Sprint({"plan", "--db", path_, "--from", "nothing"}).code, kExitFailed);
}

TEST_F(PlanTest, StatsWritesCsvOfArmsAndOfGroups) {
  const Ran arms = Sprint({"stats", "--db", path_, "--csv"});
  EXPECT_THAT(arms.out, StartsWith("arm,questions,samples,right,accuracy,low,high"));
  EXPECT_THAT(arms.out, HasSubstr("\nL3H0,20,20,14,0.7,"));
  const Ran subjects = Sprint({"stats", "grid", "--db", path_, "--csv", "--by", "subject"});
  EXPECT_THAT(subjects.out, StartsWith("subject,arm,questions"));
  EXPECT_THAT(subjects.out, HasSubstr("\nodd,L3H0,10,10,7,0.7,"));
}

TEST_F(PlanTest, StatsCorrectsForAnyDependenceWhenAsked) {
  const Json bh = Json::parse(Sprint({"stats", "--db", path_, "--json"}).out);
  const Json by = Json::parse(Sprint({"stats", "--db", path_, "--json", "--correction", "by"}).out);
  EXPECT_EQ(bh["arms"][1]["q"], by["arms"][1]["q"]) << "of one arm";
  EXPECT_NEAR(by["subjects"][1]["q"].get<double>(), std::min(1.0, 1.5 * bh["subjects"][1]["q"].get<double>()),
              1e-9);
  EXPECT_EQ(by["correction"], "by");
}

TEST_F(PlanTest, StatsSaysWhatIsWrongWithItsOptions) {
  EXPECT_EQ(Sprint({"stats", "--db", path_, "--csv", "--json"}).code, kExitUsage);
  EXPECT_EQ(Sprint({"stats", "--db", path_, "--by", "colour"}).code, kExitUsage);
  EXPECT_EQ(Sprint({"stats", "--db", directory_.File("none.db")}).code, kExitFailed);
  EXPECT_THAT(Sprint({"stats", "--db", path_, "--by", "level"}).err, HasSubstr("not of several levels"));
  EXPECT_THAT(Sprint({"stats", "--db", path_, "--by", "samples"}).err, HasSubstr("each question once"));
}

}  // namespace
}  // namespace sprint::testing
