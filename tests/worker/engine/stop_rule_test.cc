#include "worker/engine/stop_rule.h"

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

const TokenBytesFn kLetters = [](int32_t id) {
  return id == 0    ? std::string()
         : id == 26 ? std::string("xyz")
                    : std::string(1, static_cast<char>('a' + id));
};

// The number of tokens after which the rule ended, 0 when it did not; and why.
std::pair<size_t, FinishReason> EndOf(const Decoding& decoding, const std::vector<int32_t>& tokens) {
  StopRule rule(&decoding, &kLetters);
  for (size_t n = 1; n <= tokens.size(); ++n) {
    if (const auto reason = rule.After({tokens.data(), n})) return {n, *reason};
  }
  return {0, FinishReason::kLength};
}

TEST(StopRuleTest, AStopStringMayCrossTokensAndEndInsideOne) {
  Decoding decoding;
  decoding.stop_strings = {"bcx", "yy"};
  EXPECT_EQ(EndOf(decoding, {1, 2, 26, 3}), std::make_pair(size_t{3}, FinishReason::kStopString));
  EXPECT_EQ(EndOf(decoding, {1, 2, 0, 23}), std::make_pair(size_t{4}, FinishReason::kStopString));
  EXPECT_EQ(EndOf(decoding, {1, 2, 3, 23, 26, 24}).first, 0u);
  EXPECT_EQ(EndOf(decoding, {24, 24}), std::make_pair(size_t{2}, FinishReason::kStopString));
}

TEST(StopRuleTest, AStopTokenComesFirst) {
  Decoding decoding;
  decoding.stop_strings = {"c"};
  decoding.stop_tokens = {2};
  EXPECT_EQ(EndOf(decoding, {1, 2}), std::make_pair(size_t{2}, FinishReason::kStop));
}

TEST(StopRuleTest, ALoopEndsWithItsLastCopyAndOnlyWhenAsked) {
  Decoding decoding;
  const std::vector<int32_t> tokens = {9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 4};
  EXPECT_EQ(EndOf(decoding, tokens).first, 0u);
  decoding.loop_repeats = 3;
  EXPECT_EQ(EndOf(decoding, tokens), std::make_pair(size_t{10}, FinishReason::kLoop));
  decoding.loop_repeats = 4;
  EXPECT_EQ(EndOf(decoding, tokens).first, 0u);
}

TEST(StopRuleTest, APieceLongerThanTheLimitIsNoLoop) {
  std::vector<int32_t> tokens;
  for (int copy = 0; copy < 2; ++copy) {
    for (int32_t i = 0; i <= kLongestLoop; ++i) tokens.push_back(i);
  }
  EXPECT_FALSE(EndsInLoop(tokens, 2));
  tokens.erase(tokens.begin());
  tokens.erase(tokens.begin() + kLongestLoop);
  EXPECT_TRUE(EndsInLoop(tokens, 2));
}

}  // namespace
}  // namespace sprint::testing
