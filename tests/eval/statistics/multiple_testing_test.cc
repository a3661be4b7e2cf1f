#include "eval/statistics/multiple_testing.h"

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// Benjamini and Hochberg, JRSS B 57 (1995), section 4.1.
const std::vector<double> kPaper = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};

TEST(QValues, RejectWhatTheOriginalPaperDoes) {
  const std::vector<double> q = QValues(kPaper);
  EXPECT_EQ(std::count_if(q.begin(), q.end(), [](double value) { return value <= 0.05; }), 4);
  EXPECT_NEAR(q[0], 0.0015, 1e-12);
  EXPECT_NEAR(q[3], 0.0095 * 15 / 4, 1e-12);
  EXPECT_NEAR(q[4], 0.0201 * 15 / 5, 1e-12);
  EXPECT_NEAR(q[5], 0.0298 * 15 / 7, 1e-12);  // the seventh is lower than the sixth on its own
  EXPECT_EQ(q[14], 1);
}

TEST(QValues, RejectFewerForAnyDependence) {
  // The same example in Benjamini and Yekutieli's form: 1 + 1/2 + … + 1/15 = 3.3182.
  const std::vector<double> q = QValues(kPaper, Correction::kBenjaminiYekutieli);
  EXPECT_EQ(std::count_if(q.begin(), q.end(), [](double value) { return value <= 0.05; }), 3);
  EXPECT_NEAR(q[0], 0.0015 * 3.3182289932289937, 1e-12);
  EXPECT_NEAR(q[2], 0.0095 * 3.3182289932289937, 1e-12);
  EXPECT_EQ(q[14], 1);
}

TEST(QValues, EqualTheirDefinition) {
  for (uint64_t trial = 0; trial < 200; ++trial) {
    CounterRng rng(11, trial);
    std::vector<double> p(1 + rng.NextBelow(30));
    for (double& value : p) value = static_cast<double>(rng.NextBelow(21)) / 20;  // with ties, 0 and 1
    const std::vector<double> q = QValues(p);
    ASSERT_EQ(q.size(), p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      double expected = 1;
      for (const double cut : p) {
        if (cut < p[i]) continue;
        const auto below = std::count_if(p.begin(), p.end(), [&](double value) { return value <= cut; });
        expected = std::min(expected, cut * static_cast<double>(p.size()) / static_cast<double>(below));
      }
      EXPECT_NEAR(q[i], expected, 1e-12);
    }
  }
}

TEST(QValues, TakeNone) { EXPECT_TRUE(QValues({}).empty()); }

}  // namespace
}  // namespace sprint
