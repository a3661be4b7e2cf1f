#include "model/decoding.h"

#include <limits>

#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(void (*change)(Decoding&)) {
  Decoding decoding;
  change(decoding);
  return std::string(CheckDecoding(decoding).message());
}

TEST(DecodingTest, ARuleOutOfItsRangeIsNamed) {
  EXPECT_EQ(ErrorOf([](Decoding&) {}), "");
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.temperature = -1; }), HasSubstr("temperature is -1"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.temperature = 1e-9; }), HasSubstr("temperature"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.temperature = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("temperature"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.top_k = -2; }), HasSubstr("top_k is -2"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.top_p = 0; }), HasSubstr("top_p is 0"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.min_p = 1.5; }), HasSubstr("min_p is 1.5"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.sampling.repetition_penalty = 0; }),
              HasSubstr("repetition_penalty is 0"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.loop_repeats = 1; }), HasSubstr("loop_repeats is 1"));
  EXPECT_THAT(ErrorOf([](Decoding& d) { d.stop_strings = {""}; }), HasSubstr("stop_strings"));
}

TEST(DecodingTest, OnlyRulesInUseHaveASamplersVersion) {
  Decoding decoding;
  decoding.stop_strings = {"x"};
  EXPECT_EQ(decoding.sampler_version(), 0);
  decoding.sampling.repetition_penalty = 1.1;
  EXPECT_EQ(decoding.sampler_version(), kSamplerVersion);
}

TEST(DecodingTest, TheTextEndsBeforeTheFirstStopStringInIt) {
  EXPECT_EQ(BeforeStopString("A: 4\nQ: next", {"\nQ:", "next"}), "A: 4");
  EXPECT_EQ(BeforeStopString("A: 4", {"\nQ:"}), "A: 4");
  EXPECT_EQ(BeforeStopString("A: 4", {}), "A: 4");
}

TEST(DecodingTest, LoopsCountAsCutOffAndStopStringsDoNot) {
  EXPECT_FALSE(IsTruncated(FinishReason::kStop));
  EXPECT_FALSE(IsTruncated(FinishReason::kStopString));
  EXPECT_TRUE(IsTruncated(FinishReason::kLength));
  EXPECT_TRUE(IsTruncated(FinishReason::kContext));
  EXPECT_TRUE(IsTruncated(FinishReason::kLoop));
}

}  // namespace
}  // namespace sprint::testing
