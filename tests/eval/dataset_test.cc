#include "eval/dataset.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view text, const DatasetOptions& options = {}) {
  const auto problems = ParseDataset(text, "d.jsonl", options);
  if (problems.ok()) return "accepted";
  EXPECT_EQ(problems.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(problems.status()), Reason::kDatasetInvalid);
  EXPECT_FALSE(absl::StrContains(problems.status().message(), "\n"));
  return std::string(problems.status().message());
}

std::string IdsOf(absl::string_view text, const DatasetOptions& options) {
  const auto problems = ParseDataset(text, "d.jsonl", options);
  if (!problems.ok()) return problems.status().ToString();
  std::string ids;
  for (const Problem& problem : *problems) absl::StrAppend(&ids, ids.empty() ? "" : " ", problem.id);
  return ids;
}

constexpr char kFive[] = R"({"id": "a", "question": "1+1?", "answer": 2}
{"id": "b", "question": "1+2?", "answer": 3}
{"id": "c", "question": "1+3?", "answer": 4}
{"id": "d", "question": "1+4?", "answer": 5}
{"id": "e", "question": "1+5?", "answer": 6}
)";

TEST(Dataset, RowsAreReadWithAnyScalarForAnyField) {
  ASSERT_OK_AND_ASSIGN(
      const auto problems,
      ParseDataset(
          "{\"id\": 7, \"question\": \"q é\\n\", \"answer\": 18.50, \"subject\": true, \"level\": 3}\r\n"
          "\n"
          "  {\"question\": \"second\", \"answer\": \"x\", \"solution\": [1, {\"id\": 2}], \"level\": null}",
          "d.jsonl", {}));
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].id, "7");
  EXPECT_EQ(problems[0].question, "q é\n");
  EXPECT_EQ(problems[0].gold, "18.50");
  EXPECT_EQ(problems[0].subject, "true");
  EXPECT_EQ(problems[0].level, "3");
  EXPECT_EQ(problems[1].id, "3");  // its line
  EXPECT_EQ(problems[1].level, "");
}

TEST(Dataset, NumbersKeepTheDigitsTheyWereWrittenWith) {
  ASSERT_OK_AND_ASSIGN(const auto problems,
                       ParseDataset("{\"question\": \"q\", \"answer\": 123456789012345678901234567890}\n"
                                    "{\"question\": \"q\", \"answer\": -0.10000000000000000001}\n",
                                    "d.jsonl", {}));
  EXPECT_EQ(problems[0].gold, "123456789012345678901234567890");
  EXPECT_EQ(problems[1].gold, "-0.10000000000000000001");
}

TEST(Dataset, FieldsMayBeNamed) {
  DatasetOptions options;
  options.fields = {"unique_id", "problem", "target", "type", "difficulty"};
  ASSERT_OK_AND_ASSIGN(const auto problems,
                       ParseDataset("{\"unique_id\": \"u\", \"problem\": \"p\", \"target\": \"t\", \"type\": "
                                    "\"Algebra\", \"difficulty\": 5, \"answer\": \"other\"}",
                                    "d.jsonl", options));
  EXPECT_EQ(problems[0].id, "u");
  EXPECT_EQ(problems[0].question, "p");
  EXPECT_EQ(problems[0].gold, "t");
  EXPECT_EQ(problems[0].subject, "Algebra");
  EXPECT_EQ(problems[0].level, "5");
}

TEST(Dataset, ASelectionKeepsTheDatasetsOrder) {
  EXPECT_EQ(IdsOf(kFive, {}), "a b c d e");
  EXPECT_EQ(IdsOf(kFive, {.ids = {"d", "b"}}), "b d");
  EXPECT_EQ(IdsOf(kFive, {.offset = 3}), "d e");
  EXPECT_EQ(IdsOf(kFive, {.limit = 2}), "a b");
  EXPECT_EQ(IdsOf(kFive, {.offset = 1, .limit = 2}), "b c");
  EXPECT_EQ(IdsOf(kFive, {.offset = 4, .limit = 9}), "e");
  EXPECT_EQ(IdsOf(kFive, {.ids = {"e", "c", "a"}, .offset = 1, .limit = 1}), "c");
}

