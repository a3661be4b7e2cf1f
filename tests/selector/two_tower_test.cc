#include "selector/two_tower.h"

#include <cmath>

#include "base/rng.h"
#include "tests/testing/testing.h"
#include "worker/engine/parallel.h"

namespace sprint {
namespace {

constexpr int64_t kRows = 6;
constexpr TowerShape kShape = {5, 7, 4, 9, 0};

// Questions with random features; a third of the arms right, some not judged.
struct Questions {
  std::vector<float> x, target;
  std::vector<uint8_t> known;

  Questions(const TowerShape& shape, bool logistic) {
    CounterRng rng(3, 1);
    for (int64_t i = 0; i < kRows * shape.features; ++i) x.push_back(static_cast<float>(rng.NextNormal()));
    for (int64_t r = 0; r < kRows; ++r) {
      std::vector<float> row;
      float sum = 0;
      for (int64_t a = 0; a < shape.arms; ++a) {
        const bool judged = a < 2 || rng.NextDouble() < 0.8;
        row.push_back(judged && (a == 0 || rng.NextDouble() < 0.3) ? 1.0F : 0.0F);
        known.push_back(judged ? 1 : 0);
        sum += row.back();
      }
      for (const float value : row) target.push_back(logistic ? value : value / sum);
    }
  }
  TowerData data() const { return {x.data(), target.data(), known.data()}; }
};

struct Case {
  ScoreKind score;
  bool logistic;
  int64_t arm_features;
};

TowerOptions OptionsOf(const Case& c) {
  TowerOptions options{kShape, c.score, c.score == ScoreKind::kDot ? 1.0 : 0.7, c.logistic, {}};
  options.shape.arm_features = c.arm_features;
  CounterRng rng(8, 1);
  for (int64_t i = 0; i < kShape.arms * c.arm_features; ++i)
    options.arm_features.push_back(static_cast<float>(rng.NextNormal()));
  return options;
}

const Case kCases[] = {{ScoreKind::kDot, false, 0},      {ScoreKind::kDot, true, 0},
                       {ScoreKind::kCosine, false, 0},   {ScoreKind::kCosine, true, 3},
                       {ScoreKind::kDistance, false, 3}, {ScoreKind::kDistance, true, 0}};
const std::vector<int32_t> kOrder = {4, 0, 5, 1, 2, 3, 0};  // one of them twice

// The loss as the header defines it, in double and one question at a time.
double SlowLoss(const TowerOptions& o, const TwoTower& tower, const std::vector<double>& p,
                const Questions& q) {
  const TowerShape& s = o.shape;
  const TowerLayout& l = tower.layout();
  double total = 0;
  for (const int32_t row : kOrder) {
    std::vector<double> hidden, z, scores;
    for (int64_t h = 0; h < s.hidden; ++h) {
      double sum = p[l.b1 + h];
      for (int64_t f = 0; f < s.features; ++f)
        sum += p[l.w1 + h * s.features + f] * q.x[row * s.features + f];
      hidden.push_back(std::max(sum, 0.0));
    }
    double zz = 0;
    for (int64_t i = 0; i < s.d; ++i) {
      double sum = p[l.b2 + i];
      for (int64_t h = 0; h < s.hidden; ++h) sum += p[l.w2 + i * s.hidden + h] * hidden[h];
      z.push_back(sum);
      zz += sum * sum;
    }
    for (int64_t a = 0; a < s.arms; ++a) {
      double dot = 0, vv = 0;
      for (int64_t i = 0; i < s.d; ++i) {
        double v = p[l.arm + a * s.d + i];
        for (int64_t k = 0; k < s.arm_features; ++k)
          v += p[l.map + i * s.arm_features + k] * o.arm_features[a * s.arm_features + k];
        dot += z[i] * v;
        vv += v * v;
      }
      if (o.score == ScoreKind::kDot) scores.push_back(dot);
      if (o.score == ScoreKind::kCosine)
        scores.push_back(dot / std::sqrt((zz + 1e-12) * (vv + 1e-12)) / o.temperature);
      if (o.score == ScoreKind::kDistance) scores.push_back(-(zz - 2 * dot + vv) / o.temperature);
    }
    double sum = 0, wanted = 0, yes_no = 0, judged = 0;
    for (int64_t a = 0; a < s.arms; ++a) {
      if (q.known[row * s.arms + a] == 0) continue;
      const double t = q.target[row * s.arms + a];
      sum += std::exp(scores[a]);
      wanted += t * scores[a];
      yes_no += std::log1p(std::exp(scores[a])) - t * scores[a];
      ++judged;
    }
    total += o.logistic ? yes_no / judged : std::log(sum) - wanted;
  }
  return total / static_cast<double>(kOrder.size());
}

std::vector<float> Parameters(const TwoTower& tower) {
  std::vector<float> parameters = tower.InitialParameters(5);
  CounterRng rng(6, 2);  // larger arms and biases than at the start, so that everything has a say
  for (float& value : parameters) value += static_cast<float>(0.3 * rng.NextNormal());
  return parameters;
}

TEST(TwoTowerTest, TheGradientIsThatOfTheLossByFiniteDifferences) {
  ThreadPool pool(1);
  for (const Case& c : kCases) {
    const TowerOptions options = OptionsOf(c);
    TwoTower tower(options, pool);
    const Questions questions(options.shape, c.logistic);
    const std::vector<float> parameters = Parameters(tower);
    std::vector<float> gradient(parameters.size());
    auto loss = tower.Loss(parameters, questions.data(), kOrder, {}, absl::MakeSpan(gradient));
    ASSERT_OK(loss);
    std::vector<double> p(parameters.begin(), parameters.end());
    EXPECT_NEAR(*loss, SlowLoss(options, tower, p, questions), 1e-5);
    for (size_t i = 0; i < p.size(); ++i) {
      const double h = 1e-6;
      const double kept = p[i];
      p[i] = kept + h;
      const double above = SlowLoss(options, tower, p, questions);
      p[i] = kept - h;
      const double below = SlowLoss(options, tower, p, questions);
      p[i] = kept;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * h), 2e-5)
          << ScoreKindName(c.score) << (c.logistic ? ", logistic" : "") << ", parameter " << i;
    }
  }
}

