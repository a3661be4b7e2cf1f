// The same with the programs people run: `sprint launch` and `sprint resume` on the demo model, killing
// a worker, the coordinator, the CLI, or all of them.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/rng.h"
#include "storage/endpoint.h"
#include "tests/e2e/ledger.h"
#include "tests/testing/processes.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(180);

class RealSweepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* program : {"sprint", "sprint-worker", "sprint-coordinator"}) {
      if (!FileExists(absl::StrCat(BinDir(), "/", program))) GTEST_SKIP() << program << " is not built";
    }
    model_ = SourceDir() + "/demo/model";
    dataset_ = SourceDir() + "/demo/problems.jsonl";
    if (!IsDirectory(model_) || !FileExists(dataset_)) GTEST_SKIP() << "the demo model is absent";
  }

  absl::StatusOr<Process> Launch(const std::string& folder) {
    return Process::Start({BinDir() + "/sprint",
                           "launch",
                           "--name",
                           "sweep",
                           "--db",
                           folder + "/x.db",
                           "--model",
                           model_,
                           "--dataset",
                           dataset_,
                           "--limit",
                           "40",
                           "--arms",
                           "L0H*,L1H*,L2H*",
                           "--max-new-tokens",
                           "64",
                           "--workers",
                           "2",
                           "--hidden-states",
                           "1,last"},
                          folder + "/cli.out");
  }
  absl::StatusOr<Process> Resume(const std::string& folder) {
    return Process::Start({BinDir() + "/sprint", "resume", "--db", folder + "/x.db", "--workers", "2"},
                          folder + "/cli.out");
  }

  std::string model_;
  std::string dataset_;
};

pid_t CoordinatorOf(const std::string& folder) {
  const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(folder + "/x.db");
  if (!endpoint.ok()) return 0;
  const auto pid = static_cast<pid_t>(endpoint->pid);
  return kill(pid, 0) == 0 ? pid : 0;
}

// The coordinator is not this process's child, so it is gone when it no longer answers to its number.
void KillCoordinator(const std::string& folder) {
  const pid_t pid = CoordinatorOf(folder);
  if (pid == 0) return;
  kill(pid, SIGKILL);
  EXPECT_TRUE(Eventually(kPatience, [&] { return CoordinatorOf(folder) != pid; }));
}

int64_t Rows(const std::string& folder) {
  const auto rows = ReadRows(folder + "/x.db");
  return rows.ok() ? static_cast<int64_t>(rows->size()) : 0;
}

TEST_F(RealSweepTest, AKilledSweepOnTheDemoModelIsResumedToTheSameRows) {
  TempDir whole;
  {
    ASSERT_OK_AND_ASSIGN(Process cli, Launch(whole.path()));
    ASSERT_OK_AND_ASSIGN(const int code, cli.Wait(kPatience));
    ASSERT_EQ(code, 0) << ReadFile(whole.File("cli.out")).value_or("");
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> expected, ReadRows(whole.File("x.db")));
  const auto cells = static_cast<int64_t>(expected.size());
  ASSERT_EQ(cells, 40 * 19);

  TempDir folder;
  CounterRng rng(7, 0);
  ASSERT_OK_AND_ASSIGN(Process cli, Launch(folder.path()));
  const char* const victims[] = {"worker", "cli", "coordinator", "all"};
  int kills = 0;
  for (const char* victim : victims) {
    // At some moment of the next part of the sweep.
    const int64_t goal = Rows(folder.path()) + cells / 10 + static_cast<int64_t>(rng.NextBelow(60));
    ASSERT_TRUE(Eventually(kPatience, [&] {
      return Rows(folder.path()) >= goal || Rows(folder.path()) == cells;
    })) << ReadFile(folder.File("cli.out")).value_or("");
    if (Rows(folder.path()) == cells) break;
    ++kills;
    SCOPED_TRACE(victim);
    const std::string name = victim;
    if (name == "worker") {
      const std::vector<pid_t> workers = ChildrenOf(CoordinatorOf(folder.path()));
      ASSERT_FALSE(workers.empty());
      kill(workers[rng.NextBelow(workers.size())], SIGKILL);
      continue;
    }
    if (name != "coordinator") cli.Kill();
    if (name != "cli") KillCoordinator(folder.path());
    cli.Kill();
    ASSERT_OK_AND_ASSIGN(cli, Resume(folder.path()));
  }
  EXPECT_GE(kills, 3);
  ASSERT_OK_AND_ASSIGN(const int code, cli.Wait(kPatience));
  EXPECT_EQ(code, 0) << ReadFile(folder.File("cli.out")).value_or("");
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> rows, ReadRows(folder.File("x.db")));
  EXPECT_EQ(rows, expected);
  // The answers' hidden states, too, whichever worker computed them.
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> expected_states, ReadStates(whole.File("x.db")));
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> states, ReadStates(folder.File("x.db")));
  EXPECT_EQ(states.size(), 40u * 2);
  EXPECT_EQ(states, expected_states);
  const LogSummary logs = ReadWorkerLogs(folder.path());
  EXPECT_GE(logs.started, cells);
  EXPECT_THAT(logs.repeated, ::testing::IsEmpty());
  RecordProperty("started", static_cast<int>(logs.started));
}

}  // namespace
}  // namespace sprint::testing
