#include "cli/bon_methods.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> Names(const Choice& choice) {
  std::vector<std::string> names;
  for (const Arm& arm : choice.arms) names.push_back(arm.Name());
  return names;
}

class BonMethodsTest : public ::testing::Test {
 protected:
  BonMethodsTest() {
    for (int32_t i = 0; i < 6; ++i) {
      launch_.problems.push_back({absl::StrCat("q", i), "?", "1", "", ""});
      launch_.questions.push_back(QuestionRecord{{i, 1}, ""}.ContentHash());
      launch_.question_of.push_back(i);
    }
    for (const char* name : {"baseline", "L0H0", "L0H1", "L0H2", "L0H3"})
      launch_.arms.push_back(*Arm::Parse(name));
    // In training L0H1 is right twice, L0H0 once where L0H1 is, L0H2 once where it is not.
    training_.name = "training";
    training_.arms = {"baseline", "L0H0", "L0H1", "L0H2"};
    for (const std::vector<int>& right :
         std::vector<std::vector<int>>{{1, 1, 1, 0}, {1, 0, 1, 0}, {0, 0, 0, 1}}) {
      training_.problems.emplace_back().tokens = {100 + static_cast<int32_t>(training_.problems.size())};
      for (const int cell : right)
        training_.outcomes.push_back({static_cast<int8_t>(cell), cell == 1 ? 0 : 1, 5});
    }
    inputs_.launch = &launch_;
    inputs_.training = &training_;
    inputs_.n = 2;
  }
  std::vector<Choice> Choose(BonMethod method) {
    auto choices = ChooseFor(method, inputs_);
    EXPECT_OK(choices);
    return choices.ok() ? *std::move(choices) : std::vector<Choice>();
  }

  PreparedLaunch launch_;
  Snapshot training_;
  BonInputs inputs_;
};

TEST_F(BonMethodsTest, BlindOnesChooseTheSameForEveryQuestion) {
  for (const auto& [method, arms] : std::map<BonMethod, std::vector<std::string>>{
           {BonMethod::kAverage, {"L0H1", "L0H0"}}, {BonMethod::kSetCover, {"L0H1", "L0H2"}}}) {
    const std::vector<Choice> choices = Choose(method);
    ASSERT_THAT(choices, SizeIs(6));
    for (const Choice& choice : choices) {
      EXPECT_THAT(Names(choice), ::testing::ElementsAreArray(arms)) << BonMethodName(method);
      EXPECT_EQ(choice.method, BonMethodName(method));
      EXPECT_EQ(choice.samples, 1);
    }
  }
  inputs_.with_baseline = true;
  EXPECT_THAT(Names(Choose(BonMethod::kAverage)[0]), ElementsAre("baseline", "L0H1"));
}

TEST_F(BonMethodsTest, RandomOnesDependOnSeedAndPromptAloneAndAreNested) {
  const std::vector<Choice> two = Choose(BonMethod::kRandom);
  std::set<std::vector<std::string>> seen;
  for (const Choice& choice : two) {
    EXPECT_THAT(choice.arms, SizeIs(2));
    for (const Arm& arm : choice.arms) EXPECT_FALSE(arm.is_baseline());
    seen.insert(Names(choice));
  }
  EXPECT_GT(seen.size(), 1u);
  inputs_.n = 4;
  const std::vector<Choice> four = Choose(BonMethod::kRandom);
  for (size_t i = 0; i < four.size(); ++i)
    EXPECT_TRUE(std::equal(two[i].arms.begin(), two[i].arms.end(), four[i].arms.begin()));
  // The same questions in another order and another selection.
  inputs_.n = 2;
  launch_.problems = {launch_.problems[4], launch_.problems[1]};
  launch_.question_of = {4, 1};
  const std::vector<Choice> part = Choose(BonMethod::kRandom);
  EXPECT_EQ(part[0].arms, two[4].arms);
  EXPECT_EQ(part[1].arms, two[1].arms);
  inputs_.seed = 9;
  EXPECT_NE(Choose(BonMethod::kRandom)[0].arms, part[0].arms);
}

TEST_F(BonMethodsTest, BestArmsAreDrawnFromThoseThatWereRight) {
  inputs_.n = 3;
  for (const Choice& choice : Choose(BonMethod::kBestArms)) {
    const std::vector<std::string> names = Names(choice);
    EXPECT_THAT(std::set<std::string>(names.begin(), names.end()), ElementsAre("L0H0", "L0H1", "L0H2"));
  }
  inputs_.n = 4;
  const absl::Status status = ChooseFor(BonMethod::kBestArms, inputs_).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("best-arms has 3 arms to choose 4 from"));
}

TEST_F(BonMethodsTest, SelectionsKeepTheirOrderTheirScoresAndTheirNames) {
  inputs_.selected = {{"q0", {*Arm::Parse("L0H3"), Arm(), *Arm::Parse("L0H1")}, {3, 2, 1}, "", 7, "f:1"},
                      {"q0", {Arm()}, {}, "mine", 0, "f:2"}};
  const std::vector<Choice> greedy = Choose(BonMethod::kSelector);
  EXPECT_THAT(Names(greedy[0]), ElementsAre("L0H3", "baseline"));
  EXPECT_THAT(greedy[0].scores, ElementsAre(3, 2));
  EXPECT_EQ(greedy[0].method, "selector");
  EXPECT_EQ(greedy[0].samples, 1);
  EXPECT_EQ(greedy[1].method, "selector mine");
  EXPECT_EQ(Choose(BonMethod::kSelectorSampled)[0].method, "selector-sampled");
}

TEST_F(BonMethodsTest, SamplesAreOfTheUnprunedModel) {
  const std::vector<Choice> choices = Choose(BonMethod::kSamples);
  EXPECT_THAT(Names(choices[3]), ElementsAre("baseline"));
  EXPECT_EQ(choices[3].samples, 2);
  EXPECT_TRUE(IsSampled(BonMethod::kSamples));
  EXPECT_FALSE(IsSampled(BonMethod::kRandom));
}

TEST_F(BonMethodsTest, QuestionsOfTheTrainingAreRefused) {
  EXPECT_OK(CheckUnseen(training_, launch_));
  training_.problems[1].tokens = {3, 1};
  const absl::Status status = CheckUnseen(training_, launch_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 of the 6 questions"));
  training_.problems[1].split = Split::kTest;
  EXPECT_OK(CheckUnseen(training_, launch_));
}

TEST_F(BonMethodsTest, NamesReadBack) {
  for (const char* name : {"baseline", "selector", "samples", "random", "average", "best-arms", "set-cover",
                           "selector-sampled"}) {
    ASSERT_OK_AND_ASSIGN(const BonMethod method, ParseBonMethod(name));
    EXPECT_EQ(BonMethodName(method), name);
  }
  EXPECT_THAT(std::string(ParseBonMethod("luck").status().message()), HasSubstr("set-cover"));
}

}  // namespace
}  // namespace sprint
