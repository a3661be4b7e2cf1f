#include "cli/stats.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/render/text.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A sweep of a baseline and arms whose verdicts on each question are given: "011" is the baseline wrong, the
// two arms right; "-" is not finished. Questions are of the subjects even and odd.
class StatsTest : public ::testing::Test {
 protected:
  void Sweep(const std::vector<std::string>& verdicts, int32_t samples = 1) {
    SqliteStoreOptions options;
    options.path = path_;
    ASSERT_OK_AND_ASSIGN(store_, OpenSqliteStore(options));
    const auto questions = static_cast<int32_t>(verdicts.size());
    const auto arms = static_cast<int32_t>(verdicts[0].size()) / samples;
    ASSERT_OK_AND_ASSIGN(const CreatedExperiment created,
                         store_->CreateExperiment(GridPlan(questions, arms, samples), TestTime()));
    ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store_->LoadExperiment(created.id));
    ASSERT_OK_AND_ASSIGN(const std::vector<GoldEntry> golds, store_->Golds(created.id));
    WriteBatch batch;
    for (size_t q = 0; q < verdicts.size(); ++q) {
      for (size_t i = 0; i < verdicts[q].size(); ++i) {
        const char verdict = verdicts[q][i];
        if (verdict == '-') continue;
        const CellKey cell = CellAt(record, q, i / static_cast<size_t>(samples),
                                    static_cast<int32_t>(i % static_cast<size_t>(samples)));
        OutcomeRecord outcome = TestOutcome(cell);
        outcome.verdicts = {TestVerdict(cell, golds[q].gold, verdict == '1')};
        if (verdict == 'x') {  // cut off before an answer
          outcome.verdicts[0].extracted = "";
          outcome.finish = FinishReason::kLength;
        } else if (verdict == '0') {
          outcome.verdicts[0].extracted = "41";
        }
        outcome.experiments = {record.id};
        batch.outcomes.push_back(std::move(outcome));
      }
    }
    ASSERT_OK(store_->Commit(batch));
    ASSERT_OK_AND_ASSIGN(const auto reader, Reader::Open(path_));
    ASSERT_OK_AND_ASSIGN(stats_, LoadStats(*reader, record.id));
  }
  static std::vector<std::string> Repeat(const std::vector<std::pair<int, std::string>>& parts) {
    std::vector<std::string> verdicts;
    for (const auto& [count, text] : parts) verdicts.insert(verdicts.end(), static_cast<size_t>(count), text);
    return verdicts;
  }
  std::string Text(int width = 0, const std::string& database = "") const {
    StatsStyle style;
    style.width = width;
    style.database = database;
    return FormatStats(stats_, style);
  }
  // The same with each paragraph on one line.
  std::string Flat() const { return absl::StrReplaceAll(Text(), {{"\n  ", " "}}); }
  nlohmann::json Json() const { return nlohmann::json::parse(StatsJson(stats_)); }

  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  std::unique_ptr<Store> store_;
  Stats stats_;
};

TEST_F(StatsTest, ShowsArmsByEffectWithIntervalsAndFlips) {
  Sweep(Repeat({{50, "111"}, {34, "000"}, {12, "001"}, {4, "100"}}));
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("baseline     54.0  44.3-63.4")) << "Wilson's interval of 54 of 100";
  EXPECT_LT(text.find("L3H1"), text.find("L3H0")) << "the larger effect comes first";
  const nlohmann::json arm = Json()["arms"][1];
  EXPECT_EQ(arm["arm"], "L3H1");
  EXPECT_EQ(arm["fixed"], 12);
  EXPECT_EQ(arm["broken"], 4);
  EXPECT_NEAR(arm["effect"].get<double>(), 0.08, 1e-12);
  EXPECT_NEAR(arm["p"].get<double>(), 0.0768, 1e-4) << "of 16 coins, 12 or more on one side";
  EXPECT_NEAR(arm["q"].get<double>(), 0.125, 1e-4) << "the other arm, four broken of four, has p = 0.125";
}

