// A database with outcomes of a made-up sweep, for the selector's tests.
#ifndef SPRINT_TESTS_SELECTOR_FIXTURE_H_
#define SPRINT_TESTS_SELECTOR_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "storage/reader.h"
#include "storage/sqlite_store.h"
#include "tests/storage/builders.h"
#include "tests/testing/testing.h"

namespace sprint::testing {

// Whether an arm of the plan is right on a question of it, and what it answers.
struct MadeUpAnswer {
  bool right = false;
  std::string text;
};
using AnswerFn = std::function<MadeUpAnswer(int32_t question, int32_t arm)>;

// Experiments, all judged, through the real store.
class SweepDatabase {
 public:
  explicit SweepDatabase(const std::string& file_name = "results.db") : path_(dir_.File(file_name)) {
    SqliteStoreOptions options;
    options.path = path_;
    auto store = OpenSqliteStore(options);
    EXPECT_OK(store);
    store_ = *std::move(store);
  }

  ExperimentId AddSweep(ExperimentPlan plan, const AnswerFn& answer) {
    auto created = store_->CreateExperiment(plan, TestTime());
    EXPECT_OK(created);
    auto record = store_->LoadExperiment(created->id);
    EXPECT_OK(record);
    auto golds = store_->Golds(created->id);
    EXPECT_OK(golds);
    WriteBatch batch;
    for (size_t b = 0; b < plan.blocks.size(); ++b) {
      for (const auto& [q, a, sample] : CellsOf(plan.blocks[b])) {
        const CellKey cell = CellAt(*record, q, a, sample, b);
        if (store_->FindAnswer(cell).ok()) continue;  // another sweep has it
        const MadeUpAnswer made = answer(plan.blocks[b].questions[q], plan.blocks[b].arms[a]);
        OutcomeRecord outcome = TestOutcome(cell);
        outcome.experiments = {created->id};
        for (const GoldEntry& gold : *golds) {
          if (gold.question != cell.question) continue;
          VerdictRecord verdict = TestVerdict(cell, gold.gold, made.right);
          verdict.extracted = made.text;
          outcome.verdicts.push_back(verdict);
        }
        batch.outcomes.push_back(std::move(outcome));
      }
    }
    EXPECT_OK(store_->Commit(batch));
    return created->id;
  }

  // (question, arm) by their places in the block, and the sample.
  static std::vector<std::tuple<size_t, size_t, int32_t>> CellsOf(const BlockPlan& block) {
    std::vector<std::tuple<size_t, size_t, int32_t>> cells;
    for (size_t q = 0; q < block.questions.size(); ++q) {
      for (size_t a = 0; a < block.arms.size(); ++a) {
        for (int32_t sample = 0; sample < block.samples; ++sample) cells.emplace_back(q, a, sample);
      }
    }
    return cells;
  }

  std::unique_ptr<Reader> OpenReader() const {
    auto reader = Reader::Open(path_);
    EXPECT_OK(reader);
    return *std::move(reader);
  }
  // Gives up the ownership, so that a coordinator may take the database.
  void Close() { store_.reset(); }
  const std::string& path() const { return path_; }
  const TempDir& dir() const { return dir_; }

 private:
  TempDir dir_;
  const std::string path_;
  std::unique_ptr<Store> store_;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_SELECTOR_FIXTURE_H_
