#include "cli/launch_spec.h"

#include <filesystem>

#include "base/file.h"
#include "cli/app.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;

v1::Arms ArmsOf(const std::vector<std::string>& words) {
  v1::Arms arms;
  EXPECT_OK(AddArmWords(words, arms));
  return arms;
}

TEST(ArmWords, ReadWhatPeopleWrite) {
  EXPECT_TRUE(ArmsOf({"all"}).all_heads());
  EXPECT_THAT(ArmsOf({"L3H*"}).head_layers(), ElementsAre(3));
  EXPECT_THAT(ArmsOf({"L0-2H*,L7H*"}).head_layers(), ElementsAre(0, 1, 2, 7));
  EXPECT_THAT(ArmsOf({"L3", "L5-6"}).whole_layers(), ElementsAre(3, 5, 6));
  const v1::Arms arms = ArmsOf({"3:5,L3H0-8+L7H2"});
  ASSERT_EQ(arms.explicit__size(), 2);
  EXPECT_EQ(arms.explicit_(0).name(), "3:5");
  EXPECT_EQ(arms.explicit_(1).name(), "L3H0-8+L7H2");
}

TEST(ArmWords, TakeTheBaselineForGranted) { EXPECT_EQ(ArmsOf({"baseline", "3:5"}).explicit__size(), 1); }

TEST(ArmWords, RefuseWhatIsNoArm) {
  for (const char* word : {"everything", "L", "LxH*", "L5-3H*", "3:", "L0-999999999H*"}) {
    v1::Arms arms;
    const absl::Status status = AddArmWords({word}, arms);
    EXPECT_TRUE(IsUsageError(status)) << word;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(word));
  }
}

class BuildSpecTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    EXPECT_OK(WriteFileAtomically(folder_.File(name), text));
    return folder_.File(name);
  }
  testing::TempDir folder_;
};

TEST_F(BuildSpecTest, LetsFlagsOverrideTheFile) {
  LaunchFlags flags;
  flags.spec = Write("sweep.yaml",
                     "model: {path: model}\ndataset: {path: test.jsonl, limit: 5}\narms: {all_heads: true}\n"
                     "decoding: {max_new_tokens: 64}\n");
  flags.limit = 7;
  flags.arms = {"3:5"};
  flags.max_new_tokens = 9;
  flags.hidden_states = {"2", "last"};
  flags.name = "mine";
  ASSERT_OK_AND_ASSIGN(const v1::ExperimentSpec spec, BuildSpec(flags));
  EXPECT_THAT(spec.hidden_states(), ElementsAre("2", "last"));
  EXPECT_EQ(spec.name(), "mine");
  EXPECT_EQ(spec.dataset().limit(), 7);
  EXPECT_FALSE(spec.arms().all_heads());
  EXPECT_EQ(spec.arms().explicit__size(), 1);
  EXPECT_EQ(spec.decoding().max_new_tokens(), 9);
  EXPECT_EQ(spec.model().path(), folder_.File("model")) << "a spec's paths are relative to its folder";
}

TEST_F(BuildSpecTest, NeedsNoFile) {
  LaunchFlags flags;
  flags.model = "somewhere/model";
  flags.dataset = "questions.jsonl";
  ASSERT_OK_AND_ASSIGN(const v1::ExperimentSpec spec, BuildSpec(flags));
  EXPECT_EQ(spec.name(), "questions");
  EXPECT_EQ(spec.model().path(), (std::filesystem::current_path() / "somewhere/model").string())
      << "a flag's path is relative to the working folder";
  EXPECT_EQ(spec.model().dtype(), "f32");
}

TEST_F(BuildSpecTest, SaysWhatIsMissing) {
  LaunchFlags flags;
  EXPECT_TRUE(IsUsageError(BuildSpec(flags).status()));
  flags.model = "m";
  EXPECT_TRUE(IsUsageError(BuildSpec(flags).status()));
}

TEST_F(BuildSpecTest, MapsFieldsByName) {
  LaunchFlags flags;
  flags.model = "m";
  flags.dataset = "d.jsonl";
  flags.fields = {"question=problem", "answer=final=answer"};
  ASSERT_OK_AND_ASSIGN(const v1::ExperimentSpec spec, BuildSpec(flags));
  EXPECT_EQ(spec.dataset().question_field(), "problem");
  EXPECT_EQ(spec.dataset().answer_field(), "final=answer");
  for (const char* bad : {"question", "question=", "colour=red"}) {
    flags.fields = {bad};
    EXPECT_TRUE(IsUsageError(BuildSpec(flags).status())) << bad;
  }
}

}  // namespace
}  // namespace sprint