TEST_F(StatsTest, ClaimsNoMoreThanTheNumbersAllow) {
  Sweep(Repeat({{40, "1101"}, {30, "0001"}, {5, "0110"}, {25, "1111"}}));
  const std::string text = Flat();
  EXPECT_THAT(text, HasSubstr("Better than the baseline (q < 0.05): 1 arm (L3H2)"));
  EXPECT_THAT(text, HasSubstr("Worse than the baseline (q < 0.05): 1 arm (L3H1)"));
  EXPECT_THAT(text, HasSubstr("the best of 2 (those shown to be worse left aside) would still show"));
  EXPECT_THAT(text, HasSubstr("The best here, L3H2, shows 30.0; luck gives as much in 0.1 % of sweeps"));
  EXPECT_THAT(text, HasSubstr("a smaller effect stays hidden than"));
  EXPECT_THAT(text, HasSubstr("right on 100 of 100 (100.0 %)"));
}

TEST_F(StatsTest, SaysThatTheBestIsNoBetter) {
  Sweep(Repeat({{5, "100"}, {5, "110"}, {5, "011"}, {85, "111"}}));
  const std::string text = Flat();
  EXPECT_THAT(text, HasSubstr("No arm is shown to be better than the baseline"));
  EXPECT_THAT(text, HasSubstr("The best here, L3H0, is level with the baseline."));
}

TEST_F(StatsTest, CountsOnlyTheQuestionsBeforeTheFirstOpenOneAndSaysSo) {
  Sweep(Repeat({{30, "010"}, {20, "01-"}, {5, "010"}, {5, "-0-"}}));
  EXPECT_TRUE(stats_.interim());
  EXPECT_EQ(stats_.statistics.questions, 30);
  EXPECT_EQ(stats_.statistics.arms[1].fixed, 30)
      << "not the 20 whose third arm is still at work, and not the five behind them";
  EXPECT_THAT(absl::StrReplaceAll(Text(), {{"\n", " "}}),
              HasSubstr("Interim: 30 of 180 cells are still to come. Only the first 30 of 60 questions"));
  EXPECT_EQ(Json()["interim"], true);
}

TEST_F(StatsTest, HasNothingToCompareBeforeTheFirstQuestionIsSettled) {
  Sweep({"0-", "-1"});
  EXPECT_THAT(Text(), HasSubstr("The first question is not finished by every arm yet"));
  EXPECT_EQ(Json()["counted"], 0);
}

TEST_F(StatsTest, WarnsOfWhatMakesNumbersDoubtful) {
  Sweep(Repeat({{20, "11"}, {20, "0x"}}));
  const std::string text = Flat();
  EXPECT_THAT(text, HasSubstr("Few questions: 40"));
  EXPECT_THAT(text, HasSubstr("cut off (length, context, a loop) for 1 arm (L3H0 50.0 %)"));
  EXPECT_THAT(text, HasSubstr("nothing could be extracted for 1 arm (L3H0 50.0 %)"));
  EXPECT_THAT(text, Not(HasSubstr("Determinism")));
  Stats doubtful = stats_;
  doubtful.judged.alarms = 3;
  doubtful.judged.engine_modes = {"exact", "fast"};
  doubtful.judged.numerics = 2;
  doubtful.judged.quarantined = 1;
  stats_ = doubtful;
  const std::string more = Flat();
  EXPECT_THAT(more, HasSubstr("Determinism alarms: 3 late answers"));
  EXPECT_THAT(more, HasSubstr("several engine modes are mixed (exact, fast)"));
  EXPECT_THAT(more, HasSubstr("2 numerics classes"));
  EXPECT_THAT(more, HasSubstr("1 cell is quarantined"));
}

TEST_F(StatsTest, WarnsOfNothingInALargeCleanSweep) {
  Sweep(Repeat({{60, "11"}, {50, "00"}}));
  EXPECT_TRUE(WarningsOf(stats_).empty());
  EXPECT_THAT(Text(), Not(HasSubstr("Warnings")));
}

