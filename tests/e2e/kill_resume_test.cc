// Kills workers, the coordinator, or all of them at seeded moments, starts them again, and compares
// what is in the database at the end with an uninterrupted run.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/rng.h"
#include "storage/endpoint.h"
#include "tests/e2e/ledger.h"
#include "tests/testing/control_client.h"
#include "tests/testing/processes.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

constexpr int kWorkers = 2;
constexpr absl::Duration kPatience = absl::Seconds(90);

MadeUpExperiment Sweep() {
  MadeUpExperiment sweep;
  sweep.name = "sweep";
  sweep.questions = 40;
  for (int layer = 0; layer < 3; ++layer) {
    for (int head = 0; head < 6; ++head) sweep.arms.push_back(absl::StrCat("L", layer, "H", head));
  }
  std::set<std::string> distinct(sweep.arms.begin(), sweep.arms.end());
  sweep.arms.assign(distinct.begin(), distinct.end());
  std::rotate(sweep.arms.begin(), std::find(sweep.arms.begin(), sweep.arms.end(), "baseline"),
              sweep.arms.end());
  return sweep;
}

// A coordinator and external workers with fake engines, as processes over loopback.
class Cluster {
 public:
  explicit Cluster(const std::string& folder) : folder_(folder), database_(folder + "/x.db") {}

  const std::string& database() const { return database_; }
  const std::string& folder() const { return folder_; }

