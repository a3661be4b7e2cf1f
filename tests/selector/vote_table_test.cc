#include "selector/vote_table.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

MethodAnswer Answer(int answer_class, int32_t tokens = 10, double score = 1) {
  return {{answer_class, answer_class == 0, score}, tokens};
}

// Samples: question 1 has two right of four, question 2 none.
AnsweringMethod Samples() {
  AnsweringMethod samples{.name = "samples", .ordered = false};
  samples.answers[1] = {Answer(0), Answer(0), Answer(1), Answer(2)};
  samples.answers[2] = {Answer(1), Answer(2), Answer(3), Answer(4)};
  return samples;
}

// A choice that is right at its second answer, for half of the tokens of a sample.
AnsweringMethod Chosen() {
  AnsweringMethod chosen{.name = "chosen"};
  chosen.answers[1] = {Answer(1, 4), Answer(0, 6)};
  chosen.answers[2] = {Answer(1, 5), Answer(0, 5)};
  return chosen;
}

TEST(MethodValues, TakesTheFirstOfAChoiceAndAnyOfSamples) {
  const std::vector<int64_t> questions = {1, 2};
  const AnsweringMethod chosen = Chosen(), samples = Samples();
  MethodValues of_chosen(chosen, questions), of_samples(samples, questions);
  EXPECT_EQ(of_chosen.most_n(), 2);
  EXPECT_THAT(of_chosen.AtN(1, Aggregation::kCoverage).of_question, ElementsAre(0, 0));
  EXPECT_THAT(of_chosen.AtN(2, Aggregation::kCoverage).of_question, ElementsAre(1, 1));
  EXPECT_EQ(of_chosen.AtN(1, Aggregation::kCoverage).mean_tokens, 4.5);
  EXPECT_EQ(of_chosen.AtN(2, Aggregation::kMajority).mean_tokens, 10);
  EXPECT_THAT(of_samples.AtN(1, Aggregation::kCoverage).of_question, ElementsAre(0.5, 0));
  // Of the six pairs of question 1 one has no right answer.
  EXPECT_THAT(of_samples.AtN(2, Aggregation::kCoverage).of_question,
              ElementsAre(DoubleNear(5.0 / 6, 1e-12), 0));
  EXPECT_EQ(of_samples.AtN(2, Aggregation::kCoverage).mean_tokens, 20);
}

TEST(MethodValues, SpendsTokensByALotBetweenTwoNumbersOfAnswers) {
  const std::vector<int64_t> questions = {1, 2};
  const AnsweringMethod samples = Samples();
  MethodValues values(samples, questions);
  const ValueAtCost at_15 = values.AtTokens(15, Aggregation::kCoverage);
  EXPECT_TRUE(at_15.exact);
  EXPECT_DOUBLE_EQ(at_15.n, 1.5);
  EXPECT_NEAR(at_15.result.of_question[0], 0.5 * 0.5 + 0.5 * 5 / 6, 1e-12);
  const ValueAtCost at_5 = values.AtTokens(5, Aggregation::kCoverage);
  EXPECT_FALSE(at_5.exact) << "one sample costs 10";
  EXPECT_EQ(at_5.n, 1);
  const ValueAtCost at_100 = values.AtTokens(100, Aggregation::kCoverage);
  EXPECT_FALSE(at_100.exact) << "all four cost 40";
  EXPECT_EQ(at_100.n, 4);
  EXPECT_EQ(at_100.result.of_question[0], 1);
}

TEST(CompareVotes, ComparesEachMethodWithSamplesAtEqualNumbersAndAtEqualTokens) {
  AnsweringMethod samples = Samples();
  samples.answers[3] = {Answer(0), Answer(0), Answer(0), Answer(0)};  // nobody else has answers to it
  AnsweringMethod oracle{.name = "oracle", .ordered = false, .everything = true};
  oracle.answers[1] = {Answer(1)};
  oracle.answers[2] = {Answer(1), Answer(0), Answer(1)};
  const std::vector<AnsweringMethod> methods = {Chosen(), samples, oracle};
  VoteOptions options;
  options.aggregations = {Aggregation::kCoverage};
  ASSERT_OK_AND_ASSIGN(const VoteTable table, CompareVotes(methods, options));
  EXPECT_EQ(table.reference, "samples");
  EXPECT_EQ(table.questions, 2);
  EXPECT_EQ(table.left_out, 1);
  std::vector<std::string> lines;
  for (const VoteRow& row : table.rows) lines.push_back(row.method + " " + std::to_string(row.n));
  EXPECT_THAT(lines, ElementsAre("chosen 1", "chosen 2", "samples 1", "samples 2", "samples 4", "oracle 0"));
  const VoteRow& two = table.rows[1];
  EXPECT_EQ(two.accuracy.mean, 1);
  ASSERT_TRUE(two.at_equal_n);
  EXPECT_NEAR(two.at_equal_n->mean, 1 - 5.0 / 12, 1e-12);
  ASSERT_TRUE(two.at_equal_tokens) << "two chosen answers cost what one sample costs";
  EXPECT_TRUE(two.tokens_reached);
  EXPECT_DOUBLE_EQ(two.reference_n, 1);
  EXPECT_NEAR(two.at_equal_tokens->mean, 1 - 0.25, 1e-12);
  EXPECT_FALSE(table.rows[0].tokens_reached) << "a chosen answer costs less than a sample";
  EXPECT_FALSE(table.rows[2].at_equal_n) << "samples are not compared with themselves";
  EXPECT_EQ(table.rows[5].accuracy.mean, 0.5);
}

TEST(CompareVotes, SaysWhatIsThereWhenTheReferenceIsNot) {
  const std::vector<AnsweringMethod> methods = {Chosen(), Samples()};
  VoteOptions options;
  options.reference = "nobody";
  const absl::Status status = CompareVotes(methods, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("chosen, samples"));
  options.reference = "chosen";
  ASSERT_OK_AND_ASSIGN(const VoteTable table, CompareVotes(methods, options));
  for (const VoteRow& row : table.rows)
    EXPECT_FALSE(row.at_equal_tokens) << "a choice has no N between its numbers";
}

TEST(CompareVotes, NeedsAQuestionThatAllHaveAnswersTo) {
  AnsweringMethod other{.name = "other"};
  other.answers[9] = {Answer(0)};
  EXPECT_EQ(CompareVotes({{Chosen(), other}}, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sprint
