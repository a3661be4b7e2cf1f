// What the store keeps, as plain values. docs/SCHEMA.md is the same on disk.
//
// Runs, questions and arms are content-addressed: stored once under a hash, numbered by the
// database. Everything else refers to those numbers.
#ifndef SPRINT_STORAGE_RECORDS_H_
#define SPRINT_STORAGE_RECORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/hash.h"
#include "base/ids.h"
#include "model/arm.h"
#include "model/decoding.h"
#include "model/hidden_state.h"

namespace sprint {

// What makes texts comparable. Identity ("run/1"): every field but those marked.
struct RunRecord {
  Hash256 weights_hash;
  Hash256 tokenizer_hash;
  std::string dtype;            // "f32", "bf16"
  std::string engine_mode;      // model/engine_mode.h
  int32_t sampler_version = 0;  // decoding.sampler_version(); 0: greedy, nothing is drawn
  Decoding decoding;
  uint64_t seed = 0;
  std::string model_name;  // not identity
  std::string model_path;  // not identity: where the last launcher saw it; a hint for workers
  Hash256 ContentHash() const;
};

// A prompt. Identity ("question/1"): its token ids.
struct QuestionRecord {
  std::vector<int32_t> tokens;
  std::string prompt;  // the rendered text, for people
  Hash256 ContentHash() const;
};

// A row of a dataset as an experiment uses it: which question it became, and what is right.
struct ProblemRecord {
  std::string external_id;  // the dataset's id, unique in an experiment
  int32_t question = 0;     // index into ExperimentPlan::questions
  std::string text;         // the question as the dataset has it
  std::string gold;         // the right answer; belongs to the verdict, not to the cell. Empty: not judged
  std::string subject;
  std::string level;
};

// A block of a selection: every one of its questions under every one of its arms, in one run. A
// sweep is one block; Best-of-N, where each question has arms of its own, is many.
struct BlockPlan {
  int32_t run = 0;                 // index into ExperimentPlan::runs
  std::vector<int32_t> questions;  // indices into ExperimentPlan::questions, distinct
  std::vector<int32_t> arms;       // indices into ExperimentPlan::arms, distinct, baseline first
  int32_t first_sample = 0;
  int32_t samples = 1;
};

// An experiment about to be stored: a selection of cells, and what people call it.
struct ExperimentPlan {
  std::string name;
  std::string spec;  // YAML, for people
  int32_t priority = 0;
  bool mixed_numerics = false;
  // Layers whose hidden states the unpruned model's answers bring along; ascending. Not part of the
  // selection.
  std::vector<int32_t> hidden_layers;
  std::vector<RunRecord> runs;
  std::vector<QuestionRecord> questions;  // distinct by hash
  std::vector<ProblemRecord> problems;
  std::vector<Arm> arms;          // distinct
  std::vector<BlockPlan> blocks;  // disjoint
  // The selection's identity ("experiment/1"): runs, questions, arms, samples and golds; not the
  // name, paths, priority, or the order of anything. REQUIRES: CheckPlan is OK.
  Hash256 SelectionHash() const;
};

// INVALID_ARGUMENT naming the first thing that is wrong with a plan: an index out of range, a repeat
// in a list that must have none, blocks that share a cell, a block without cells, two problems of
// one id.
absl::Status CheckPlan(const ExperimentPlan& plan);

// Frozen: stored.
enum class ExperimentState : int32_t {
  kRunning = 0,
  kPaused = 1,
  kCancelled = 2,
  kFinished = 3,  // nothing is missing but what is quarantined
};

// A block as the store numbered it.
struct BlockRecord {
  RunId run;
  std::vector<QuestionId> questions;
  std::vector<ArmId> arms;
  int32_t first_sample = 0;
  int32_t samples = 1;
};

struct StoredRun {
  RunId id;
  RunRecord run;
};
struct StoredQuestion {
  QuestionId id;
  std::vector<int32_t> tokens;
};
struct StoredArm {
  ArmId id;
  Arm arm;
};

// Failures of one cell so far. Durable, so that a cell that kills its workers cannot do so for ever.
struct FailureRecord {
  CellKey cell;
  int32_t attempts = 0;  // failed tries, a worker's death on the cell included
  bool quarantined = false;
  std::string error;  // of the last try
  WorkerId worker;    // that tried last
};

// Counters count cells of the selection. A cell is correct when the latest verdict against any gold
// that the experiment has for its question says so.
struct ArmCounters {
  ArmId arm;
  int64_t cells = 0;  // selected
  int64_t done = 0;
  int64_t judged = 0;  // done, with a verdict
  int64_t correct = 0;
  int64_t truncated = 0;  // IsTruncated: finished by length, context or as a loop
  int64_t tokens = 0;     // generated
  friend bool operator==(const ArmCounters&, const ArmCounters&) = default;
};

// All that the core needs to go on with an experiment.
struct ExperimentRecord {
  ExperimentId id;
  Hash256 selection;
  std::string name;
  ExperimentState state = ExperimentState::kRunning;
  int32_t priority = 0;
  bool mixed_numerics = false;
  std::vector<int32_t> hidden_layers;
  absl::Time created;
  std::vector<StoredRun> runs;
  std::vector<StoredArm> arms;            // of all its blocks, distinct
  std::vector<StoredQuestion> questions;  // of all its blocks, distinct; with their tokens
  std::vector<BlockRecord> blocks;
  std::vector<CellKey> done;            // cells of the selection that have an outcome
  std::vector<FailureRecord> failures;  // of the selection's cells
  std::vector<ArmCounters> counters;    // in the order of `arms`
  // The numerics class of its outcomes so far; invalid when there are none (or several).
  NumericsId numerics;
};

struct VerdictRecord {
  CellKey cell;
  GoldId gold;
  int32_t judge_version = 0;
  bool correct = false;
  std::string extracted;  // what was taken for the answer; empty: none found
  std::string rule;       // by which rule ("boxed", "hashes", "last_number", …)
  std::string reason;     // why it was judged so
};

struct OutcomeRecord {
  CellKey cell;
  std::vector<int32_t> tokens;
  std::string text;
  FinishReason finish = FinishReason::kStop;
  double logprob_sum = 0;
  std::string logprobs_hash;  // 32 bytes or empty
  WorkerId worker;
  NumericsId numerics;
  absl::Time started;
  absl::Time finished;
  // `tokens` and `text` as they are stored, when another thread has encoded them already (EncodePayload
  // of storage/payload.h); empty: the store encodes them itself.
  std::string encoded_tokens;
  std::string encoded_text;
  // Of the prompt, by the unpruned model; stored beside the outcome under (the run's weights and dtype,
  // layer, question). What is there already stays.
  std::vector<HiddenState> hidden;
  // Its verdicts, one per gold that a known experiment has for the question.
  std::vector<VerdictRecord> verdicts;
  // The experiments that the core knows to hold the cell. The store finds out by itself whose counters
  // move: those of every experiment whose selection holds the cell, also one that no core has loaded.
  std::vector<ExperimentId> experiments;
};

// A late outcome that differs from the durable one in the same numerics class.
struct AlarmRecord {
  CellKey cell;
  WorkerId worker;  // that sent the late one
  NumericsId numerics;
  std::vector<int32_t> tokens;
  std::string text;
  absl::Time at;
};

// A worker process, from its first Hello on.
struct WorkerRecord {
  std::string instance;  // the identity
  std::string name;
  std::string device;
  std::string software;
  absl::Time first_seen;
};

// A trained selector as it is kept: its whole file, under the hash of its bytes.
struct SelectorRecord {
  std::string name;
  Hash256 snapshot;     // of the outcomes it was trained on
  std::string lineage;  // JSON, as in the file
  std::string file;     // its bytes
  absl::Time created;
};

// Frozen: the numbers are stored. A training that waits, or that a coordinator's end interrupted, is
// kRunning.
enum class TrainingState : int32_t { kRunning = 0, kFinished = 1, kFailed = 2, kCancelled = 3 };

// A training that the coordinator runs: `sprint-selector train ARGUMENTS…` in `folder`.
struct TrainingRecord {
  int64_t id = 0;  // given by the store
  std::string name;
  std::string folder;
  std::vector<std::string> arguments;
  TrainingState state = TrainingState::kRunning;
  std::string message;  // why it failed
  absl::Time created;
  absl::Time finished;  // meaningful unless it runs
};

struct StateChange {
  ExperimentId experiment;
  ExperimentState state = ExperimentState::kRunning;
};

// What one transaction of the coordinator writes. All or nothing, in this order:
struct WriteBatch {
  std::vector<OutcomeRecord> outcomes;    // none of them durable already (the core knows)
  std::vector<VerdictRecord> verdicts;    // for outcomes that are there already; one of the same
                                          // (cell, gold, version) is replaced
  std::vector<CellKey> failures_cleared;  // before the upserts: a cell in both keeps the upsert
  std::vector<FailureRecord> failures;    // upserts; of several for one cell the last holds
  std::vector<StateChange> states;        // of an experiment that is gone: ignored
  std::vector<AlarmRecord> alarms;
  bool empty() const {
    return outcomes.empty() && verdicts.empty() && failures.empty() && failures_cleared.empty() &&
           states.empty() && alarms.empty();
  }
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_RECORDS_H_
