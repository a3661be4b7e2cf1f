// Which tokens run in which step: admission, chunked prefill beside decode, and the end of
// sequences. Pure: no tensors, threads or clock.
//
// A step takes one token of every sequence that decodes, then prompt tokens in the order of
// submission, up to max_tokens_per_step. A sequence is admitted, in the order of submission, once
// the K/V blocks of its worst case (prompt and max_new_tokens, within the context) can be
// reserved; until then it waits.
#ifndef SPRINT_WORKER_ENGINE_SCHEDULER_H_
#define SPRINT_WORKER_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "model/config.h"
#include "worker/engine/block_pool.h"
#include "worker/engine/engine.h"
#include "worker/engine/step.h"

namespace sprint {

struct SchedulerOptions {
  int max_sequences = 64;             // submitted and not yet finished
  int64_t max_tokens_per_step = 512;  // >= max_sequences
  int64_t kv_blocks = 0;
};

// Not thread-safe.
class Scheduler {
 public:
  // `config` must outlive the scheduler.
  Scheduler(const ModelConfig& config, const SchedulerOptions& options);

  int Capacity() const { return options_.max_sequences - static_cast<int>(sequences_.size()); }
  bool Idle() const { return sequences_.empty(); }
  // As Engine::Submit and Engine::Cancel.
  absl::Status Submit(SequenceRequest request);
  void Cancel(SequenceId id);

  // The next step's rows; empty when nothing runs. Valid until the next call of any method.
  const StepBatch& Plan();
  // Takes what the step that Plan() described gave: one token a logit row. Returns what finished.
  // REQUIRES: called once after each Plan() that was not empty.
  std::vector<SequenceResult> Commit(const std::vector<int32_t>& next, const std::vector<float>& logprobs);

  int64_t running() const { return running_; }
  int64_t kv_tokens() const;  // positions held by running sequences
  BlockPool& pool() { return pool_; }

 private:
  struct Sequence {
    SequenceRequest request;
    SequenceResult result;
    std::vector<int32_t> blocks;
    int64_t promised = 0;  // blocks reserved and not yet taken
    int64_t computed = 0;  // positions in the K/V blocks
    int64_t planned = 0;   // rows in the current step
    bool admitted = false;
    int64_t known() const { return static_cast<int64_t>(request.prompt.size() + result.tokens.size()); }
    bool decoding() const { return !result.tokens.empty(); }
    int32_t Token(int64_t position) const;
  };

  int64_t WorstCaseBlocks(const SequenceRequest& request) const;
  void Admit();
  void PlanRows(Sequence& sequence, int64_t rows);
  // Whether the sequence ends with the token just added, and why.
  bool Ends(const Sequence& sequence, FinishReason* reason) const;
  void Free(Sequence& sequence);

  const ModelConfig& config_;
  const SchedulerOptions options_;
  BlockPool pool_;
  std::list<Sequence> sequences_;  // in the order of submission
  absl::flat_hash_map<SequenceId, std::list<Sequence>::iterator> by_id_;
  StepBatch batch_;
  int64_t running_ = 0;  // sequences in the last plan
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_SCHEDULER_H_