TEST(TwoTowerTest, DropoutScalesWhatItKeepsAndItsGradientIsThatOfTheSameUnits) {
  ThreadPool pool(1);
  const TowerOptions options = OptionsOf({ScoreKind::kDot, false, 0});
  TwoTower tower(options, pool);
  const Questions questions(options.shape, false);
  std::vector<float> parameters = Parameters(tower);
  const Dropout dropout = {0.4, 3, 17};
  std::vector<float> gradient(parameters.size());
  std::vector<float> unused(parameters.size());
  const auto loss = [&](const Dropout& d, std::vector<float>& g) {
    auto value = tower.Loss(parameters, questions.data(), kOrder, d, absl::MakeSpan(g));
    EXPECT_OK(value);
    return *value;
  };
  const double dropped = loss(dropout, gradient);
  EXPECT_EQ(loss(dropout, unused), dropped);
  EXPECT_NE(loss({0.4, 3, 18}, unused), dropped);
  EXPECT_NE(loss({}, unused), dropped);
  for (size_t i = 0; i < parameters.size(); i += 3) {
    const float kept = parameters[i];
    parameters[i] = kept + 5e-3F;
    const double above = loss(dropout, unused);
    parameters[i] = kept - 5e-3F;
    const double below = loss(dropout, unused);
    parameters[i] = kept;
    EXPECT_NEAR(gradient[i], (above - below) / 1e-2, 2e-3) << i;
  }
  // What passes keeps its mean, so that a little dropout changes the mean loss little.
  double mean = 0;
  for (int64_t step = 0; step < 2000; ++step) mean += loss({0.05, 3, step}, unused) / 2000;
  EXPECT_NEAR(mean, loss({}, unused), 0.05);
}

TEST(TwoTowerTest, LossesByFactorAreThoseOfScaledArms) {
  ThreadPool pool(1);
  const TowerOptions options = OptionsOf({ScoreKind::kDot, false, 0});
  TwoTower tower(options, pool);
  const Questions questions(options.shape, false);
  std::vector<float> parameters = Parameters(tower);
  const std::vector<float> factors = {1.0F, 0.5F};
  std::vector<double> sums(2, 0.0);
  ASSERT_OK(tower.AddLosses(parameters, questions.data(), kOrder, factors, 0, absl::MakeSpan(sums)));
  std::vector<float> unused(parameters.size());
  for (const double sum : sums) {
    auto loss = tower.Loss(parameters, questions.data(), kOrder, {}, absl::MakeSpan(unused));
    ASSERT_OK(loss);
    EXPECT_NEAR(sum / static_cast<double>(kOrder.size()), *loss, 1e-6);
    for (size_t i = tower.layout().arm; i < tower.layout().map; ++i) parameters[i] *= 0.5F;
  }
}

TEST(TwoTowerTest, AZeroPlaceHasAFiniteGradientUnderCosine) {
  ThreadPool pool(1);
  const TowerOptions options = OptionsOf({ScoreKind::kCosine, false, 0});
  TwoTower tower(options, pool);
  const Questions questions(options.shape, false);
  const std::vector<float> parameters(tower.layout().size, 0.0F);
  std::vector<float> gradient(parameters.size());
  auto loss = tower.Loss(parameters, questions.data(), kOrder, {}, absl::MakeSpan(gradient));
  ASSERT_OK(loss);
  EXPECT_TRUE(std::isfinite(*loss));
  for (const float value : gradient) ASSERT_TRUE(std::isfinite(value));
}

TEST(TwoTowerTest, ThreadsChangeNoBit) {
  const TowerShape shape = {50, 70, 33, 200, 0};
  const TowerOptions options{shape, ScoreKind::kCosine, 0.5, false, {}};
  const Questions questions(shape, false);
  std::vector<std::vector<float>> gradients;
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    TwoTower tower(options, pool);
    const std::vector<float> parameters = Parameters(tower);
    gradients.emplace_back(parameters.size());
    ASSERT_OK(tower.Loss(parameters, questions.data(), kOrder, {}, absl::MakeSpan(gradients.back())));
  }
  EXPECT_EQ(gradients[0], gradients[1]);
  EXPECT_EQ(gradients[0], gradients[2]);
}

}  // namespace
}  // namespace sprint
