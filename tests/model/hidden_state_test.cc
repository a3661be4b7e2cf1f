#include "model/hidden_state.h"

#include "base/status.h"
#include "model/engine_mode.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LayerWords, NameLayersOnceAndAscending) {
  ASSERT_OK_AND_ASSIGN(const std::vector<int32_t> layers,
                       LayersOf({"last", "2", "middle", "0", "2"}, 6, "x"));
  EXPECT_THAT(layers, ElementsAre(0, 2, 5));
  EXPECT_EQ(*LayerOf("middle", 30), 14);
  EXPECT_EQ(*LayerOf("middle", 1), 0);
  EXPECT_EQ(*LayerOf("last", 1), 0);
}

TEST(LayerWords, RefuseWhatTheModelDoesNotHaveNamingThePlace) {
  for (const char* word : {"4", "-1", "first", "", "1.5", "99999999999"}) {
    const absl::Status status = LayersOf({"0", word}, 4, "hidden_states").status();
    EXPECT_EQ(ReasonOf(status), Reason::kSpecInvalid);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("hidden_states[1]: there is no layer \"" + std::string(word) +
                          "\"; the model has layers 0 to 3, middle (1) and last"));
  }
}

TEST(FloatBytes, KeepEveryBit) {
  const std::vector<float> values = {0.1F, -0.0F, 1e-40F, 3.4e38F};
  const std::string bytes = FloatBytes(values);
  EXPECT_EQ(bytes.size(), 16u);
  EXPECT_EQ(bytes.substr(0, 4), "\xcd\xcc\xcc\x3d");  // little-endian
  ASSERT_OK_AND_ASSIGN(const std::vector<float> back, FloatsFromBytes(bytes));
  EXPECT_EQ(FloatBytes(back), bytes);
  EXPECT_FALSE(FloatsFromBytes("").ok());
  EXPECT_FALSE(FloatsFromBytes("12345").ok());
}

TEST(EngineMode, NamesReadBack) {
  for (const char* name : {"exact", "score", "embed", "score:648/387", "score:0/1"}) {
    ASSERT_OK_AND_ASSIGN(const EngineMode mode, ParseEngineMode(name));
    EXPECT_EQ(mode.Name(), name);
    EXPECT_EQ(IsScoreMode(name), std::string(name).starts_with("score"));
    EXPECT_EQ(IsEmbedMode(name), std::string(name) == "embed");
  }
  ASSERT_OK_AND_ASSIGN(const EngineMode mode, ParseEngineMode("score:648/387"));
  EXPECT_EQ(mode.good_token, 648);
  EXPECT_EQ(mode.bad_token, 387);
}

TEST(EngineMode, RefusesWhatIsNone) {
  for (const char* name : {"", "Exact", "score:", "score:1", "score:1/", "score:/1", "score:1/1",
                           "score:-1/2", "score:01/2", "score:1/2/3", "embed:3"}) {
    EXPECT_EQ(ReasonOf(ParseEngineMode(name).status()), Reason::kSpecInvalid) << name;
    EXPECT_FALSE(IsScoreMode(name));
  }
}

}  // namespace
}  // namespace sprint::testing
