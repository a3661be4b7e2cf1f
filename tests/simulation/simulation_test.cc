// The promises of core.h, over a world in which everything goes wrong.
#include <cstdlib>
#include <string>

#include "tests/simulation/world.h"
#include "tests/testing/testing.h"

namespace sprint::sim {
namespace {

int Seeds() {
  const char* seeds = std::getenv("SPRINT_SIM_SEEDS");
  return seeds != nullptr ? std::max(1, std::atoi(seeds)) : 20;
}

Rows UninterruptedRows(Options options) {
  options.chaos = absl::ZeroDuration();
  World world(options);
  EXPECT_EQ(world.Run(), "");
  return world.rows();
}

TEST(Simulation, AnUninterruptedRunComputesEveryCellOnce) {
  Options options;
  options.chaos = absl::ZeroDuration();
  World world(options);
  ASSERT_EQ(world.Run(), "");
  EXPECT_EQ(static_cast<int64_t>(world.rows().size()), world.cells());
  EXPECT_EQ(world.computed(), world.cells());
  EXPECT_EQ(world.crashes(), 0);
  EXPECT_EQ(world.alarms(), 0);
  for (const auto& [cell, row] : world.rows()) EXPECT_EQ(row.first, world.TextOf(cell));
}

TEST(Simulation, WhateverCrashesTheRowsAreThoseOfAnUninterruptedRun) {
  const Rows expected = UninterruptedRows({});
  int64_t crashes = 0;
  int64_t computed = 0;
  for (int seed = 1; seed <= Seeds(); ++seed) {
    Options options;
    options.seed = static_cast<uint64_t>(seed);
    World world(options);
    ASSERT_EQ(world.Run(), "");
    EXPECT_EQ(world.rows(), expected) << "seed " << seed;
    EXPECT_EQ(world.alarms(), 0) << "seed " << seed;
    EXPECT_TRUE(world.quarantined().empty()) << "seed " << seed;
    crashes += world.crashes();
    computed += world.computed();
  }
  RecordProperty("crashes", std::to_string(crashes));
  EXPECT_GT(crashes, Seeds() * 5);
  // What crashes cost: cells that were computed and lost, or computed twice.
  EXPECT_GT(computed, static_cast<int64_t>(expected.size()) * Seeds());
}

TEST(Simulation, CellsThatKillEndQuarantinedAndTheirNeighboursDoNot) {
  for (int seed = 1; seed <= Seeds(); ++seed) {
    Options options;
    options.seed = static_cast<uint64_t>(seed);
    options.poison = 2;
    options.broken = 1;
    World world(options);
    ASSERT_EQ(world.Run(), "");
    std::set<CellKey> spoilt = world.poison();
    spoilt.insert(world.broken_cells().begin(), world.broken_cells().end());
    EXPECT_EQ(world.quarantined(), spoilt) << "seed " << seed;
    EXPECT_EQ(static_cast<int64_t>(world.rows().size()), world.cells() - 3) << "seed " << seed;
  }
}

TEST(Simulation, AnEngineThatIsNotDeterministicRaisesAlarms) {
  int64_t alarms = 0;
  for (int seed = 1; seed <= Seeds(); ++seed) {
    Options options;
    options.seed = static_cast<uint64_t>(seed);
    options.nondeterministic = true;
    World world(options);
    ASSERT_EQ(world.Run(), "");
    EXPECT_EQ(static_cast<int64_t>(world.rows().size()), world.cells()) << "seed " << seed;
    alarms += world.alarms();
  }
  EXPECT_GT(alarms, 0);
}

TEST(Simulation, AnExperimentKeepsToOneNumericsClass) {
  for (int seed = 1; seed <= Seeds(); ++seed) {
    Options options;
    options.seed = static_cast<uint64_t>(seed);
    options.two_classes = true;
    World world(options);
    ASSERT_EQ(world.Run(), "");
    std::set<NumericsId> classes;
    for (const OutcomeRecord& outcome : AllOutcomes(*world.disk())) classes.insert(outcome.numerics);
    EXPECT_EQ(static_cast<int64_t>(world.rows().size()), world.cells()) << "seed " << seed;
    EXPECT_LE(classes.size(), 2u) << "seed " << seed;
  }
}

TEST(Simulation, TheSameSeedMakesTheSameRun) {
  Options options;
  options.seed = 7;
  World first(options);
  World second(options);
  ASSERT_EQ(first.Run(), "");
  ASSERT_EQ(second.Run(), "");
  EXPECT_EQ(first.loop().steps(), second.loop().steps());
  EXPECT_EQ(first.loop().now(), second.loop().now());
}

}  // namespace
}  // namespace sprint::sim
