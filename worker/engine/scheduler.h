// Which tokens run in which step: admission, chunked prefill beside decode, preemption, and the end
// of sequences. Pure: no tensors, threads or clock.
//
// A step takes the pending token of every running sequence that decodes, then prompt tokens in the
// order of submission, up to max_tokens_per_step. A sequence is admitted, in the order of
// submission, when the free K/V blocks hold what it knows and leave each running sequence one more.
// It grows block by block. When no block is free, the youngest running sequence gives all of its
// blocks back and waits; it is computed again from its prompt and its tokens so far, which gives the
// same bits, because a row's bits do not depend on how rows are cut into steps. The oldest is
// never preempted, so every sequence ends.
//
// Three savings, each lossless and with a switch: prompts that begin alike under one arm share the
// blocks of their common beginning (prefix_cache.h), and arms that answer one question compute its
// prompt from their lowest pruned layer upwards (prompt_traces.h); and the answers known for a prompt
// draft the next tokens of another (draft_book.h): a step computes the drafted tokens' rows behind the
// newest token's, and takes what they give as far as the draft is what the sequence itself chose, drawn or
// greedy. What the first two keep beyond running
// sequences is given up before any sequence is preempted.
#ifndef SPRINT_WORKER_ENGINE_SCHEDULER_H_
#define SPRINT_WORKER_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <list>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "model/config.h"
#include "worker/engine/block_pool.h"
#include "worker/engine/draft_book.h"
#include "worker/engine/engine.h"
#include "worker/engine/prefix_cache.h"
#include "worker/engine/prompt_traces.h"
#include "worker/engine/sequence.h"
#include "worker/engine/step.h"
#include "worker/engine/step_cost.h"

namespace sprint {

struct SchedulerOptions {
  int max_sequences = 64;             // running at once
  int max_waiting = 0;                // submitted beyond them, to take the places of those that end
  int64_t max_tokens_per_step = 512;  // >= max_sequences
  int64_t kv_blocks = 0;
  TokenBytesFn token_bytes;  // needed by sequences with stop strings
  bool prefix_reuse = false;
  bool layer_resume = false;  // the runner must be able to (Runner::CanResume)
  int64_t trace_bytes = 0;    // for prompts' residual streams, with layer_resume
  int64_t max_draft = 0;      // tokens drafted for a sequence in a step; 0: none
  StepCost step_cost;         // how many of them pay; needed with max_draft
};

// Not thread-safe.
class Scheduler : private RowSampler {
 public:
  // `config` must outlive the scheduler.
  Scheduler(const ModelConfig& config, const SchedulerOptions& options);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  int Capacity() const {
    return options_.max_sequences + options_.max_waiting - static_cast<int>(sequences_.size());
  }
  bool Idle() const { return sequences_.empty(); }
  // What Submit says of a request that could not be taken whatever else runs. Thread-safe.
  absl::Status CheckFits(const SequenceRequest& request) const;
  // As Engine::Submit and Engine::Cancel.
  absl::Status Submit(SequenceRequest request);
  void Cancel(SequenceId id);

  // The next step's rows; empty when nothing runs. Valid until the next call of any method.
  const StepBatch& Plan();
  // Takes what the step that Plan() described gave: one token a logit row, and where the runner looked, how
  // many guesses were right (StepOutput::accepted). Returns what finished.
  // REQUIRES: called once after each Plan() that was not empty.
  std::vector<SequenceResult> Commit(const std::vector<int32_t>& next, const std::vector<float>& logprobs,
                                     const std::vector<int32_t>& accepted = {});

  int64_t running() const { return running_; }  // sequences in the last plan
  int64_t preemptions() const { return preemptions_; }
  int64_t reused_tokens() const { return reused_tokens_; }      // prompt tokens whose K/V was shared,
  int64_t resumed_tokens() const { return resumed_tokens_; }    // and those computed from a layer upwards
  int64_t followed_tokens() const { return followed_tokens_; }  // of answers, the same
  int64_t generated() const { return generated_; }
  int64_t drafted() const { return drafted_; }    // tokens tried,
  int64_t accepted() const { return accepted_; }  // and found right
  int64_t kv_tokens() const;                      // positions held by running sequences
  // Gives up what is kept beyond running sequences until so many blocks are free; false when they
  // cannot be.
  bool MakeRoom(int64_t blocks);
  BlockPool& pool() { return pool_; }

