// How the judge does on public answer pairs. They lie outside the tree; without them this skips.
#include <fstream>
#include <nlohmann/json.hpp>

#include "eval/clean_answer.h"
#include "eval/equivalence.h"
#include "eval/judge.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using nlohmann::json;

struct Tally {
  int rows = 0;
  int right = 0;
  double share() const { return rows == 0 ? 0 : static_cast<double>(right) / rows; }
};

std::string TextOf(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// Whether the judge says what the row expects.
bool AsExpected(const json& row) {
  const std::string task = row.value("task", "extract+equiv");
  const std::string gold = TextOf(row["gold"]);
  const std::string pred = TextOf(row["pred"]);
  if (task == "equiv") return AnswersAgree(gold, pred, nullptr) == row["expected"].get<bool>();
  if (task == "extract+equiv") return Judge(pred, gold).correct == row["expected"].get<bool>();
  const std::string found = ExtractAnswer(pred).answer;
  if (!row["expected"].is_string()) return found.empty();
  const std::string expected = row["expected"].get<std::string>();
  return found == expected || AnswersAgree(expected, found, nullptr);
}

Tally JudgeAll(const std::string& path) {
  Tally tally;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const json row = json::parse(line);
    if (row.contains("contested")) continue;
    ++tally.rows;
    if (AsExpected(row)) {
      ++tally.right;
    } else if (tally.rows - tally.right <= 20) {
      std::cout << "differs: " << row["id"] << "\n";
    }
  }
  std::cout << path << ": " << tally.right << " of " << tally.rows << " as expected\n";
  return tally;
}

TEST(JudgeFixtures, EveryRealGsm8kAnswerIsJudgedAsExpected) {
  const auto path = testing::SharedPath("fixtures/grading/gsm8k_real_5276.jsonl");
  if (!path) GTEST_SKIP() << "shared/fixtures/grading is absent";
  const Tally tally = JudgeAll(*path);
  EXPECT_EQ(tally.rows, 5276);
  EXPECT_EQ(tally.right, tally.rows);
}

TEST(JudgeFixtures, EverySampledMathAnswerIsJudgedAsExpected) {
  const auto path = testing::SharedPath("fixtures/best_of_n/qwen_math_cot_100x8.jsonl");
  if (!path) GTEST_SKIP() << "shared/fixtures/best_of_n is absent";
  const Tally tally = JudgeAll(*path);
  EXPECT_GT(tally.rows, 700);
  EXPECT_EQ(tally.right, tally.rows);
}

TEST(JudgeFixtures, GradersOwnCasesAreJudgedAsExpectedButForAFew) {
  const auto path = testing::SharedPath("fixtures/grading/cases.jsonl");
  if (!path) GTEST_SKIP() << "shared/fixtures/grading is absent";
  EXPECT_GE(JudgeAll(*path).share(), 0.995);
}

TEST(JudgeFixtures, EquivalenceIsReflexiveAndSymmetricOnEveryPair) {
  const auto path = testing::SharedPath("fixtures/grading/cases.jsonl");
  if (!path) GTEST_SKIP() << "shared/fixtures/grading is absent";
  std::ifstream in(*path);
  for (std::string line; std::getline(in, line);) {
    const json row = json::parse(line);
    if (!row["gold"].is_string() || !row["pred"].is_string()) continue;
    const std::string gold = CleanAnswer(row["gold"].get<std::string>());
    const std::string pred = row["pred"].get<std::string>();
    const std::string answer = CleanAnswer(row["task"] == "equiv" ? pred : ExtractAnswer(pred).answer);
    std::string rule;
    EXPECT_EQ(Equivalent(gold, answer, rule), Equivalent(answer, gold, rule)) << gold << " | " << answer;
    for (const std::string& side : {gold, answer}) {
      EXPECT_EQ(Equivalent(side, side, rule), !FoldAnswer(side).empty()) << side;
    }
  }
}

}  // namespace
}  // namespace sprint
