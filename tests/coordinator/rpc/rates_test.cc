#include "coordinator/rpc/rates.h"

#include "tests/testing/testing.h"

namespace sprint {
namespace {

constexpr ExperimentId kExperiment(1);

TEST(RatesTest, CountsTheLastMinute) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  Rates rates;
  for (int second = 0; second < 120; ++second) {
    rates.Add(kExperiment, 2, 30, start + absl::Seconds(second));
  }
  const Rate rate = rates.Of(kExperiment, start + absl::Seconds(119));
  EXPECT_DOUBLE_EQ(rate.cells, 2);
  EXPECT_DOUBLE_EQ(rate.tokens, 30);
}

TEST(RatesTest, AYoungExperimentIsMeasuredFromItsFirstOutcome) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  Rates rates;
  rates.Add(kExperiment, 10, 0, start);
  EXPECT_DOUBLE_EQ(rates.Of(kExperiment, start).cells, 10);
  EXPECT_DOUBLE_EQ(rates.Of(kExperiment, start + absl::Seconds(5)).cells, 2);
}

TEST(RatesTest, AnExperimentThatStandsStillHasNoRateAndNoEta) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  Rates rates;
  rates.Add(kExperiment, 10, 10, start);
  const Rate still = rates.Of(kExperiment, start + absl::Minutes(2));
  EXPECT_EQ(still.cells, 0);
  EXPECT_LT(EtaSeconds(5, still), 0);
  EXPECT_EQ(EtaSeconds(0, still), 0);
  EXPECT_DOUBLE_EQ(EtaSeconds(30, {2, 0}), 15);
  EXPECT_EQ(rates.Of(ExperimentId(2), start).cells, 0);
}

}  // namespace
}  // namespace sprint
