#include "selector/stored_answers.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/selector/fixture.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;
using testing::GridPlan;
using testing::MadeUpAnswer;
using testing::SweepDatabase;

// Arm 1 is right on even questions, arm 2 on odd ones, the baseline never.
MadeUpAnswer Parity(int32_t question, int32_t arm) {
  const bool right = arm > 0 && (question + arm) % 2 == 1;
  return {right, right ? absl::StrCat(question) : arm == 0 ? "" : absl::StrCat("x", arm)};
}

Choice Chosen(const std::string& id, const std::vector<std::string>& arms, const std::string& method = "",
              std::vector<double> scores = {}, int32_t samples = 1) {
  Choice choice{id, {}, std::move(scores), method, samples, id};
  for (const std::string& arm : arms) choice.arms.push_back(*Arm::Parse(arm));
  return choice;
}

StoredAnswers Read(const SweepDatabase& database, ExperimentId id) {
  auto stored = ReadStoredAnswers(*database.OpenReader(), id);
  EXPECT_OK(stored);
  return stored.ok() ? *std::move(stored) : StoredAnswers{};
}

const AnsweringMethod* Find(const std::vector<AnsweringMethod>& methods, const std::string& name) {
  for (const AnsweringMethod& method : methods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

std::vector<bool> Right(const AnsweringMethod& method, const StoredAnswers& stored,
                        const std::string& problem) {
  std::vector<bool> right;
  for (const auto& [number, question] : stored.questions) {
    if (question.problem != problem || !method.answers.contains(number)) continue;
    for (const MethodAnswer& answer : method.answers.at(number)) right.push_back(answer.answer.right);
  }
  return right;
}

TEST(StoredAnswers, OfAGridAreTheBaselineRandomArmsAndAnOracle) {
  SweepDatabase database;
  const StoredAnswers stored = Read(database, database.AddSweep(GridPlan(4, 3), Parity));
  EXPECT_EQ(stored.unanswered, 0);
  const auto methods = MethodsOf(stored, {}, VoteScore::kChoice);
  ASSERT_EQ(methods.size(), 3u);
  EXPECT_TRUE(methods[0].ordered);
  EXPECT_THAT(Right(*Find(methods, "baseline"), stored, "q1"), ElementsAre(false));
  EXPECT_THAT(Right(*Find(methods, "random"), stored, "q1"), ElementsAre(false, true));
  EXPECT_FALSE(Find(methods, "random")->ordered);
  EXPECT_TRUE(Find(methods, "oracle")->everything);
  EXPECT_EQ(methods[0].answers.begin()->second[0].answer.group, -1) << "it said nothing";
}

TEST(StoredAnswers, OfASampledBaselineAreAlike) {
  SweepDatabase database;
  const StoredAnswers stored = Read(database, database.AddSweep(GridPlan(2, 1, 5), Parity));
  const auto methods = MethodsOf(stored, {}, VoteScore::kChoice);
  ASSERT_EQ(methods.size(), 1u);
  EXPECT_EQ(methods[0].name, "samples");
  EXPECT_FALSE(methods[0].ordered);
  EXPECT_EQ(methods[0].most_n(), 5);
}

TEST(StoredAnswers, OfChoicesKeepTheirOrderAndTheirScores) {
  SweepDatabase database;
  const StoredAnswers stored = Read(database, database.AddSweep(GridPlan(2, 3), Parity));
  const std::vector<Choice> choices = {
      Chosen("q0", {"L3H1", "L3H0"}, "", {0.75, 0.5}),
      Chosen("q1", {"L3H1", "L3H0", "baseline"}, "", {0.75, 0.5, 0.25}),
      Chosen("q0", {"L3H0"}, "logs", {-1}),
      Chosen("q1", {"L3H0", "L3H1"}, "logs", {0, std::log(0.5)}),
  };
  const auto methods = MethodsOf(stored, choices, VoteScore::kChoice);
  ASSERT_EQ(methods.size(), 3u);
  const AnsweringMethod& chosen = *Find(methods, "chosen");
  EXPECT_TRUE(chosen.ordered);
  EXPECT_EQ(chosen.most_n(), 2);
  EXPECT_THAT(Right(chosen, stored, "q0"), ElementsAre(false, true));
  EXPECT_THAT(Right(chosen, stored, "q1"), ElementsAre(true, false, false));
  const auto weights = [&](const AnsweringMethod& method) {
    std::vector<double> scores;
    for (const MethodAnswer& answer : method.answers.rbegin()->second) scores.push_back(answer.answer.score);
    return scores;
  };
  EXPECT_THAT(weights(chosen), ElementsAre(0.75, 0.5, 0.25));
  EXPECT_THAT(weights(*Find(methods, "logs")), ElementsAre(1, ::testing::DoubleNear(0.5, 1e-12)));
  const auto by_confidence = MethodsOf(stored, choices, VoteScore::kConfidence);
  EXPECT_THAT(weights(*Find(by_confidence, "chosen")), ElementsAre(1, 1, 1)) << "all are as likely";
  EXPECT_TRUE(Find(methods, "oracle")->everything);
}

TEST(StoredAnswers, OfOneArmSampledOftenAreAlikeAndOfMissingCellsAreLeftOut) {
  SweepDatabase database;
  ExperimentPlan plan = GridPlan(2, 3);
  plan.blocks = {{0, {0, 1}, {0}, 0, 4}, {0, {1}, {1, 2}, 0, 1}};
  const StoredAnswers stored = Read(database, database.AddSweep(plan, Parity));
  const auto methods =
      MethodsOf(stored,
                {{Chosen("q0", {"baseline"}, "samples", {}, 4), Chosen("q1", {"baseline"}, "samples", {}, 4),
                  Chosen("q0", {"L3H0"}, "m"), Chosen("q1", {"L3H0"}, "m")}},
                VoteScore::kChoice);
  EXPECT_FALSE(Find(methods, "samples")->ordered);
  EXPECT_EQ(Find(methods, "samples")->most_n(), 4);
  EXPECT_EQ(Find(methods, "m")->answers.size(), 1u) << "question 0 was not answered under that arm";
}

TEST(StoredAnswers, AreWeighedByRewardsWhereAModelWasAsked) {
  SweepDatabase database;
  StoredAnswers stored = Read(database, database.AddSweep(GridPlan(2, 2), Parity));
  const auto weights = [&stored] {
    std::vector<double> scores;
    const auto methods =
        MethodsOf(stored, {{Chosen("q0", {"L3H0", "baseline"}, "", {9, 9})}}, VoteScore::kReward);
    for (const auto& [number, answers] : methods[0].answers) {
      for (const MethodAnswer& answer : answers) scores.push_back(answer.answer.score);
    }
    return scores;
  };
  EXPECT_TRUE(weights().empty()) << "nothing was scored";
  AnsweredQuestion& first = stored.questions.begin()->second;
  first.answers.at({0, 0}).reward = 0.25;
  first.answers.at({1, 0}).reward = 0.75;
  EXPECT_THAT(weights(), ElementsAre(0.75, 0.25));
  first.answers.at({0, 0}).reward = -1;
  first.answers.at({1, 0}).reward = 0;
  EXPECT_THAT(weights(), ElementsAre(1, ::testing::DoubleNear(std::exp(-1), 1e-12)));
}

TEST(StoredAnswers, OfAnUnknownExperimentAreAnError) {
  SweepDatabase database;
  database.AddSweep(GridPlan(1, 1), Parity);
  const auto stored = ReadStoredAnswers(*database.OpenReader(), ExperimentId(77));
  EXPECT_EQ(ReasonOf(stored.status()), Reason::kExperimentUnknown);
}

}  // namespace
}  // namespace sprint
