// One simulated run: a coordinator, some workers, a network, and what goes wrong.
//
// Everything is a function of Options::seed. Messages travel as bytes through the real codec. What
// is faked: time, the network, the engine (an answer is a function of its cell), the disk. What can
// happen while `chaos` lasts, between any two steps: the coordinator crashes (before or after a
// commit, or between two messages that follow one) and is rebuilt from the store under a new epoch;
// a worker's process dies, reported by a supervisor or not, and another instance takes its place; a
// stream breaks and loses a tail of what it carried, in both directions apart; a partition holds
// back everything for longer than a lease; messages of an old stream arrive after a new one's Hello,
// or twice; outcomes wait for a judge and are overtaken; the disk is full for a while; people pause,
// resume and cancel.
#ifndef SPRINT_TESTS_SIMULATION_WORLD_H_
#define SPRINT_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/rng.h"
#include "storage/memory_store.h"
#include "tests/simulation/loop.h"
#include "tests/simulation/network.h"
#include "tests/simulation/sim_coordinator.h"
#include "tests/simulation/sim_worker.h"

namespace sprint::sim {

struct Options {
  uint64_t seed = 1;
  int workers = 4;
  int questions = 10;
  int arms = 6;
  absl::Duration chaos = absl::Minutes(30);  // faults happen for so long; zero: never
  bool nondeterministic = false;             // engines answer differently each time
  int poison = 0;                            // cells that kill the process that starts them
  int broken = 0;                            // cells that fail, always
  bool two_classes = false;                  // every other worker computes in another numerics class
};

// (text, correct by any gold) of every durable cell.
using Rows = std::map<CellKey, std::pair<std::string, bool>>;

class World {
 public:
  explicit World(Options options);
  // Runs until every experiment is finished and every worker has left; what went wrong, empty when
  // nothing did.
  std::string Run();

  Rows rows() const;
  int64_t alarms() const;
  std::set<CellKey> quarantined() const;
  const std::set<CellKey>& poison() const { return poison_; }
  const std::set<CellKey>& broken_cells() const { return broken_; }
  int64_t cells() const { return cells_; }
  int64_t crashes() const { return crashes_; }
  int64_t computed() const { return computed_; }

  // ---- For the parties.
  const Options& options() const { return options_; }
  Loop& loop() { return loop_; }
  CounterRng& rng() { return rng_; }
  Network& network() { return network_; }
  SimCoordinator& coordinator() { return coordinator_; }
  SimWorker& worker(int index) { return *workers_[static_cast<size_t>(index)]; }
  int worker_count() const { return static_cast<int>(workers_.size()); }
  const std::shared_ptr<MemoryDisk>& disk() const { return disk_; }
  bool chaotic() const { return loop_.now() < chaos_until_; }
  bool Chance(double probability) { return rng_.NextDouble() < probability; }
  // Chance, but never once the chaos is over.
  bool Mishap(double probability) { return chaotic() && Chance(probability); }
  absl::Duration Between(absl::Duration least, absl::Duration most);
  // The first complaint ends the run.
  void Complain(const std::string& what);
  void CountCrash() { ++crashes_; }
  void CountComputed() { ++computed_; }
  // A process died that had begun `owed` and was not rid of them; the others than `running` were done.
  void CountDeath(const std::set<CellKey>& owed, const std::set<CellKey>& running);

  // What the engine answers for a cell, and whether a gold calls it right.
  std::string TextOf(const CellKey& cell) const;
  static bool IsCorrect(const std::string& text, const std::string& gold);

 private:
  ExperimentPlan Plan(int first_question, int questions, int arms, int runs) const;
  // In this order, however often the coordinator is down: the ids follow from it.
  void Submit(std::vector<ExperimentPlan> plans);
  void Meddle();
  void Misfortune();
  void Finish();
  void Poison();
  // What is quarantined, is so for a reason.
  void CheckQuarantine();

  Options options_;
  Loop loop_;
  CounterRng rng_;
  std::shared_ptr<MemoryDisk> disk_;
  Network network_;
  SimCoordinator coordinator_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  absl::Time chaos_until_;
  std::set<CellKey> poison_;
  std::set<CellKey> broken_;
  // How often a process died that had begun the cell, and how often it ran no other just then.
  struct Deaths {
    int all = 0;
    int alone = 0;
  };
  std::map<CellKey, Deaths> deaths_;
  int submitted_ = 0;
  bool retried_ = false;
  int64_t cells_ = 0;
  int64_t crashes_ = 0;
  int64_t computed_ = 0;
  std::string complaint_;
};

}  // namespace sprint::sim

#endif  // SPRINT_TESTS_SIMULATION_WORLD_H_