 private:
  int64_t WorstCaseBlocks(const SequenceRequest& request) const;
  void Admit();
  // Gives the sequence blocks for its first `positions`; preempts others for them, or the sequence
  // itself when it is the youngest: false then.
  bool GrowTo(Sequence& sequence, int64_t positions);
  // REQUIRES: a block is free.
  void TakeBlock(Sequence& sequence);
  void Preempt(Sequence& sequence);
  void ChooseRows();
  // Rows of a sequence that does not decode, `room` at most; 0 while it waits for another's work.
  int64_t PromptRows(Sequence& sequence, int64_t room);
  // Takes the blocks that the prefix cache has; true when the next one is being computed in this step.
  bool TakePrefix(Sequence& sequence);
  // The trace of the sequence's prompt that it leads or may follow; begins one when it should lead.
  PromptTrace* TraceOf(Sequence& sequence, bool& wait);
  Sequence* BestLeader(const Sequence& sequence);
  // The highest layer where others may enter behind this leader.
  int32_t LastServed(const Sequence& leader) const;
  // Makes the K/V below the sequence's layer its own, from the trace on.
  void CopyLower(Sequence& sequence, const PromptTrace& trace);
  // Lets these layers read the leader's blocks, so that the arms of a question read the same memory.
  void ShareLower(Sequence& sequence, const PromptTrace& trace);
  void Capture(const Sequence& sequence, const StepSequence& step);
  // Captures the first `rows` of the leader's step for its trace.
  void CaptureRows(PromptTrace& trace, const StepSequence& step, int64_t rows);
  // Whether a sequence reads what the trace's leader answers, or may still come to.
  bool Followed(const PromptTrace& trace) const;
  // Captures the rows of a leader's answer for those that follow it, and takes over those that the last step
  // has shown to be right.
  void RecordAnswer(const Sequence& sequence, const StepSequence& step);
  void ConfirmAnswer(const Sequence& sequence);
  // Lets a sequence whose answer has been the leader's so far enter at its layer; otherwise it goes its own
  // way from here on.
  void Follow(Sequence& sequence);
  void StopFollowing(Sequence& sequence);
  // How many of the newest token and the drafted ones are the leader's answer at their places.
  static size_t Agreeing(const Sequence& sequence, const PromptTrace& trace);
  // Cuts the draft of a sequence that follows to what its leader has answered.
  void FitDraftToTrace(Sequence& sequence);
  // Reads the leader's blocks up to `position`.
  void ShareAnswer(Sequence& sequence, const PromptTrace& trace, int64_t position);
  // Of a sequence's prompt, as a worker asked for it.
  void CaptureAnswer(Sequence& sequence, const StepSequence& step);
  // Adds drafts to the sequences that decode, where they are worth their rows.
  void ChooseDrafts();
  // Cuts a draft to what may still be generated and to the blocks that are free.
  void FitDraft(Sequence& sequence);
  // Appends what the sequence's rows gave, the first of them `row`; true when it ended.
  bool TakeTokens(Sequence& sequence, size_t row, const std::vector<int32_t>& next,
                  const std::vector<float>& logprobs, const std::vector<int32_t>& accepted);
  void AddRows(Sequence& sequence);
  void NotePrefix(Sequence& sequence);
  void KeepPrefix(Sequence& sequence);
  // Whether block `i` of the prompt is worth sharing: other prompts begin so, or another sequence has
  // the prompt and the arm too.
  bool Shared(const Sequence& sequence, size_t i) const;
  // Appends a token; true when the sequence ended with it.
  bool Append(Sequence& sequence, int32_t token, float logprob);
  void Free(Sequence& sequence);

  // RowSampler, for the batch of the last plan.
  bool Samples(int64_t row) const override;
  RowRules Rules(int64_t row) const override;
  int32_t Sample(int64_t row, absl::Span<const float> logits) const override;

  const ModelConfig& config_;
  const SchedulerOptions options_;
  BlockPool pool_;
  PrefixCache prefixes_;
  CommonBeginnings beginnings_;
  absl::flat_hash_map<Hash256, int32_t> alike_;  // by the last key: sequences of one prompt and arm
  PromptTraces traces_;
  DraftBook drafts_;
  std::list<Sequence> sequences_;  // in the order of submission
  absl::flat_hash_map<SequenceId, std::list<Sequence>::iterator> by_id_;
  StepBatch batch_;
  std::vector<Sequence*> in_step_;  // in the order of the batch
  struct LogitRow {
    Sequence* sequence;
    size_t drafted;  // tokens of its draft before this row's choice
  };
  std::vector<LogitRow> owners_;
  int64_t running_ = 0;
  int64_t preemptions_ = 0;
  int64_t reused_tokens_ = 0;
  int64_t resumed_tokens_ = 0;
  int64_t followed_tokens_ = 0;
  int64_t generated_ = 0;
  int64_t drafted_ = 0;
  int64_t accepted_ = 0;
  int64_t plan_ = 0;                          // counts Plan()
  absl::flat_hash_set<Hash256> in_progress_;  // keys of the shared blocks that the current step fills
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_SCHEDULER_H_
