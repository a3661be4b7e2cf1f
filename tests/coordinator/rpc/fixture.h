// A coordinator over a store in memory, and workers with fake engines, all in this process.
#ifndef SPRINT_TESTS_COORDINATOR_RPC_FIXTURE_H_
#define SPRINT_TESTS_COORDINATOR_RPC_FIXTURE_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "coordinator/rpc/coordinator.h"
#include "coordinator/rpc/server.h"
#include "storage/memory_store.h"
#include "tests/testing/control_client.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/testing.h"
#include "worker/worker_shell.h"

namespace sprint::testing {

class ServiceTest : public ::testing::Test {
 protected:
  void SetUp() override { StartCoordinator(); }
  void TearDown() override {
    StopWorkers();
    StopCoordinator();
  }

  // Over the same disk, as after a restart. `wrap` may put faults before the store.
  void StartCoordinator() {
    CoordinatorOptions options;
    options.clock = Clock::Real();
    options.database = "memory";
    options.version = "test";
    options.heartbeat = absl::Milliseconds(200);
    options.auth_token = token_;
    options.list_experiments = list_experiments_;
    options.find_experiment = find_experiment_;
    std::unique_ptr<Store> store = OpenMemoryStore(disk_);
    if (wrap_ != nullptr) store = wrap_(std::move(store));
    ASSERT_OK_AND_ASSIGN(coordinator_, Coordinator::Start(std::move(store), options));
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(*coordinator_, ""));
    client_ = std::make_unique<ControlClient>(server_->InProcessChannel(), token_);
  }

  void StopCoordinator() {
    client_.reset();
    server_.reset();
    coordinator_.reset();
  }

  // A worker that runs until StopWorkers or the end of its own; its exit status is kept.
  void StartWorker(const FakeEngineOptions& engine = {}) { StartWorker(engine, token_); }
  void StartWorker(const FakeEngineOptions& engine, const std::string& token) {
    auto worker = std::make_unique<Worker>();
    WorkerShellOptions options;
    options.agent.instance = "instance-" + std::to_string(++instances_);
    options.agent.name = "worker-" + std::to_string(instances_);
    options.agent.auth_token = token;
    options.agent.backoff_min = absl::Milliseconds(5);
    options.agent.backoff_max = absl::Milliseconds(20);
    options.clock = Clock::Real();
    options.channel = server_->InProcessChannel();
    worker->shell = std::make_unique<WorkerShell>(options, MakeFakeLoader(engine));
    worker->thread = std::thread([w = worker.get()] { w->status = w->shell->Run(); });
    workers_.push_back(std::move(worker));
  }

  std::vector<absl::Status> StopWorkers() {
    for (const auto& worker : workers_) worker->shell->Drain();
    std::vector<absl::Status> statuses;
    for (const auto& worker : workers_) {
      worker->thread.join();
      statuses.push_back(worker->status);
    }
    workers_.clear();
    return statuses;
  }

  struct Worker {
    std::unique_ptr<WorkerShell> shell;
    std::thread thread;
    absl::Status status;
  };
  std::shared_ptr<MemoryDisk> disk_ = MakeMemoryDisk();
  std::function<std::unique_ptr<Store>(std::unique_ptr<Store>)> wrap_;
  std::string token_;  // that workers and callers must show
  std::function<absl::StatusOr<std::vector<ExperimentSummary>>()> list_experiments_;
  std::function<absl::StatusOr<ExperimentId>(const std::string&)> find_experiment_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ControlClient> client_;
  std::vector<std::unique_ptr<Worker>> workers_;
  int instances_ = 0;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_COORDINATOR_RPC_FIXTURE_H_
