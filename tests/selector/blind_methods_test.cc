#include "selector/blind_methods.h"

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// `right[q][a]`; the last question is a test question.
Snapshot MadeUp(const std::vector<std::vector<int>>& right) {
  Snapshot snapshot;
  for (size_t a = 0; a < right.front().size(); ++a) snapshot.arms.push_back(absl::StrCat("arm", a));
  for (size_t q = 0; q < right.size(); ++q) {
    snapshot.problems.emplace_back().split = q + 1 == right.size() ? Split::kTest : Split::kTrain;
    for (const int cell : right[q]) snapshot.outcomes.push_back({static_cast<int8_t>(cell), 0, 1});
  }
  return snapshot;
}

TEST(BlindMethods, LearnFromTheTrainingQuestionsAlone) {
  // Arm 1 and arm 2 answer the same two questions; arm 3 the one that they leave.
  const Snapshot snapshot = MadeUp({{1, 1, 1, 0}, {1, 1, 1, 0}, {1, 0, 0, 1}, {0, 0, 1, 1}});
  const BlindKnowledge without = LearnBlindly(snapshot, BaselineUse::kExcluded);
  EXPECT_THAT(without.by_average, ElementsAre(1, 2, 3));
  EXPECT_THAT(without.by_cover, ElementsAre(1, 3, 2));
  EXPECT_THAT(without.best_share, ElementsAre(0, 1, 1, 1));
  const BlindKnowledge with = LearnBlindly(snapshot, BaselineUse::kCandidate);
  EXPECT_EQ(with.by_average.front(), 0);
  EXPECT_THAT(with.best_share, ElementsAre(::testing::DoubleEq(2.0 / 3 + 0.5), ::testing::DoubleEq(2.0 / 3),
                                           ::testing::DoubleEq(2.0 / 3), 0.5));
}

TEST(BlindMethods, DrawsAreNestedAndFollowTheWeights) {
  const std::vector<double> weights = {0, 1, 3, 0, 1};
  std::map<int32_t, int> first;
  for (uint64_t stream = 0; stream < 4000; ++stream) {
    const std::vector<int32_t> three = DrawArms(weights, 3, 7, stream);
    const std::vector<int32_t> one = DrawArms(weights, 1, 7, stream);
    ASSERT_THAT(three, SizeIs(3));
    ASSERT_EQ(one[0], three[0]);
    ASSERT_THAT(std::set<int32_t>(three.begin(), three.end()), ElementsAre(1, 2, 4));
    ++first[three[0]];
  }
  // Three fifths of 4,000, with a standard deviation of 31.
  EXPECT_NEAR(first[2], 2400, 130);
  EXPECT_NEAR(first[1], 800, 110);
  EXPECT_EQ(DrawArms(weights, 3, 7, 1), DrawArms(weights, 3, 7, 1));
  EXPECT_THAT(DrawArms(weights, 9, 7, 1), SizeIs(3)) << "no more than have a weight";
}

}  // namespace
}  // namespace sprint
