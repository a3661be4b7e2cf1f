// A worker's place: one process after another, each with a real agent and a fake engine.
#ifndef SPRINT_TESTS_SIMULATION_SIM_WORKER_H_
#define SPRINT_TESTS_SIMULATION_SIM_WORKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "tests/simulation/network.h"
#include "worker/agent.h"

namespace sprint::sim {

class SimWorker {
 public:
  SimWorker(World& world, int index) : world_(world), index_(index) {}

  // A new process: a new instance.
  void Start();
  // kill -9. A supervisor may tell the coordinator; another process starts soon.
  void Kill();
  // A signal: finish what runs, leave, start anew.
  void Terminate();

  bool alive() const { return agent_ != nullptr; }
  bool left() const { return left_; }
  int64_t life() const { return life_; }

  // ---- From the network.
  void OnConnectFailed(int64_t life);
  void OnOpened(const std::shared_ptr<Stream>& stream);
  void OnBytes(const std::shared_ptr<Stream>& stream, const std::string& bytes);
  void OnClosed(const std::shared_ptr<Stream>& stream);

 private:
  void Apply(const AgentEvent& event);
  void Obey(const EngineCommand& command, std::vector<CellKey>& started);
  void Load(const RunDescription& run);
  void Compute(const CellKey& cell);
  void Finish(const CellKey& cell);
  void Exit(const absl::Status& status);
  int32_t Capacity() const;
  // Runs `what` after `delay` if this process still lives.
  void Later(absl::Duration delay, std::function<void()> what);

  World& world_;
  const int index_;
  int64_t life_ = 0;
  bool left_ = false;
  bool terminated_ = false;
  std::string instance_;
  std::unique_ptr<Agent> agent_;
  std::shared_ptr<Stream> stream_;
  int64_t wakeups_ = 0;
  // ---- The engine.
  int32_t slots_ = 4;
  std::map<CellKey, absl::Time> running_;  // since when
  std::set<CellKey> acknowledged_;         // to this process
  std::set<CellKey> owed_;                 // begun by this process, not acknowledged or revoked
};

}  // namespace sprint::sim

#endif  // SPRINT_TESTS_SIMULATION_SIM_WORKER_H_
