// After any sequence of batches the counters are what a recount from the rows gives, and the two stores
// agree in every number.
#include <set>

#include "base/rng.h"
#include "tests/storage/store_fixture.h"

namespace sprint::testing {
namespace {

// A plan drawn from 4 questions, 5 arms, 3 samples and 2 golds a question: selections that overlap.
ExperimentPlan RandomPlan(CounterRng& rng) {
  ExperimentPlan plan = GridPlan(4, 5, 1 + static_cast<int32_t>(rng.NextBelow(3)));
  plan.name = absl::StrCat("plan ", rng.NextBelow(3));
  BlockPlan& block = plan.blocks[0];
  const auto cut = [&rng](std::vector<int32_t>& all) {
    const size_t from = rng.NextBelow(all.size());
    const size_t to = from + 1 + rng.NextBelow(all.size() - from);
    all = std::vector<int32_t>(all.begin() + static_cast<ptrdiff_t>(from),
                               all.begin() + static_cast<ptrdiff_t>(to));
  };
  cut(block.questions);
  cut(block.arms);
  block.first_sample = static_cast<int32_t>(rng.NextBelow(2));
  for (ProblemRecord& problem : plan.problems) {
    if (rng.NextBelow(3) == 0) problem.gold = absl::StrCat("other ", problem.question);
    if (rng.NextBelow(8) == 0) problem.gold = "";
  }
  if (rng.NextBelow(2) == 0) {  // a second problem of one prompt, with a gold of its own
    plan.problems.push_back(plan.problems[0]);
    plan.problems.back().external_id = "again";
    plan.problems.back().gold = "second gold";
  }
  return plan;
}

WriteBatch RandomBatch(CounterRng& rng, const std::vector<GoldEntry>& golds, std::set<CellKey>& durable) {
  WriteBatch batch;
  const auto cell = [&rng] {
    return CellKey{RunId(1), QuestionId(1 + static_cast<int64_t>(rng.NextBelow(4))),
                   ArmId(1 + static_cast<int64_t>(rng.NextBelow(5))), static_cast<int32_t>(rng.NextBelow(4))};
  };
  const auto verdict = [&](const CellKey& of) {
    const GoldEntry& gold = golds[rng.NextBelow(golds.size())];
    return TestVerdict(of, gold.gold, rng.NextBelow(2) == 0, 1 + static_cast<int32_t>(rng.NextBelow(3)));
  };
  for (uint64_t i = rng.NextBelow(6); i > 0; --i) {
    OutcomeRecord outcome = TestOutcome(cell());
    if (!durable.insert(outcome.cell).second) continue;
    outcome.tokens.resize(rng.NextBelow(7));
    outcome.finish = static_cast<FinishReason>(rng.NextBelow(3));
    for (uint64_t v = rng.NextBelow(3); v > 0; --v) outcome.verdicts.push_back(verdict(outcome.cell));
    batch.outcomes.push_back(outcome);
  }
  for (uint64_t i = rng.NextBelow(4); i > 0; --i) {
    const CellKey of = cell();
    if (durable.contains(of)) batch.verdicts.push_back(verdict(of));
  }
  return batch;
}

class CountersProperty : public ::testing::TestWithParam<uint64_t> {
 protected:
  void ExpectAgreement(Store& memory, Store& sqlite) {
    ASSERT_OK_AND_ASSIGN(const std::vector<ExperimentId> ids, memory.UnfinishedExperiments());
    ASSERT_EQ(sqlite.UnfinishedExperiments().value(), ids);
    for (const ExperimentId id : ids) {
      ASSERT_OK_AND_ASSIGN(const ExperimentRecord a, memory.LoadExperiment(id));
      ASSERT_OK_AND_ASSIGN(const ExperimentRecord b, sqlite.LoadExperiment(id));
      ASSERT_EQ(a.counters, b.counters);
      ASSERT_EQ(a.done, b.done);
      ASSERT_EQ(RecountCounters(*disk_, id), a.counters);
      ASSERT_OK_AND_ASSIGN(const std::vector<ArmCounters> recounted, RecountCounters(path_, id));
      ASSERT_EQ(recounted, b.counters);
    }
  }
  TempDir directory_;
  std::string path_ = directory_.File("sprint.db");
  std::shared_ptr<MemoryDisk> disk_ = MakeMemoryDisk();
};

INSTANTIATE_TEST_SUITE_P(Seeds, CountersProperty, ::testing::Range<uint64_t>(1, 13));

TEST_P(CountersProperty, EqualARecountAfterRandomBatchesOverOverlappingExperiments) {
  CounterRng rng(GetParam(), 0);
  const std::unique_ptr<Store> memory = OpenMemoryStore(disk_);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> sqlite, OpenSqliteStore({path_}));
  std::set<CellKey> durable;
  std::vector<GoldEntry> golds;
  // A first plan that names every question and arm, so that their numbers are the same everywhere.
  for (int step = 0; step < 40; ++step) {
    if (step == 0 || rng.NextBelow(6) == 0) {
      const ExperimentPlan plan = step == 0 ? GridPlan(4, 5, 2) : RandomPlan(rng);
      ASSERT_OK_AND_ASSIGN(const CreatedExperiment a, memory->CreateExperiment(plan, TestTime()));
      ASSERT_OK_AND_ASSIGN(const CreatedExperiment b, sqlite->CreateExperiment(plan, TestTime()));
      ASSERT_EQ(a.id, b.id);
      ASSERT_EQ(a.continued, b.continued);
      ASSERT_EQ(a.cells, b.cells);
      ASSERT_EQ(a.existing, b.existing);
      ASSERT_OK_AND_ASSIGN(const std::vector<GoldEntry> more, sqlite->Golds(b.id));
      golds.insert(golds.end(), more.begin(), more.end());
    } else if (rng.NextBelow(12) == 0) {
      ASSERT_OK_AND_ASSIGN(const std::vector<ExperimentId> ids, memory->UnfinishedExperiments());
      if (ids.size() > 1) {
        ASSERT_OK(memory->DeleteExperiment(ids.back()));
        ASSERT_OK(sqlite->DeleteExperiment(ids.back()));
      }
    } else {
      const WriteBatch batch = RandomBatch(rng, golds, durable);
      ASSERT_OK(memory->Commit(batch));
      ASSERT_OK(sqlite->Commit(batch));
    }
    if (step % 8 == 7) ExpectAgreement(*memory, *sqlite);
  }
  ExpectAgreement(*memory, *sqlite);
  EXPECT_FALSE(durable.empty());
}

}  // namespace
}  // namespace sprint::testing
