#include "eval/statistics/sweep.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <queue>
#include <vector>

#include "base/rng.h"
#include "eval/statistics/paired_tests.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

CellResult Cell(int32_t arm, bool right, int32_t sample = 0) {
  CellResult cell;
  cell.arm = arm;
  cell.sample = sample;
  cell.right = right;
  cell.tokens = 10;
  return cell;
}

// Arm 0 is the baseline; "101" has it right, arm 1 wrong, arm 2 right.
void Add(SweepTable& table, const std::string& verdicts, const std::string& subject = "",
         const std::string& level = "") {
  std::vector<CellResult> cells;
  for (size_t arm = 0; arm < verdicts.size(); ++arm) {
    if (verdicts[arm] != '-') cells.push_back(Cell(static_cast<int32_t>(arm), verdicts[arm] == '1'));
  }
  table.AddQuestion(subject, level, cells);
}

TEST(SweepTable, ComparesEachArmWithTheBaselineQuestionByQuestion) {
  SweepTable table(3, 0);
  for (int i = 0; i < 10; ++i) Add(table, "010");
  for (int i = 0; i < 2; ++i) Add(table, "101");
  for (int i = 0; i < 8; ++i) Add(table, "111");
  const SweepStatistics result = table.Analyse();
  EXPECT_EQ(result.questions, 20);
  EXPECT_EQ(result.any_right, 20);
  EXPECT_EQ(result.arms[0].accuracy.right, 10);
  EXPECT_EQ(result.arms[1].fixed, 10);
  EXPECT_EQ(result.arms[1].broken, 2);
  EXPECT_DOUBLE_EQ(result.arms[1].difference.effect, 0.4);
  EXPECT_EQ(result.arms[1].p, McNemarExact(10, 2));
  EXPECT_EQ(result.arms[1].q, 2 * McNemarExact(10, 2));
  EXPECT_EQ(result.arms[2].p, 1);
  EXPECT_EQ(result.best_arm, 1u);
  EXPECT_DOUBLE_EQ(result.best.observed, 0.4);
  EXPECT_DOUBLE_EQ(result.median_discordance, 0.3);
  EXPECT_EQ(result.totals[2].tokens, 200);
  EXPECT_TRUE(result.at_k.empty());
}

TEST(SweepTable, MeasuresLuckWithoutTheArmsThatBreakTheModel) {
  // Arm 1 flips a few questions either way; arm 2 breaks 60 of 100.
  SweepTable with(3, 0), without(2, 0);
  for (int i = 0; i < 100; ++i) {
    const std::string pair = i < 5 ? "01" : i < 10 ? "10" : "11";
    Add(without, pair);
    Add(with, pair + (i < 60 ? "0" : "1"));
  }
  const SweepStatistics result = with.Analyse();
  EXPECT_LT(result.arms[2].q, 0.05);
  EXPECT_EQ(result.best_of, 1);
  EXPECT_EQ(result.best.expected, without.Analyse().best.expected);
  EXPECT_EQ(result.best_arm, 1u);
}

TEST(SweepTable, ComparesOnlyWhereBothHaveAnAnswer) {
  SweepTable table(2, 0);
  for (int i = 0; i < 6; ++i) Add(table, "01");
  for (int i = 0; i < 3; ++i) Add(table, "-1");
  for (int i = 0; i < 4; ++i) Add(table, "1-");
  const SweepStatistics result = table.Analyse();
  EXPECT_EQ(result.arms[1].difference.questions, 6);
  EXPECT_EQ(result.arms[1].accuracy.questions, 9);
  EXPECT_EQ(result.arms[1].fixed, 6);
  EXPECT_EQ(result.arms[1].broken, 0);
}

TEST(SweepTable, ComparesSamplesOfTheSameNumber) {
  SweepTable table(2, 0);
  // Sample 1 of the arm is missing: samples 0 and 2 are compared.
  table.AddQuestion(
      "", "", {Cell(0, false, 0), Cell(0, true, 1), Cell(0, false, 2), Cell(1, true, 0), Cell(1, true, 2)});
  table.AddQuestion("", "", {Cell(0, true, 0), Cell(0, true, 1), Cell(1, false, 0), Cell(1, true, 1)});
  const SweepStatistics result = table.Analyse();
  EXPECT_EQ(result.samples, 3);
  EXPECT_EQ(result.arms[1].difference.samples, 4);
  EXPECT_DOUBLE_EQ(result.arms[1].difference.effect, 0.25);
  EXPECT_EQ(result.arms[1].fixed, 1);
  EXPECT_EQ(result.arms[1].broken, 1);
  EXPECT_EQ(result.arms[1].p, SignFlipExact({2, -1}));
}

TEST(SweepTable, HasVotesAndPassAtKForSeveralSamples) {
  SweepTable table(1, 0);
  std::vector<CellResult> cells;
  for (int sample = 0; sample < 4; ++sample) {
    cells.push_back(Cell(0, sample < 3, sample));
    cells.back().group = sample < 3 ? 0 : 1;
    cells.back().score = sample == 3 ? 0.9 : 0.2;
  }
  table.AddQuestion("", "", cells);
  const SweepStatistics result = table.Analyse();
  ASSERT_EQ(result.at_k[0].size(), 3u) << "1, 2 and 4";
  EXPECT_DOUBLE_EQ(result.at_k[0][0].pass.mean, 0.75);
  EXPECT_DOUBLE_EQ(result.at_k[0][2].pass.mean, 1);
  EXPECT_DOUBLE_EQ(result.at_k[0][2].majority.mean, 1);
  EXPECT_DOUBLE_EQ(result.at_k[0][2].weighted.mean, 0) << "0.9 outweighs 3 x 0.2";
  EXPECT_DOUBLE_EQ(result.at_k[0][2].best.mean, 0);
}

