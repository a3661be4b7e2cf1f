// The judge on answers of many kinds, kept as data: judge_cases.jsonl has one a line, with what is expected.
#include <fstream>
#include <nlohmann/json.hpp>

#include "eval/clean_answer.h"
#include "eval/equivalence.h"
#include "eval/judge_rows.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using nlohmann::json;

std::vector<json> Cases() {
  std::vector<json> cases;
  std::ifstream in(testing::SourceDir() + "/tests/eval/judge_cases.jsonl");
  for (std::string line; std::getline(in, line);) cases.push_back(json::parse(line));
  return cases;
}

JudgeRow RowOf(const json& value) {
  const auto rows = ParseJudgeRows(value.dump(), "cases");
  EXPECT_OK(rows);
  return rows.ok() ? rows->front() : JudgeRow();
}

TEST(JudgeCases, EveryAnswerIsJudgedAsExpected) {
  const std::vector<json> cases = Cases();
  EXPECT_GE(cases.size(), 600u);
  for (const json& value : cases) {
    const JudgeRow row = RowOf(value);
    const Verdict verdict = JudgeRowAlone(row);
    const json& expected = value["expected"];
    if (expected.is_boolean()) {
      EXPECT_EQ(verdict.correct, expected.get<bool>()) << value["id"] << ": " << verdict.reason;
    } else {
      EXPECT_EQ(verdict.extraction.answer, expected.is_null() ? "" : expected.get<std::string>())
          << value["id"] << ": " << verdict.extraction.rule;
    }
  }
}

TEST(JudgeCases, EquivalenceIsReflexiveAndSymmetricOnEveryPair) {
  for (const json& value : Cases()) {
    if (value["task"] != "equiv") continue;
    const std::string gold = CleanAnswer(value["gold"].get<std::string>());
    const std::string answer = CleanAnswer(value["pred"].get<std::string>());
    std::string rule;
    EXPECT_EQ(Equivalent(gold, answer, rule), Equivalent(answer, gold, rule)) << gold << " | " << answer;
    for (const std::string& side : {gold, answer}) {
      EXPECT_EQ(Equivalent(side, side, rule), !FoldAnswer(side).empty()) << side;
    }
  }
}

TEST(JudgeRows, AResultKeepsTheIdAndSaysWhatWasFoundAndWhy) {
  const auto rows = ParseJudgeRows(
      "{\"id\": 7, \"task\": \"equiv\", \"gold\": 0.5, \"pred\": \"1/2\"}\n\n"
      "{\"id\": \"b\", \"task\": \"extract\", \"gold\": null, \"pred\": \"so \\\\boxed{3}\"}\n"
      "{\"gold\": \"18\", \"pred\": \"no idea\"}\n",
      "f");
  ASSERT_OK(rows);
  ASSERT_EQ(rows->size(), 3u);
  const auto written = [&](size_t i) { return WriteJudged((*rows)[i], JudgeRowAlone((*rows)[i])); };
  EXPECT_EQ(written(0),
            "{\"id\": 7, \"verdict\": true, \"extracted\": \"1/2\", \"rule\": \"given\", "
            "\"reason\": \"1/2 = 0.5 (exact value)\"}");
  EXPECT_EQ(written(1),
            "{\"id\": \"b\", \"verdict\": null, \"extracted\": \"3\", \"rule\": \"boxed\", "
            "\"reason\": \"extracted; there is no gold answer to compare with\"}");
  EXPECT_EQ(written(2),
            "{\"id\": null, \"verdict\": false, \"extracted\": null, \"rule\": \"none\", "
            "\"reason\": \"nothing extracted\"}");
}

TEST(JudgeRows, ABadRowIsNamedByItsLine) {
  const auto error = [](absl::string_view text) {
    const auto rows = ParseJudgeRows(text, "f.jsonl");
    return rows.ok() ? std::string("accepted") : std::string(rows.status().message());
  };
  const std::string good = "{\"gold\": \"1\", \"pred\": \"1\"}\n";
  EXPECT_EQ(error(good + "{\"gold\""), "f.jsonl:2: not JSON at column 8");
  EXPECT_EQ(error(good + "[1]"), "f.jsonl:2: a row is a JSON object, one a line");
  EXPECT_EQ(error(good + "{\"gold\": \"1\"}"), "f.jsonl:2: no field \"pred\"; the row has: gold");
  EXPECT_EQ(error("{\"pred\": \"1\"}"), "f.jsonl:1: no field \"gold\"; the row has: pred");
  EXPECT_EQ(error("{\"gold\": \"1\", \"pred\": [1]}"), "f.jsonl:1: \"pred\" is no text or number");
  EXPECT_EQ(
      error("{\"gold\": \"1\", \"pred\": \"1\", \"task\": \"grade\"}"),
      "f.jsonl:1: the task \"grade\" is not known; known are \"equiv\", \"extract\" and \"extract+equiv\"");
  EXPECT_EQ(error("{\"gold\": \"1\", \"gold\": \"2\", \"pred\": \"1\"}"),
            "f.jsonl:1: the field \"gold\" is given twice");
  EXPECT_EQ(error("\n"), "f.jsonl: the file holds no rows");
}

}  // namespace
}  // namespace sprint
