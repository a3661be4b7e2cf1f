// Datasets as they are published: formats, field mappings, presets, repeats.
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "eval/csv.h"
#include "eval/dataset.h"
#include "eval/dataset_repeats.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// "id|question|gold|subject|level" of each problem, or the error.
std::string Read(absl::string_view text, const std::string& name, const DatasetFields& fields = {}) {
  DatasetOptions options;
  options.fields = fields;
  const auto problems = ParseDataset(text, name, options);
  if (!problems.ok()) {
    EXPECT_EQ(ReasonOf(problems.status()), Reason::kDatasetInvalid);
    return std::string(problems.status().message());
  }
  std::string out;
  for (const Problem& p : *problems) {
    absl::StrAppend(&out, out.empty() ? "" : "; ", p.id, "|", p.question, "|", p.gold, "|", p.subject, "|",
                    p.level);
  }
  return out;
}

TEST(DatasetFormats, CsvIsReadAsRfc4180HasIt) {
  EXPECT_EQ(Read("id,question,answer\r\na,\"2, \"\"two\"\"\nlines\",4\r\n\r\nb,x,5", "d.csv"),
            "a|2, \"two\"\nlines|4||; b|x|5||");
  EXPECT_EQ(Read("\xEF\xBB\xBFquestion,answer\nx,1\n", "d.CSV"), "2|x|1||");
}

TEST(DatasetFormats, BadCsvIsNamedByItsLine) {
  EXPECT_EQ(Read("question,answer\nx,1\ny\n", "d.csv"), "d.csv:3: has 1 fields, the header has 2");
  EXPECT_EQ(Read("question,answer\nx,\"1\n\n", "d.csv"), "d.csv:2: a quote is not closed");
  EXPECT_EQ(Read("question,answer\nx,\"1\"2\n", "d.csv"),
            "d.csv:2: a closing quote is followed by more than a comma; a quote in a field is doubled");
  EXPECT_EQ(Read("question,answer\nx,1\"2\n", "d.csv"),
            "d.csv:2: a quote stands inside a field that is not quoted");
  EXPECT_EQ(Read("question,answer\n\"a\nb\",1\n,2\n", "d.csv"),
            "d.csv:4: the question (field \"question\") is empty");
}

TEST(DatasetFormats, JsonIsAListAnObjectWithAListOrOneObject) {
  EXPECT_EQ(
      Read("[{\"question\": \"x\", \"answer\": 1.10},\n {\"question\": \"y\", \"answer\": 2}]", "d.json"),
      "1|x|1.10||; 2|y|2||");
  EXPECT_EQ(Read("{\n\"data\": [{\"question\": \"x\", \"answer\": 1}]}", "d.json"), "1|x|1||");
  EXPECT_EQ(Read("{\n\"question\": \"x\", \"answer\": [1, 2], \"answer_text\": \"1\"}", "d.json",
                 {"id", "question", "answer_text", "subject", "level"}),
            "1|x|1||");
  EXPECT_EQ(Read("[{\"question\": \"x\"}]", "d.json"),
            "d.json: row 1: no field \"answer\" for the answer; the row has: question; name another with "
            "dataset.answer_field");
  EXPECT_EQ(Read("[{\"question\": \"x\",\n]", "d.json"), "d.json: not JSON at line 2, column 1");
  EXPECT_EQ(Read("[1, 2]", "d.json"), "d.json: holds no objects; a list of them is expected");
}

TEST(DatasetFormats, AFieldMayBeOneOfSeveralOrATextWithFields) {
  const DatasetFields fields = {"id", "full|{Body} {Question}", "answer", "subject", "level"};
  EXPECT_EQ(Read("{\"Body\": \"Tom has 3.\", \"Question\": \"How many?\", \"answer\": 3}\n"
                 "{\"full\": \"All.\", \"Body\": \"b\", \"answer\": 4}",
                 "d.jsonl", fields),
            "1|Tom has 3. How many?|3||; 2|All.|4||");
}

