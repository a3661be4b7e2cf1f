#include "selector/selector.h"

#include <cmath>

#include "base/rng.h"
#include "model/weights.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

std::vector<float> Random(size_t size, uint64_t stream) {
  CounterRng rng(5, stream);
  std::vector<float> values;
  for (size_t i = 0; i < size; ++i) values.push_back(static_cast<float>(rng.NextNormal()));
  return values;
}

Selector Small() {
  Selector selector;
  selector.arm_names = {"baseline", "L0H0", "L1H2"};
  selector.weights = {5, 7, 4, 3, Random(35, 1), Random(7, 2), Random(28, 3), Random(4, 4), Random(12, 5)};
  selector.feature_mean = Random(5, 6);
  selector.feature_deviation = {1, 2, 1, 0.5F, 1};
  selector.arm_accuracy = {0.5F, 0.4F, 0.7F};
  selector.train_places = Random(44, 7);
  for (int i = 0; i < 33; ++i) selector.train_right.push_back(i % 3 == 0 || i % 5 == 0 ? 1 : 0);
  selector.calibration = {0.5, 1.0, -0.25};
  selector.lineage = R"({"snapshot":"x"})";
  return selector;
}

TEST(SelectorTest, ScoresAreTheMlpAgainstEachArmsVector) {
  Selector selector = Small();
  const std::vector<float> features = Random(5, 9);
  const SelectorWeights& w = selector.weights;
  std::vector<double> place(4);
  for (size_t i = 0; i < 4; ++i) place[i] = w.b2[i];
  for (size_t h = 0; h < 7; ++h) {
    double hidden = w.b1[h];
    for (size_t f = 0; f < 5; ++f)
      hidden += w.w1[h * 5 + f] * (features[f] - selector.feature_mean[f]) / selector.feature_deviation[f];
    for (size_t i = 0; i < 4; ++i) place[i] += w.w2[i * 7 + h] * std::max(hidden, 0.0);
  }
  double zz = 0;
  for (const double z : place) zz += z * z;
  selector.temperature = 0.5;
  for (size_t arm = 0; arm < 3; ++arm) {
    double dot = 0;
    double vv = 0;
    for (size_t i = 0; i < 4; ++i) {
      dot += place[i] * w.arm[arm * 4 + i];
      vv += w.arm[arm * 4 + i] * w.arm[arm * 4 + i];
    }
    selector.score = ScoreKind::kDot;
    EXPECT_NEAR(selector.Scores(selector.Place(features))[arm], dot, 1e-4);
    selector.score = ScoreKind::kCosine;
    EXPECT_NEAR(selector.Scores(selector.Place(features))[arm], dot / std::sqrt(zz * vv) / 0.5, 1e-4);
    selector.score = ScoreKind::kDistance;
    EXPECT_NEAR(selector.Scores(selector.Place(features))[arm], -(zz - 2 * dot + vv) / 0.5, 1e-3);
  }
}

TEST(SelectorTest, SurvivesItsFileByteForByte) {
  const Selector selector = Small();
  const std::string bytes = SerializeSelector(selector);
  auto read = ParseSelector(bytes, "small");
  ASSERT_OK(read);
  EXPECT_EQ(SerializeSelector(*read), bytes);
  EXPECT_EQ(read->train_right, selector.train_right);
  EXPECT_EQ(read->lineage, selector.lineage);
  EXPECT_EQ(read->train_count(), 11);
  const std::vector<float> features = Random(5, 9);
  EXPECT_EQ(read->Scores(read->Place(features)), selector.Scores(selector.Place(features)));
}

TEST(SelectorTest, ADamagedFileIsRefusedByName) {
  const std::string whole = SerializeSelector(Small());
  for (size_t size = 0; size < whole.size(); size += 13) {
    const absl::Status status = ParseSelector(whole.substr(0, size), "some.safetensors").status();
    EXPECT_FALSE(status.ok()) << size;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("some.safetensors"));
  }
  Selector misfit = Small();
  misfit.weights.b1.pop_back();
  misfit.weights.hidden = 6;  // w1 has 7 rows' data
  misfit.weights.w1.resize(30);
  EXPECT_FALSE(ParseSelector(SerializeSelector(misfit), "misfit").ok());
  EXPECT_FALSE(ParseSelector(SerializeSafetensors({}), "foreign").ok());
}

TEST(SelectorTest, ProbabilitiesRiseWithTheScoreAndWithTheArmsRecord) {
  Selector selector = Small();
  selector.calibration = {1.0, 1.0, 0.0};
  selector.arm_accuracy = {0.5F, 0.5F, 0.9F};
  const std::vector<float> p = selector.Probabilities({0.0F, 1.0F, 1.0F});
  EXPECT_LT(p[0], p[1]);
  EXPECT_LT(p[1], p[2]);
  for (const float value : p) {
    EXPECT_GT(value, 0);
    EXPECT_LT(value, 1);
  }
}

}  // namespace
}  // namespace sprint
