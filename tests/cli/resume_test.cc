// `sprint resume` where there is nothing to go on with, as a process.
#include "absl/strings/str_cat.h"
#include "storage/sqlite_store.h"
#include "tests/cli/program.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A database whose one experiment has ended, one of its two cells quarantined if it is said so.
void MakeEnded(const std::string& path, bool quarantined) {
  SqliteStoreOptions options;
  options.path = path;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, OpenSqliteStore(options));
  ExperimentPlan plan;
  plan.name = "grid";
  RunRecord run;
  run.weights_hash = Sha256("weights");
  run.dtype = "f32";
  run.engine_mode = "exact";
  plan.runs = {run};
  plan.questions = {{{1, 2}, "a prompt"}};
  plan.problems = {{"p1", 0, "a question", "5", "", ""}};
  plan.arms = {Arm(), *Arm::Create({{0, 1, HeadOp::kZero}})};
  BlockPlan block;
  block.questions = {0};
  block.arms = {0, 1};
  plan.blocks = {block};
  ASSERT_OK_AND_ASSIGN(const CreatedExperiment created, store->CreateExperiment(plan, absl::Now()));
  ASSERT_OK_AND_ASSIGN(const ExperimentRecord record, store->LoadExperiment(created.id));
  WriteBatch batch;
  for (const StoredArm& arm : record.arms) {
    const CellKey cell = {record.runs[0].id, record.questions[0].id, arm.id, 0};
    if (quarantined && !arm.arm.is_baseline()) {
      batch.failures.push_back({cell, 3, true, "it broke", WorkerId()});
      continue;
    }
    OutcomeRecord outcome;
    outcome.cell = cell;
    outcome.tokens = {5};
    outcome.text = "5";
    outcome.experiments = {created.id};
    batch.outcomes.push_back(outcome);
  }
  batch.states.push_back({created.id, ExperimentState::kFinished});
  ASSERT_OK(store->Commit(batch));
}

TEST(ResumeTest, OfAFinishedExperimentWithQuarantinedCellsPointsAtRetry) {
  const TempDir folder;
  MakeEnded(folder.File("x.db"), /*quarantined=*/true);
  for (const char* name : {"", "grid", "1"}) {
    std::vector<std::string> words = {"resume", "--db", "x.db"};
    if (*name != '\0') words.emplace_back(name);
    const ProgramResult result = RunSprint(words, folder.path());
    EXPECT_EQ(result.exit_code, *name != '\0' ? 1 : 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("grid (experiment 1) ended with 1 cell quarantined; sprint retry 1"));
  }
}

TEST(ResumeTest, OfWhatEndedWellPointsAtNothing) {
  const TempDir folder;
  MakeEnded(folder.File("x.db"), /*quarantined=*/false);
  const ProgramResult all = RunSprint({"resume", "--db", "x.db"}, folder.path());
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.err, HasSubstr("nothing to resume"));
  EXPECT_THAT(all.err, Not(HasSubstr("retry")));
  const ProgramResult one = RunSprint({"resume", "--db", "x.db", "grid"}, folder.path());
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.err, Not(HasSubstr("retry")));
}

}  // namespace
}  // namespace sprint::testing
