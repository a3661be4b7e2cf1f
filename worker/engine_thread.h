// The thread that owns the engine: takes the agent's commands, steps the engine while it has work, and
// tells what came of it.
#ifndef SPRINT_WORKER_ENGINE_THREAD_H_
#define SPRINT_WORKER_ENGINE_THREAD_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "worker/agent.h"
#include "worker/model_loader.h"

namespace sprint {

// "run=1 question=7 arm=3 sample=0": how the worker's log names a cell.
std::string CellForLog(const CellKey& cell);

// Commands may come from any thread; events are told on the engine's thread.
//
// One model is in memory at a time. Runs that differ in decoding or seed alone share it without
// loading it again; another model waits until the cells of this one have ended. A cell is kept
// waiting when the engine is full. An engine that breaks is dropped: its cells are told as failed,
// and the next cell loads the model anew.
class EngineThread {
 public:
  using Tell = std::function<void(AgentEvent)>;
  EngineThread(std::unique_ptr<ModelLoader> loader, Clock* clock, Tell tell);
  // Ends after the step (or load) that runs.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // In order. The agent's credit bounds how many cells are here.
  void Send(EngineCommand command);

 private:
  // A sequence. Several cells where hidden states of one prompt are wanted after several layers.
  struct Running {
    std::vector<CellKey> cells;
    absl::Time started;
    std::vector<int32_t> layers;  // SequenceRequest::hidden_after
  };

  void Run();
  bool TakeCommands();
  bool Blocked() const;
  void Load(const RunDescription& run);
  absl::Status LoadModel(const RunDescription& run);
  void Cancel(const std::vector<CellKey>& cells);
  void StartWaiting();
  // Takes the first waiting cell, and those that its sequence serves, too.
  std::vector<StartCell> TakeTogether();
  void FailStart(const CellKey& cell, const absl::Status& status);
  void Step();
  SequenceRequest RequestOf(SequenceId id, const std::vector<StartCell>& starts, Arm arm,
                            const RunDescription& run) const;
  // An error: the model gave what is no outcome of the cell.
  absl::StatusOr<Outcome> ToOutcome(const SequenceResult& result, const Running& running,
                                    const CellKey& cell) const;
  absl::Status Fill(const SequenceResult& result, const Running& running, Outcome& outcome) const;
  void Break(const absl::Status& status);
  int32_t Capacity() const;

  const std::unique_ptr<ModelLoader> loader_;
  Clock* const clock_;
  const Tell tell_;

  // ---- The engine thread's.
  LoadedModel model_;
  std::string numerics_;
  std::optional<RunDescription> loaded_for_;
  absl::flat_hash_map<RunId, RunDescription> runs_;
  std::deque<EngineCommand> pending_;  // not yet looked at
  std::deque<StartCell> waiting_;      // for capacity
  absl::flat_hash_map<SequenceId, Running> running_;
  SequenceId next_id_ = 1;

  // ---- Shared.
  Mutex mutex_;
  CondVar wake_;
  std::vector<EngineCommand> commands_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_THREAD_H_
