// Several engines as one: lanes, each with threads of its own over one copy of the weights.
//
// The threads of one engine meet some hundred times a step, and all of them multiply, then all of them wait
// for K/V. Lanes meet never: while one waits for memory, another computes. In return each reads all weights
// for its own sequences alone, so that lanes pay where each has enough of them (docs/ENGINE.md). Sequences of
// one prompt go to one lane, where they share what an engine's sequences share.
//
// By the engine's promise a sequence's bits do not depend on its lane.
#ifndef SPRINT_WORKER_ENGINE_LANES_H_
#define SPRINT_WORKER_ENGINE_LANES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "worker/engine/engine.h"

namespace sprint {

class LaneEngine : public Engine {
 public:
  // What Engine::Submit says of a request that no engine of the kind could take, whatever runs; called while
  // lanes compute.
  using CheckFn = std::function<absl::Status(const SequenceRequest&)>;

  // `lanes`: one or more idle engines of one model and numerics, each of which may have room for sequences
  // that wait (Capacity() beyond what it runs).
  LaneEngine(std::vector<std::unique_ptr<Engine>> lanes, CheckFn check);
  ~LaneEngine() override;

  int Capacity() const override;
  absl::Status Submit(SequenceRequest request) override;
  void Cancel(SequenceId id) override;
  // Lets every lane that has sequences and no step, begun or ended, begin one, and waits until one has ended;
  // with no sequences it waits for none. When a lane fails, what the others have finished still comes, and
  // the next call says it.
  absl::StatusOr<std::vector<SequenceResult>> Step() override;
  bool Idle() const override { return sequences_.empty(); }
  // Sums over the lanes' last steps that ended; times are the lanes' means.
  const StepStats& stats() const override { return stats_; }
  std::string NumericsDescription() const override;

 private:
  struct Lane {
    std::unique_ptr<Engine> engine;
    int capacity = 0;  // when it is empty
    // Of the caller's thread: sequences that have neither ended nor been cancelled, and what came while the
    // lane computed.
    int load = 0;
    std::vector<SequenceRequest> inbox;
    std::vector<SequenceId> cancelled;
    StepStats stats;  // after the last step that ended
    // `state` is under mutex_. While it is kStepping, `engine` and `results` are the lane's thread's,
    // otherwise the caller's.
    enum class State { kFree, kStepping, kDone } state = State::kFree;
    absl::StatusOr<std::vector<SequenceResult>> results = std::vector<SequenceResult>();
    std::thread thread;
  };
  struct Sequence {
    Lane* lane = nullptr;
    uint64_t prompt = 0;  // a hash: two prompts of one hash share a lane, and nothing else
  };
  struct Prompt {
    Lane* lane = nullptr;
    int sequences = 0;
  };

  void Work(Lane& lane);
  // Whether the lane computes. If not, what came while it did has been handed to it.
  bool Stepping(Lane& lane);
  Lane& LaneFor(uint64_t prompt);
  void Forget(SequenceId id);
  // Hands a lane that does not compute what came while it did, and drops results that nobody wants any more.
  absl::Status Settle(Lane& lane);
  // Takes what a lane's step gave.
  absl::Status Collect(Lane& lane, std::vector<SequenceResult>& finished);
  void SumStats();

  const CheckFn check_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  absl::flat_hash_map<SequenceId, Sequence> sequences_;
  absl::flat_hash_map<uint64_t, Prompt> prompts_;  // of these sequences
  StepStats stats_;
  absl::Status failed_;

  Mutex mutex_;
  CondVar changed_;
  bool stop_ = false;  // under mutex_
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_LANES_H_
