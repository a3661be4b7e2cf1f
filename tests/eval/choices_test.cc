#include "eval/choices.h"

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const Choice& choice) {
  std::vector<std::string> names;
  for (const Arm& arm : choice.arms) names.push_back(arm.Name());
  return names;
}

std::string ErrorOf(absl::string_view text) {
  const absl::Status status = ParseChoices(text, "c.jsonl").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

std::vector<Problem> Problems(const std::vector<std::string>& ids) {
  std::vector<Problem> problems;
  for (const std::string& id : ids) problems.push_back({id, "?", "1", "", ""});
  return problems;
}

TEST(Choices, KeepTheOrderOfArmsAndReadWhatPeopleCallThem) {
  ASSERT_OK_AND_ASSIGN(
      const auto choices,
      ParseChoices(
          "{\"id\": \"a\", \"arms\": [\"3:5\", \"baseline\", \"L0H1\"], \"scores\": [2, 0.5, -1]}\n"
          "\n"
          "{\"id\": 7, \"arms\": [\"L1H0-2\"], \"method\": \"mine\", \"samples\": 4, \"more\": {}}\r\n",
          "c.jsonl"));
  ASSERT_EQ(choices.size(), 2u);
  EXPECT_EQ(choices[0].id, "a");
  EXPECT_THAT(Names(choices[0]), ElementsAre("L3H5", "baseline", "L0H1"));
  EXPECT_THAT(choices[0].scores, ElementsAre(2, 0.5, -1));
  EXPECT_EQ(choices[0].samples, 0);
  EXPECT_EQ(choices[1].id, "7");
  EXPECT_EQ(choices[1].method, "mine");
  EXPECT_EQ(choices[1].samples, 4);
  EXPECT_EQ(choices[1].where, "c.jsonl:3");
}

TEST(Choices, AreReadBackAsTheyWereWritten) {
  Choice choice;
  choice.id = "x \"y\"";
  choice.arms = {*Arm::Parse("L3H5+L0H1"), Arm()};
  choice.scores = {0.1, -1e-9};
  choice.method = "selector";
  choice.samples = 2;
  ASSERT_OK_AND_ASSIGN(const auto read, ParseChoices(ChoiceLine(choice), "c.jsonl"));
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].id, choice.id);
  EXPECT_EQ(read[0].arms, choice.arms);
  EXPECT_EQ(read[0].scores, choice.scores);
  EXPECT_EQ(read[0].method, choice.method);
  EXPECT_EQ(read[0].samples, 2);
}

TEST(Choices, SayWhichLineIsWrongAndWhat) {
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"baseline\"]}\n[1]\n"),
              HasSubstr("c.jsonl:2: not a JSON"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"base"), HasSubstr("c.jsonl:1: not a JSON"));
  EXPECT_THAT(ErrorOf("{\"arms\": [\"baseline\"]}"), HasSubstr("c.jsonl:1: no \"id\""));
  EXPECT_THAT(ErrorOf("{\"id\": [], \"arms\": [\"baseline\"]}"), HasSubstr("\"id\""));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\"}"), HasSubstr("no list of \"arms\""));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": []}"), HasSubstr("c.jsonl:1: \"arms\" is empty"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [5]}"), HasSubstr("no name of an arm"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3Hx\"]}"),
              HasSubstr("c.jsonl:1: \"L3Hx\" is not an arm"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3H5\", \"3:5\"]}"), HasSubstr("L3H5 is there twice"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3H5\"], \"scores\": [1, 2]}"),
              HasSubstr("2 scores for 1 arms"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3H5\"], \"scores\": []}"), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3H5\"], \"scores\": [\"high\"]}"),
              HasSubstr("no number"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3H5\"], \"samples\": 0}"), HasSubstr("from 1 on"));
  EXPECT_THAT(ErrorOf("{\"id\": \"a\", \"arms\": [\"L3H5\"], \"samples\": 99999999999}"),
              HasSubstr("samples"));
  EXPECT_THAT(ErrorOf("\n\n"), HasSubstr("holds no lines"));
}

class MatchTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<Choice>> Match(absl::string_view text, const std::vector<std::string>& problems,
                                            const std::vector<std::string>& known = {}) {
    absl::StatusOr<std::vector<Choice>> choices = ParseChoices(text, "c.jsonl");
    EXPECT_OK(choices);
    return MatchChoices(*choices, Problems(problems), Problems(known), 4, 6);
  }
  std::string Error(absl::string_view text, const std::vector<std::string>& problems) {
    return std::string(Match(text, problems).status().message());
  }
};

TEST_F(MatchTest, FollowsTheOrderOfTheProblemsAndPassesTheRestOfTheDatasetOver) {
  ASSERT_OK_AND_ASSIGN(
      const auto matched,
      Match("{\"id\": \"c\", \"arms\": [\"baseline\"]}\n{\"id\": \"b\", \"arms\": [\"L0H0\"]}\n"
            "{\"id\": \"a\", \"arms\": [\"L0H1\"]}\n"
            "{\"id\": \"b\", \"arms\": [\"L0H2\"], \"method\": \"m\"}\n"
            "{\"id\": \"a\", \"arms\": [\"L0H3\"], \"method\": \"m\"}\n",
            {"a", "b"}, {"a", "b", "c"}));
  std::vector<std::string> seen;
  for (const Choice& choice : matched) seen.push_back(choice.id + choice.method + choice.arms[0].Name());
  EXPECT_THAT(seen, ElementsAre("aL0H1", "amL0H3", "bL0H0", "bmL0H2"));
}

TEST_F(MatchTest, NamesWhatDoesNotFit) {
  const std::string a = "{\"id\": \"a\", \"arms\": [\"L0H0\"]}\n";
  EXPECT_THAT(Error(a + "{\"id\": \"z\", \"arms\": [\"L0H0\"]}", {"a"}),
              HasSubstr("c.jsonl:2: the dataset has no question \"z\""));
  EXPECT_THAT(Error(a + "{\"id\": \"b\", \"arms\": [\"L0H6\"]}", {"a", "b"}),
              HasSubstr("c.jsonl:2: arm L0H6: head 6 does not exist"));
  EXPECT_THAT(Error("{\"id\": \"a\", \"arms\": [\"L9H0\"]}", {"a"}), HasSubstr("layer 9 does not exist"));
  EXPECT_THAT(Error(a + a, {"a"}),
              HasSubstr("c.jsonl:2: question \"a\" was chosen for already, at c.jsonl:1"));
  EXPECT_THAT(Error(a, {"a", "b", "c"}), HasSubstr("c.jsonl: no arms for question \"b\" and 1 more"));
  EXPECT_THAT(Error(a + "{\"id\": \"b\", \"arms\": [\"L0H0\"]}\n{\"id\": \"b\", \"arms\": [\"L0H1\"], "
                        "\"method\": \"m\"}",
                    {"a", "b"}),
              HasSubstr("c.jsonl: no arms for question \"a\" by method \"m\""));
}

}  // namespace
}  // namespace sprint
