#include "model/arm.h"

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string NameOf(absl::string_view typed) {
  const auto arm = Arm::Parse(typed);
  return arm.ok() ? arm->Name() : std::string(arm.status().message());
}

TEST(Arm, ReadsWhatPeopleTypeAndWritesOneName) {
  EXPECT_EQ(NameOf("baseline"), "baseline");
  EXPECT_EQ(NameOf("Baseline"), "baseline");
  EXPECT_EQ(NameOf("3:5"), "L3H5");
  EXPECT_EQ(NameOf("L3H5"), "L3H5");
  EXPECT_EQ(NameOf(" l3h5 "), "L3H5");
  EXPECT_EQ(NameOf("3:0-8"), "L3H0-8");
  EXPECT_EQ(NameOf("L7H0-2 + 3:5"), "L3H5+L7H0-2");
  EXPECT_EQ(NameOf("3:1+3:0+3:1+3:5"), "L3H0-1+L3H5");
}

TEST(Arm, ScalesHeadsByThousandths) {
  EXPECT_EQ(NameOf("3:5*0.5"), "L3H5*0.5");
  EXPECT_EQ(NameOf("L3H5*.250"), "L3H5*0.25");
  EXPECT_EQ(NameOf("L3H0-1*2+L3H2+L7H1*1.5"), "L3H0-1*2+L3H2+L7H1*1.5");
  EXPECT_EQ(NameOf("3:0*0.5+3:1*0.5+3:2*0.25"), "L3H0-1*0.5+L3H2*0.25");
  ASSERT_OK_AND_ASSIGN(const Arm half, Arm::Parse("3:5*0.5"));
  EXPECT_EQ(half.edits()[0].op, static_cast<HeadOp>(10'500)) << "frozen: it is stored";
  EXPECT_EQ(FactorOf(half.edits()[0].op), 0.5F);
  ASSERT_OK_AND_ASSIGN(const Arm pruned, Arm::Parse("3:5"));
  EXPECT_EQ(FactorOf(pruned.edits()[0].op), 0.0F);
  EXPECT_NE(half.ContentHash(), pruned.ContentHash());
  for (const char* typed : {"3:5*1", "3:5*0", "3:5*-1", "3:5*11", "3:5*0.0005", "3:5*x", "3:5*1e-1",
                            "3:5*0.5*2", "3:5*0.5+3:5", "3:5*nan"}) {
    EXPECT_EQ(ReasonOf(Arm::Parse(typed).status()), Reason::kArmInvalid) << typed;
  }
  for (const int32_t op : {1, 10'000, 11'000, 20'001, -5})
    EXPECT_EQ(ReasonOf(Arm::Create({{0, 0, static_cast<HeadOp>(op)}}).status()), Reason::kArmInvalid) << op;
}

TEST(Arm, TheNameReadsBackAsTheSameArm) {
  for (const char* typed :
       {"baseline", "0:0", "2:1+2:2+2:4+9:3", "L0H0-15+L1H0-15", "0:0*0.125+0:1*0.125+4:0"}) {
    ASSERT_OK_AND_ASSIGN(const Arm arm, Arm::Parse(typed));
    ASSERT_OK_AND_ASSIGN(const Arm again, Arm::Parse(arm.Name()));
    EXPECT_EQ(arm, again);
    EXPECT_EQ(arm.ContentHash(), again.ContentHash());
  }
}

TEST(Arm, RefusesWhatIsNoArm) {
  for (const char* typed : {"", "3", "3:", ":5", "L3", "L3H", "L3H5-", "L3H-5", "3:5+", "3:5,3:6", "L3H8-2",
                            "L-1H0", "L0H99999999999", "L0H0-2000000000", "3:5 baseline"}) {
    EXPECT_EQ(ReasonOf(Arm::Parse(typed).status()), Reason::kArmInvalid) << typed;
  }
  EXPECT_THAT(NameOf("L3H*"), HasSubstr("needs the model's head count"));
}

TEST(Arm, SortsItsEditsAndRefusesImpossibleOnes) {
  ASSERT_OK_AND_ASSIGN(const Arm arm, Arm::Create({{2, 1}, {0, 3}, {2, 1}}));
  EXPECT_THAT(arm.edits(), ElementsAre(HeadEdit{0, 3}, HeadEdit{2, 1}));
  EXPECT_EQ(arm.first_layer(), 0);
  EXPECT_EQ(Arm().first_layer(), -1);
  EXPECT_EQ(ReasonOf(Arm::Create({{-1, 0}}).status()), Reason::kArmInvalid);
  EXPECT_EQ(ReasonOf(Arm::Create({{0, -1}}).status()), Reason::kArmInvalid);
  EXPECT_EQ(ReasonOf(Arm::Create({{0, 0, static_cast<HeadOp>(7)}}).status()), Reason::kArmInvalid);
}

TEST(Arm, DifferentArmsHaveDifferentHashes) {
  ASSERT_OK_AND_ASSIGN(const Arm a, Arm::Parse("3:5"));
  ASSERT_OK_AND_ASSIGN(const Arm b, Arm::Parse("5:3"));
  EXPECT_NE(a.ContentHash(), b.ContentHash());
  EXPECT_NE(a.ContentHash(), Arm().ContentHash());
}

TEST(Arm, NamesTheLayerOrHeadThatTheModelLacks) {
  ASSERT_OK_AND_ASSIGN(const Arm arm, Arm::Parse("3:5"));
  EXPECT_OK(arm.CheckFits(4, 6));
  EXPECT_THAT(std::string(arm.CheckFits(3, 6).message()),
              HasSubstr("layer 3 does not exist; the model has layers 0 to 2"));
  EXPECT_THAT(std::string(arm.CheckFits(4, 5).message()),
              HasSubstr("head 5 does not exist; the model has heads 0 to 4"));
}

std::vector<std::string> Names(const std::vector<Arm>& arms) {
  std::vector<std::string> names;
  for (const Arm& arm : arms) names.push_back(arm.Name());
  return names;
}

TEST(ExpandArms, ScalesWhatItWouldSwitchOff) {
  ArmSpec spec;
  spec.explicit_arms = {"L1H1"};
  spec.head_layers = {0};
  spec.factor = 0.5;
  ASSERT_OK_AND_ASSIGN(const std::vector<Arm> arms, ExpandArms(spec, 2, 2));
  EXPECT_THAT(Names(arms), ElementsAre("baseline", "L0H0*0.5", "L0H1*0.5", "L1H1"));
  spec.factor = 1;
  EXPECT_EQ(ReasonOf(ExpandArms(spec, 2, 2).status()), Reason::kArmInvalid);
}

TEST(ExpandArms, PutsTheBaselineFirstAndNothingTwice) {
  ArmSpec spec;
  spec.explicit_arms = {"1:1", "baseline", "L1H0-1"};
  spec.head_layers = {1, 1};
  spec.whole_layers = {1};
  ASSERT_OK_AND_ASSIGN(const auto arms, ExpandArms(spec, 2, 2));
  EXPECT_THAT(Names(arms), ElementsAre("baseline", "L1H0", "L1H0-1", "L1H1"));
}

TEST(ExpandArms, TakesGroupsOfConsecutiveHeads) {
  ArmSpec spec;
  spec.all_heads = true;
  spec.group = 2;
  ASSERT_OK_AND_ASSIGN(const auto arms, ExpandArms(spec, 2, 4));
  EXPECT_THAT(Names(arms), ElementsAre("baseline", "L0H0-1", "L0H2-3", "L1H0-1", "L1H2-3"));
}

TEST(ExpandArms, RefusesWhatTheModelDoesNotHave) {
  ArmSpec groups, layers, whole, heads;
  groups.all_heads = true;
  groups.group = 3;
  layers.head_layers = {2};
  whole.whole_layers = {-1};
  heads.explicit_arms = {"0:4"};
  for (const ArmSpec& spec : {groups, layers, whole, heads}) {
    EXPECT_EQ(ReasonOf(ExpandArms(spec, 2, 4).status()), Reason::kArmInvalid);
  }
}

}  // namespace
}  // namespace sprint