TEST(Dataset, ASelectionThatLeavesNothingIsRefused) {
  EXPECT_EQ(ErrorOf(kFive, {.offset = 5}), "d.jsonl: offset 5 leaves none of 5 rows");
  EXPECT_EQ(ErrorOf(kFive, {.ids = {"a"}, .offset = 1}), "d.jsonl: offset 1 leaves none of 1 rows");
  EXPECT_EQ(ErrorOf(kFive, {.ids = {"a", "x"}}), "d.jsonl: no row has the id \"x\"");
  EXPECT_EQ(ErrorOf(kFive, {.ids = {"a", "y", "x"}}), "d.jsonl: no row has the id \"x\" (and 1 more)");
  EXPECT_EQ(ErrorOf(kFive, {.limit = -1}), "d.jsonl: offset and limit cannot be negative");
  EXPECT_EQ(ErrorOf(""), "d.jsonl: the dataset holds no rows");
  EXPECT_EQ(ErrorOf("\n  \n"), "d.jsonl: the dataset holds no rows");
}

TEST(Dataset, MalformedRowsAreRefusedWithTheirLine) {
  const std::string good = "{\"question\": \"q\", \"answer\": 1}\n";
  EXPECT_EQ(ErrorOf(good + "{\"question\": \"q\" \"answer\": 1}"), "d.jsonl:2: not JSON at column 25");
  EXPECT_THAT(ErrorOf(good + good + "{\"question\": \"q"), HasSubstr("d.jsonl:3: not JSON at column"));
  EXPECT_THAT(ErrorOf("{\"question\": \"\xff\", \"answer\": 1}"), HasSubstr("d.jsonl:1: not JSON"));
  EXPECT_THAT(ErrorOf(good + "{} {}"), HasSubstr("d.jsonl:2: not JSON"));
  EXPECT_EQ(ErrorOf(good + "[1, 2]"), "d.jsonl:2: a row is a JSON object, one a line");
  EXPECT_EQ(ErrorOf("\"text\""), "d.jsonl:1: a row is a JSON object, one a line");
  EXPECT_EQ(ErrorOf("{\"question\": \"q\", \"question\": \"r\", \"answer\": 1}"),
            "d.jsonl:1: the field \"question\" is given twice");
}

TEST(Dataset, AMissingFieldIsRefusedNamingWhatTheRowHas) {
  EXPECT_EQ(
      ErrorOf("{\"problem\": \"q\", \"answer\": 1}"),
      "d.jsonl:1: no field \"question\" for the question; the row has: problem, answer; name another with "
      "dataset.question_field");
  EXPECT_EQ(ErrorOf("{\"question\": \"q\"}"),
            "d.jsonl:1: no field \"answer\" for the answer; the row has: question; name another with "
            "dataset.answer_field");
  EXPECT_EQ(ErrorOf("{\"question\": \" \", \"answer\": 1}"),
            "d.jsonl:1: the question (field \"question\") is empty");
  EXPECT_EQ(ErrorOf("{\"question\": \"q\", \"answer\": null}"),
            "d.jsonl:1: the answer (field \"answer\") is no text or number");
  EXPECT_EQ(ErrorOf("{\"question\": [\"q\"], \"answer\": 1}"),
            "d.jsonl:1: the question (field \"question\") is no text or number");
}

TEST(Dataset, AnIdGivenTwiceIsRefusedNamingBothLines) {
  EXPECT_EQ(ErrorOf("{\"id\": 1, \"question\": \"q\", \"answer\": 1}\n\n{\"id\": \"1\", \"question\": \"r\", "
                    "\"answer\": 1}"),
            "d.jsonl:3: the id \"1\" is line 1's too; ids are unique");
}

TEST(Dataset, DeepNestingIsReadInLinearTime) {
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_EQ(IdsOf("{\"id\": \"a\", \"question\": \"q\", \"answer\": 1, \"more\": " + deep + "}", {}), "a");
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("d.jsonl:1: not JSON"));
}

TEST(Dataset, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(IdsOf("\xEF\xBB\xBF{\"id\": \"a\", \"question\": \"q\", \"answer\": 1}", {}), "a");
}

TEST(Dataset, FilesAreReadAndMissingOnesNamed) {
  testing::TempDir dir;
  ASSERT_OK(WriteFileAtomically(dir.File("d.jsonl"), kFive));
  ASSERT_OK_AND_ASSIGN(const auto problems, ReadDataset(dir.File("d.jsonl"), {}));
  EXPECT_EQ(problems.size(), 5u);
  EXPECT_EQ(ReadDataset(dir.File("none.jsonl"), {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(Dataset, PublishedDatasetsAreRead) {
  const auto data = testing::SharedPath("data");
  if (!data) GTEST_SKIP() << "shared/data is absent";
  for (const auto& [name, rows] : {std::pair("gsm8k_test.jsonl", 1319u), std::pair("math500.jsonl", 500u),
                                   std::pair("svamp.jsonl", 1000u)}) {
    ASSERT_OK_AND_ASSIGN(const auto problems, ReadDataset(*data + "/" + name, {}));
    EXPECT_EQ(problems.size(), rows) << name;
  }
}

}  // namespace
}  // namespace sprint