  void StartCoordinator() {
    std::vector<std::string> words = {BinDir() + "/sprint-coordinator",
                                      "--db",
                                      database_,
                                      "--listen",
                                      address_.empty() ? "127.0.0.1:0" : address_,
                                      "--lease-seconds",
                                      "3",
                                      "--heartbeat-seconds",
                                      "0.3",
                                      "--log-file",
                                      folder_ + "/coordinator.log"};
    ASSERT_OK_AND_ASSIGN(coordinator_, Process::Start(words, folder_ + "/coordinator.out"));
    const pid_t pid = coordinator_.pid();
    ASSERT_TRUE(Eventually(kPatience, [&] {
      const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(database_);
      if (!endpoint.ok() || endpoint->pid != pid) return !coordinator_.Running();
      address_ = endpoint->address;
      return true;
    }));
    ASSERT_TRUE(coordinator_.Running()) << ReadFile(folder_ + "/coordinator.out").value_or("");
    client_ =
        std::make_unique<ControlClient>(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
  }

  void StartWorker(int slot) {
    const std::vector<std::string> words = {BinDir() + "/sprint-fake-worker",
                                            "--coordinator",
                                            address_,
                                            "--name",
                                            absl::StrCat("w", slot),
                                            "--fake-engine",
                                            "capacity=8,step-ms=4,tokens=4-12",
                                            "--log-file",
                                            absl::StrCat(folder_, "/worker-", ++started_, ".log")};
    ASSERT_OK_AND_ASSIGN(workers_[slot], Process::Start(words, folder_ + "/workers.out"));
  }

  void StartAll() {
    ASSERT_NO_FATAL_FAILURE(StartCoordinator());
    for (int slot = 0; slot < kWorkers; ++slot) ASSERT_NO_FATAL_FAILURE(StartWorker(slot));
  }

  ControlClient& client() { return *client_; }
  Process& coordinator() { return coordinator_; }
  Process& worker(int slot) { return workers_[slot]; }

 private:
  const std::string folder_;
  const std::string database_;
  std::string address_;
  int started_ = 0;
  Process coordinator_;
  Process workers_[kWorkers];
  std::unique_ptr<ControlClient> client_;
};

// Kills one of {a worker, the coordinator, all} and starts it again.
void KillSomething(Cluster& cluster, CounterRng& rng) {
  const uint64_t what = rng.NextBelow(4);
  if (what < 2) {
    const int slot = static_cast<int>(what);
    cluster.worker(slot).Kill();
    return cluster.StartWorker(slot);
  }
  cluster.coordinator().Kill();
  if (what == 2) return cluster.StartCoordinator();
  for (int slot = 0; slot < kWorkers; ++slot) cluster.worker(slot).Kill();
  cluster.StartAll();
}

std::vector<std::string> RunUninterrupted() {
  TempDir folder;
  Cluster cluster(folder.path());
  cluster.StartAll();
  EXPECT_OK(cluster.client().Submit(Sweep()));
  const auto status = cluster.client().WatchToTheEnd("sweep", kPatience);
  EXPECT_OK(status);
  return ReadRows(cluster.database()).value_or(std::vector<std::string>());
}

constexpr char kFirst[] = "I 2026-01-31T12:00:00.100 sprint-worker[7]: ";
constexpr char kSecond[] = "I 2026-01-31T12:00:00.200 sprint-worker[8]: ";
constexpr char kCell[] = " run=1 question=2 arm=3 sample=0";

std::vector<std::string> RepeatedIn(const std::vector<std::string>& second_log) {
  TempDir folder;
  EXPECT_OK(WriteFileAtomically(folder.File("worker-1.log"),
                                absl::StrCat(kFirst, "start", kCell, "\n", kFirst, "ack", kCell, "\n")));
  std::string text;
  for (const std::string& verb : second_log) absl::StrAppend(&text, kSecond, verb, kCell, "\n");
  EXPECT_OK(WriteFileAtomically(folder.File("worker-2.log"), text));
  return ReadWorkerLogs(folder.path()).repeated;
}

TEST(LedgerTest, ACellThatIsDurableIsRepeatedUnlessItWasBeingTakenAway) {
  EXPECT_EQ(RepeatedIn({"start", "finish", "ack"}).size(), 1U);
  EXPECT_EQ(RepeatedIn({"revoke", "start", "finish", "ack"}).size(), 0U);  // read before, begun after
  EXPECT_EQ(RepeatedIn({"start", "revoke"}).size(), 0U);
  EXPECT_EQ(RepeatedIn({"start", "finish"}).size(), 0U);  // killed before it read anything
  EXPECT_EQ(RepeatedIn({"start", "revoke", "start", "finish", "ack"}).size(), 1U);  // given again
}

TEST(KillResumeTest, RowsEqualAnUninterruptedRunWhateverIsKilled) {
  const std::vector<std::string> expected = RunUninterrupted();
  ASSERT_EQ(expected.size(), 40U * 19U);
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    CounterRng rng(seed, 0);
    TempDir folder;
    Cluster cluster(folder.path());
    ASSERT_NO_FATAL_FAILURE(cluster.StartAll());
    ASSERT_OK(cluster.client().Submit(Sweep()));
    int kills = 0;
    for (; kills < 6; ++kills) {
      absl::SleepFor(absl::Milliseconds(100 + static_cast<int64_t>(rng.NextBelow(250))));
      const auto status = cluster.client().Status("sweep");
      ASSERT_OK(status);
      if (status->state() == "finished") break;
      ASSERT_NO_FATAL_FAILURE(KillSomething(cluster, rng));
    }
    EXPECT_GE(kills, 3) << "the sweep ended before enough was killed";
    const auto end = cluster.client().WatchToTheEnd("sweep", kPatience);
    ASSERT_OK(end);
    EXPECT_EQ(end->state(), "finished");
    EXPECT_EQ(end->quarantined(), 0);
    EXPECT_EQ(end->determinism_alarms(), 0);
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> rows, ReadRows(cluster.database()));
    EXPECT_EQ(rows, expected);
    const LogSummary logs = ReadWorkerLogs(folder.path());
    EXPECT_GE(logs.started, 760);
    EXPECT_THAT(logs.repeated, ::testing::IsEmpty());
    RecordProperty("started", static_cast<int>(logs.started));
  }
}

TEST(KillResumeTest, ADrainedCoordinatorEndsInOrderAndTakesItsEndpointAway) {
  TempDir folder;
  Cluster cluster(folder.path());
  ASSERT_NO_FATAL_FAILURE(cluster.StartAll());
  ASSERT_OK(cluster.client().Submit(Sweep()));
  ASSERT_OK(cluster.client().WatchUntil(
      "sweep", [](const v1::ExperimentStatus& status) { return status.workers() == 2 && status.done() > 0; },
      kPatience));
  cluster.coordinator().Signal(SIGTERM);
  ASSERT_OK_AND_ASSIGN(const int code, cluster.coordinator().Wait(kPatience));
  EXPECT_EQ(code, 0);
  for (int slot = 0; slot < kWorkers; ++slot) {
    ASSERT_OK_AND_ASSIGN(const int worker_code, cluster.worker(slot).Wait(kPatience));
    EXPECT_EQ(worker_code, 0);
  }
  EXPECT_FALSE(FileExists(cluster.database() + ".endpoint"));
  const LogSummary logs = ReadWorkerLogs(folder.path());
  EXPECT_EQ(logs.finished, logs.acknowledged);
}