TEST(SweepTable, PartsQuestionsBySubjectAndLevel) {
  SweepTable table(2, 0);
  for (int i = 0; i < 8; ++i) Add(table, "01", "algebra", "1");
  for (int i = 0; i < 5; ++i) Add(table, "10", "geometry", "1");
  const SweepStatistics result = table.Analyse();
  ASSERT_EQ(result.subjects.size(), 2u);
  EXPECT_EQ(result.subjects[0].name, "algebra");
  EXPECT_EQ(result.subjects[0].arms[1].fixed, 8);
  EXPECT_EQ(result.subjects[1].arms[1].broken, 5);
  EXPECT_EQ(result.subjects[0].arms[1].q, 2 * McNemarExact(8, 0)) << "two subjects were looked at";
  EXPECT_TRUE(result.levels.empty()) << "one level parts nothing";
}

TEST(SweepTable, TakesASweepWithoutABaselineOrQuestions) {
  SweepTable alone(2, std::nullopt);
  Add(alone, "01");
  EXPECT_EQ(alone.Analyse().arms[1].p, 1);
  EXPECT_FALSE(alone.Analyse().best_arm.has_value());
  const SweepStatistics empty = SweepTable(2, 0).Analyse();
  EXPECT_EQ(empty.questions, 0);
  EXPECT_EQ(empty.arms[1].difference.questions, 0);
}

// A sweep read before its end. Arms that all do nothing, added to a baseline that has run; an answer's length
// is drawn anew for each cell, and long ones are wrong more often. 64 answers run at a time, in the order of
// the questions. Each sum is of (arm - baseline) over the pairs that a rule counts.
struct Snapshot {
  double finished = 0;  // by both
  double settled = 0;   // questions that every arm has finished
  double before = 0;    // questions before the first that is not settled
};

struct Answer {
  double end = 0;
  bool right = false;
};

class Machine {
 public:
  explicit Machine(uint64_t seed) : rng_(1, seed) {}
  Answer Run() {
    const bool is_long = rng_.NextDouble() < 0.3;
    double start = 0;
    if (running_.size() == 64) {
      start = running_.top();
      running_.pop();
    }
    Answer answer;
    answer.end = start + (is_long ? 20 : 1) * (0.5 + rng_.NextDouble());
    answer.right = rng_.NextDouble() < (is_long ? 0.1 : 0.7);
    running_.push(answer.end);
    return answer;
  }

 private:
  CounterRng rng_;
  std::priority_queue<double, std::vector<double>, std::greater<>> running_;
};

Snapshot ReadEarly(uint64_t seed) {
  constexpr size_t kArms = 12, kQuestions = 100;
  constexpr std::ptrdiff_t kReadAfter = kQuestions + 300;  // answers
  Machine machine(seed);
  std::vector<std::vector<Answer>> answers(kQuestions, std::vector<Answer>(kArms));
  for (auto& question : answers) question[0] = machine.Run();
  std::vector<double> ends;
  for (auto& question : answers) {
    for (size_t arm = 1; arm < kArms; ++arm) question[arm] = machine.Run();
    for (const Answer& answer : question) ends.push_back(answer.end);
  }
  std::nth_element(ends.begin(), ends.begin() + kReadAfter, ends.end());
  const double now = ends[kReadAfter];
  Snapshot snapshot;
  bool open = false;
  for (const auto& question : answers) {
    const bool settled =
        std::all_of(question.begin(), question.end(), [now](const Answer& a) { return a.end < now; });
    open = open || !settled;
    for (size_t arm = 1; arm < kArms; ++arm) {
      if (question[0].end >= now || question[arm].end >= now) continue;
      const double difference =
          static_cast<double>(question[arm].right) - static_cast<double>(question[0].right);
      snapshot.finished += difference;
      if (settled) snapshot.settled += difference;
      if (!open) snapshot.before += difference;
    }
  }
  return snapshot;
}

TEST(QuestionsBeforeTheFirstOpenOne, AreNotBiasedByTheLongAnswersThatATableReadEarlyLacks) {
  Snapshot mean;
  double squares = 0;
  constexpr int kSweeps = 12'000;
  for (uint64_t seed = 0; seed < kSweeps; ++seed) {
    const Snapshot one = ReadEarly(seed);
    mean.finished += one.finished / kSweeps;
    mean.settled += one.settled / kSweeps;
    mean.before += one.before / kSweeps;
    squares += one.before * one.before;
  }
  const double error = std::sqrt(squares) / kSweeps;
  EXPECT_NEAR(mean.before, 0, 4 * error);
  EXPECT_GT(mean.settled, 4 * error) << "the latest settled questions are those with short answers";
  EXPECT_GT(mean.finished, 5 * mean.settled) << "and most of what an arm lacks are its long ones";
}

}  // namespace
}  // namespace sprint