TEST(DatasetFormats, PresetsReadWhatIsPublished) {
  const auto read = [](const char* preset, absl::string_view row) {
    return Read(row, "d.jsonl", *DatasetPreset(preset));
  };
  EXPECT_EQ(read("gsm8k", R"({"question": "q", "answer": "2+2=4\n#### 4"})"), "1|q|2+2=4\n#### 4||");
  EXPECT_EQ(
      read("math", R"({"problem": "q", "level": "Level 5", "type": "Algebra", "solution": "\\boxed{4}"})"),
      "1|q|\\boxed{4}|Algebra|Level 5");
  EXPECT_EQ(
      read("math", R"({"problem": "q", "solution": "s", "answer": "4", "subject": "Algebra", "level": 5, )"
                   R"("unique_id": "test/algebra/1.json"})"),
      "test/algebra/1.json|q|4|Algebra|5");
  EXPECT_EQ(
      read("svamp", R"({"ID": "chal-1", "Body": "Tom has 3.", "Question": "How many?", "Equation": "3", )"
                    R"("Answer": 3.0, "Type": "Addition"})"),
      "chal-1|Tom has 3. How many?|3.0|Addition|");
  EXPECT_EQ(read("minerva", R"({"problem": "q", "solution": "\\boxed{4}", "type": "Physics", "idx": 3})"),
            "3|q|\\boxed{4}|Physics|");
  EXPECT_EQ(read("aime", R"({"ID": "2024-I-1", "Problem": "q", "Solution": "s", "Answer": 204})"),
            "2024-I-1|q|204||");
  EXPECT_EQ(read("aime", R"({"id": 60, "problem": "q", "answer": "204", "year": "2024"})"), "60|q|204||2024");
  for (const std::string& name : DatasetPresetNames()) EXPECT_TRUE(DatasetPreset(name).has_value()) << name;
  EXPECT_FALSE(DatasetPreset("mmlu").has_value());
}

TEST(DatasetFormats, AFolderOfJsonFilesIsOneDataset) {
  testing::TempDir folder;
  std::filesystem::create_directories(folder.File("test/algebra"));
  std::ofstream(folder.File("test/algebra/2.json"))
      << "{\n\"problem\": \"b\", \"solution\": \"\\\\boxed{2}\"}";
  std::ofstream(folder.File("test/algebra/1.json")) << "{\"problem\": \"a\", \"solution\": \"\\\\boxed{1}\"}";
  std::ofstream(folder.File("test/readme.txt")) << "no problem";
  DatasetOptions options;
  options.fields = *DatasetPreset("math");
  ASSERT_OK_AND_ASSIGN(const std::vector<Problem> problems, ReadDataset(folder.path(), options));
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].id, "test/algebra/1");
  EXPECT_EQ(problems[1].gold, "\\boxed{2}");
}

TEST(DatasetRepeats, QuestionsThatDifferInLooksAloneAreRepeats) {
  const auto problem = [](const char* id, const char* question, const char* gold) {
    Problem p;
    p.id = id;
    p.question = question;
    p.gold = gold;
    return p;
  };
  const std::vector<NamedDataset> sets = {
      {"train", {problem("a", "What is $\\dfrac{1}{2}+1$?", "3/2"), problem("b", "Other", "1")}},
      {"test",
       {problem("c", "what is  $\\frac{1}{2} + 1$", "1.5"), problem("d", "Third", "1"),
        problem("e", "THIRD.", "1")}}};
  const std::vector<RepeatedQuestion> repeats = FindRepeats(sets);
  ASSERT_EQ(repeats.size(), 2u);
  EXPECT_EQ(repeats[0].id, "c");
  EXPECT_EQ(repeats[0].earlier_set, 0);
  EXPECT_EQ(repeats[0].earlier_id, "a");
  EXPECT_FALSE(repeats[0].same_answer);
  EXPECT_EQ(repeats[1].earlier_id, "d");
  EXPECT_TRUE(repeats[1].same_answer);
  EXPECT_NE(RepeatKey("x + 1"), RepeatKey("x - 1"));
}

}  // namespace
}  // namespace sprint