TEST(LocalWorkersTest, AWorkerThatDiesIsStartedAgainAndACellThatKillsItIsQuarantined) {
  TempDir folder;
  const std::string database = folder.File("x.db");
  std::vector<std::string> words = {BinDir() + "/sprint-coordinator",
                                    "--db",
                                    database,
                                    "--local-workers",
                                    "2",
                                    "--worker-program",
                                    BinDir() + "/sprint-fake-worker",
                                    "--exit-when-idle",
                                    "--idle-seconds",
                                    "2",
                                    "--log-file",
                                    folder.File("log")};
  ASSERT_OK_AND_ASSIGN(Process coordinator,
                       Process::Start(words, folder.File("out"),
                                      {{"SPRINT_FAKE_ENGINE", "capacity=4,step-ms=1,poison=L0H1@102"}}));
  ASSERT_TRUE(Eventually(kPatience, [&] { return ReadEndpoint(database).ok(); }));
  ASSERT_OK_AND_ASSIGN(const Endpoint endpoint, ReadEndpoint(database));
  ControlClient client(grpc::CreateChannel(endpoint.address, grpc::InsecureChannelCredentials()));
  ASSERT_OK(client.Submit({}));
  ASSERT_OK_AND_ASSIGN(const auto status, client.WatchToTheEnd("made-up", kPatience));
  EXPECT_EQ(status.done(), 11);
  EXPECT_EQ(status.quarantined(), 1);
  // Nothing is left to do: it ends by itself, and its workers with it.
  const std::vector<pid_t> workers = ChildrenOf(coordinator.pid());
  ASSERT_OK_AND_ASSIGN(const int code, coordinator.Wait(kPatience));
  EXPECT_EQ(code, 0);
  for (const pid_t worker : workers) EXPECT_NE(kill(worker, 0), 0);
}

TEST(LocalWorkersTest, KilledCoordinatorsTakeTheirWorkersAlong) {
  TempDir folder;
  std::vector<std::string> words = {BinDir() + "/sprint-coordinator",
                                    "--db",
                                    folder.File("x.db"),
                                    "--local-workers",
                                    "2",
                                    "--worker-program",
                                    BinDir() + "/sprint-fake-worker"};
  ASSERT_OK_AND_ASSIGN(Process coordinator, Process::Start(words, folder.File("out")));
  std::vector<pid_t> workers;
  ASSERT_TRUE(Eventually(kPatience, [&] {
    workers = ChildrenOf(coordinator.pid());
    return workers.size() == 2;
  }));
  coordinator.Kill();
  for (const pid_t worker : workers) {
    EXPECT_TRUE(Eventually(kPatience, [worker] { return kill(worker, 0) != 0; }));
  }
}

TEST(ProgramsTest, WrongUsageExitsWithTwoAndErrorsOfTheWorldWithOne) {
  TempDir folder;
  const auto run = [&folder](std::vector<std::string> words) {
    words[0] = BinDir() + "/" + words[0];
    absl::StatusOr<Process> process = Process::Start(std::move(words), folder.File("out"));
    EXPECT_OK(process);
    return process->Wait(kPatience).value_or(-1);
  };
  EXPECT_EQ(run({"sprint-coordinator"}), 2);
  EXPECT_EQ(run({"sprint-coordinator", "--nonsense"}), 2);
  EXPECT_EQ(run({"sprint-coordinator", "--version"}), 0);
  EXPECT_EQ(run({"sprint-coordinator", "--db", folder.File("none/x.db")}), 1);
  EXPECT_EQ(run({"sprint-coordinator", "--db", folder.File("x.db"), "--listen", "nonsense"}), 1);
  EXPECT_EQ(run({"sprint-coordinator", "--db", folder.File("x.db"), "--local-workers", "1",
                 "--worker-program", "/nowhere/worker"}),
            1);
  EXPECT_EQ(run({"sprint-fake-worker"}), 2);
}

}  // namespace
}  // namespace sprint::testing
