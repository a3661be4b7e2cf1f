// The coordinator's process: a real core, a real codec, a store in memory, and a shell like
// coordinator/rpc's in small: judge, apply, commit in groups, then send.
#ifndef SPRINT_TESTS_SIMULATION_SIM_COORDINATOR_H_
#define SPRINT_TESTS_SIMULATION_SIM_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/core/core.h"
#include "storage/store.h"
#include "tests/simulation/network.h"

namespace sprint::sim {

class SimCoordinator {
 public:
  explicit SimCoordinator(World& world) : world_(world) {}

  void Start();
  void Crash();
  bool alive() const { return core_ != nullptr; }
  int64_t incarnation() const { return incarnation_; }

  // False when it cannot be done now.
  bool Submit(const ExperimentPlan& plan);
  void Command(ExperimentId experiment, sprint::Command command);
  void DrainWorkers();
  // All submitted experiments are finished, durably.
  bool Finished() const;
  std::string Describe() const;

  // ---- From the network, and from a supervisor of workers.
  void OnBytes(const std::shared_ptr<Stream>& stream, const std::string& bytes);
  void OnClosed(const std::shared_ptr<Stream>& stream);
  void OnProcessEnded(const std::string& instance);

 private:
  void Load(ExperimentId id);
  void OnHello(const std::shared_ptr<Stream>& stream, const Hello& hello);
  void OnMessage(WorkerId worker, const WorkerMessage& message);
  JudgedOutcome Judge(const Outcome& outcome);
  void Apply(const Event& event);
  // Everything that is pending: made durable, then sent. False when it crashed on the way.
  bool Commit();
  bool Send(const std::vector<Outgoing>& messages);
  void CheckGrants(const Effects& effects);
  void Compare(const std::vector<Comparison>& comparisons);
  void Later(absl::Duration delay, std::function<void()> what);

  World& world_;
  int64_t incarnation_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Core> core_;
  Effects pending_;
  bool commit_due_ = false;
  int64_t wakeups_ = 0;
  std::map<WorkerId, std::shared_ptr<Stream>> streams_;
  std::map<std::shared_ptr<Stream>, WorkerId> worker_of_;
  std::map<std::string, WorkerId> instances_;
  std::map<QuestionId, std::vector<GoldEntry>> golds_;
};

}  // namespace sprint::sim

#endif  // SPRINT_TESTS_SIMULATION_SIM_COORDINATOR_H_