TEST_F(StatsTest, PartsBySubject) {
  std::vector<std::string> verdicts;
  for (int i = 0; i < 60; ++i) verdicts.push_back(i % 2 == 0 ? "01" : "11");
  Sweep(verdicts);
  EXPECT_THAT(Text(), HasSubstr("By subject"));
  const nlohmann::json subjects = Json()["subjects"];
  ASSERT_EQ(subjects.size(), 4u);
  EXPECT_EQ(subjects[1]["subject"], "even");
  EXPECT_EQ(subjects[1]["arm"], "L3H0");
  EXPECT_EQ(subjects[1]["fixed"], 30);
  EXPECT_EQ(subjects[3]["fixed"], 0);
  EXPECT_TRUE(Json()["levels"].empty()) << "all are of level 1";
  const std::vector<std::string> columns =
      ForEachStatsRow(stats_, StatsRows::kSubjects,
                      [](const auto& names, const auto& row) { EXPECT_EQ(names.size(), row.size()); });
  EXPECT_EQ(columns[0], "subject");
}

TEST_F(StatsTest, HasPassAtKAndVotesForSeveralSamples) {
  Sweep(Repeat({{10, "11101000"}, {10, "00001110"}}), 4);
  EXPECT_EQ(stats_.statistics.samples, 4);
  const nlohmann::json json = Json();
  ASSERT_EQ(json["at_k"].size(), 6u) << "k = 1, 2, 4 of two arms";
  EXPECT_EQ(json["at_k"][2]["k"], 4);
  EXPECT_NEAR(json["at_k"][2]["pass"].get<double>(), 0.5, 1e-12) << "the baseline reaches half the questions";
  EXPECT_NEAR(json["at_k"][2]["majority"].get<double>(), 0.5, 1e-12);
  EXPECT_NEAR(json["at_k"][3]["pass"].get<double>(), 0.5, 1e-12) << "pass@1 of L3H0: 1/4 and 3/4";
  EXPECT_THAT(Text(), HasSubstr("By number of samples"));
}

TEST_F(StatsTest, FitsEightyColumns) {
  Sweep(Repeat({{50, "111"}, {34, "000"}, {12, "0x1"}, {4, "100"}}));
  for (const absl::string_view line : absl::StrSplit(Text(80, "sweeps/a.db"), '\n')) {
    if (line.find("sprint ") != absl::string_view::npos) continue;  // a command is not broken
    EXPECT_LE(DisplayWidth(line), 80) << line;
  }
}

TEST_F(StatsTest, NamesTheNextCommandsForItsDatabase) {
  Sweep(Repeat({{5, "01"}}));
  EXPECT_THAT(Text(0, "sweeps/a.db"), HasSubstr("sprint stats --db sweeps/a.db 1 --by subject"));
  EXPECT_THAT(Text(0, "sprint.db"), HasSubstr("sprint plan --from 1 --effect 3"));
  EXPECT_THAT(Text(), Not(HasSubstr("Next:")));
}

TEST_F(StatsTest, ShowsTheBestAndTheWorstOfVeryMany) {
  Sweep(Repeat({{10, "0111111110"}, {3, "1000000000"}, {20, "1111111111"}}));
  StatsStyle style;
  style.most_arms = 3;
  const std::string text = FormatStats(stats_, style);
  EXPECT_THAT(text, HasSubstr("(6 more: --all)"));
  EXPECT_THAT(text, HasSubstr("L3H8")) << "the worst";
}

TEST_F(StatsTest, GivesTheSameNumbersEachTime) {
  Sweep(Repeat({{10, "01110"}, {9, "10001"}, {20, "11111"}}));
  const std::string first = StatsJson(stats_);
  ASSERT_OK_AND_ASSIGN(const auto reader, Reader::Open(path_));
  ASSERT_OK_AND_ASSIGN(const Stats again, LoadStats(*reader, ExperimentId(1)));
  EXPECT_EQ(StatsJson(again), first);
  EXPECT_FALSE(LoadStats(*reader, ExperimentId(9)).ok()) << "unknown";
}

}  // namespace
}  // namespace sprint::testing
