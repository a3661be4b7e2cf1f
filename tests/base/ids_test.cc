#include "base/ids.h"

#include <type_traits>

#include "absl/container/flat_hash_set.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(Ids, IdsOfTwoKindsDoNotMix) {
  static_assert(!std::is_convertible_v<RunId, QuestionId>);
  static_assert(!std::is_convertible_v<int64_t, RunId>);
  EXPECT_FALSE(RunId().valid());
  EXPECT_TRUE(RunId(1).valid());
  EXPECT_LT(ArmId(1), ArmId(2));
}

TEST(Ids, CellsOrderByRunQuestionArmSample) {
  const CellKey base{RunId(1), QuestionId(2), ArmId(3), 4};
  EXPECT_LT(base, (CellKey{RunId(2), QuestionId(1), ArmId(1), 0}));
  EXPECT_LT(base, (CellKey{RunId(1), QuestionId(2), ArmId(3), 5}));
  EXPECT_LT((CellKey{RunId(1), QuestionId(1), ArmId(9), 9}), base);
  EXPECT_EQ(ToString(base), "run 1 question 2 arm 3 sample 4");
  const absl::flat_hash_set<CellKey> set = {base, base, CellKey{}};
  EXPECT_EQ(set.size(), 2u);
}

}  // namespace
}  // namespace sprint
