#include "selector/thinning.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// `per` points around each of `centres` centres that lie far apart on axes of their own.
FeatureMatrix Blobs(int64_t centres, int64_t per) {
  FeatureMatrix features;
  features.dim = centres;
  features.rows = centres * per;
  CounterRng rng(4, 1);
  for (int64_t row = 0; row < features.rows; ++row) {
    for (int64_t axis = 0; axis < centres; ++axis)
      features.values.push_back(
          static_cast<float>((row % centres == axis ? 10 : 0) + 0.3 * rng.NextNormal()));
  }
  return features;
}

std::vector<size_t> AllRows(const FeatureMatrix& features) {
  std::vector<size_t> rows(static_cast<size_t>(features.rows));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(ThinningTest, KMeansFindsClustersThatAreThereAndItsSeedDecides) {
  const FeatureMatrix features = Blobs(5, 20);
  const std::vector<size_t> rows = AllRows(features);
  const std::vector<int32_t> cluster = KMeans(features, rows, 5, 1);
  for (size_t row = 5; row < rows.size(); ++row) EXPECT_EQ(cluster[row], cluster[row % 5]);
  EXPECT_EQ(std::set<int32_t>(cluster.begin(), cluster.end()).size(), 5u);
  EXPECT_EQ(KMeans(features, rows, 5, 1), cluster);
}

TEST(ThinningTest, KMeansOfEqualRowsIsOneCluster) {
  FeatureMatrix features;
  features.dim = 2;
  features.rows = 6;
  features.values.assign(12, 3.0F);
  const std::vector<int32_t> cluster = KMeans(features, AllRows(features), 4, 1);
  EXPECT_EQ(std::set<int32_t>(cluster.begin(), cluster.end()).size(), 1u);
}

TEST(ThinningTest, TheDppChoiceTakesOneOfEachKindBeforeASecond) {
  const FeatureMatrix features = Blobs(6, 10);
  const std::vector<size_t> chosen = DppChoice(features, AllRows(features), 6);
  std::set<size_t> kinds;
  for (const size_t row : chosen) kinds.insert(row % 6);
  EXPECT_EQ(kinds.size(), 6u);
}

TEST(ThinningTest, TakesEveryRowOnceWhenAskedForMoreThanThereAre) {
  FeatureMatrix features = Blobs(3, 4);
  for (int64_t i = 0; i < 3; ++i)
    features.values[static_cast<size_t>(3 + i)] = features.values[static_cast<size_t>(i)];
  const std::vector<size_t> chosen = DppChoice(features, AllRows(features), 100);
  EXPECT_EQ(std::set<size_t>(chosen.begin(), chosen.end()).size(), 12u);
  EXPECT_EQ(chosen.size(), 12u);
}

TEST(ThinningTest, KeepsAtMostSoManyOfEachClusterSorted) {
  const FeatureMatrix features = Blobs(4, 25);
  const std::vector<size_t> kept = ThinQuestions(features, AllRows(features), 4, 7, 3);
  EXPECT_EQ(kept.size(), 28u);
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
  EXPECT_EQ(ThinQuestions(features, AllRows(features), 4, 7, 3), kept);
}

}  // namespace
}  // namespace sprint
