// The engine: runs many sequences of one model at once, each under an arm of its own.
//
// The unit of compute is a ragged step: the new tokens of all running sequences laid end to end,
// [tokens, hidden], without padding, so prompt chunks and decode tokens share one GEMM per weight
// matrix. Head gates are rows per sequence: one step mixes arms, questions and lengths.
//
// Promise (mode "exact"): what a sequence generates, ids and log-probabilities bit for bit, is a
// function of (model, dtype, decoding, seed, prompt, arm, sample) and of NumericsDescription() alone; never
// of its neighbours, its place, the order of submission, or how its prompt was cut into chunks.
//
// No torch here: the torch engine (torch_engine.h) and the tests' fake implement this.
#ifndef SPRINT_WORKER_ENGINE_ENGINE_H_
#define SPRINT_WORKER_ENGINE_ENGINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/arm.h"
#include "model/decoding.h"

namespace sprint {

// The engine's handle on a sequence, chosen by the caller; unique among those not yet finished.
using SequenceId = int64_t;

struct SequenceRequest {
  SequenceId id = 0;
  std::vector<int32_t> prompt;  // token ids, not empty
  Arm arm;
  Decoding decoding;
  uint64_t seed = 0;  // of the run, and the sample's number: what is drawn depends on them
  int32_t sample = 0;
  // Wanted of the prompt's last token: the residual stream after layer i (0-based), for each i; after
  // the last layer it has passed the final norm. No second pass is made for them.
  std::vector<int32_t> hidden_after = {};
};

struct SequenceResult {
  SequenceId id = 0;
  std::vector<int32_t> tokens;  // generated, the stop token included
  // Natural log of each token's probability as the model gives it, before any rule of sampling.
  std::vector<float> logprobs;
  FinishReason finish = FinishReason::kStop;
  std::vector<std::vector<float>> hidden;  // of hidden_after, in its order: [hidden] each
};

struct StepStats {
  int64_t steps = 0;
  int64_t tokens = 0;  // computed, prompt and generated
  int64_t generated = 0;
  int64_t gemm_calls = 0;
  int64_t running = 0;  // sequences in the last step
  int64_t peak_kv_tokens = 0;
  int64_t drafted = 0;   // tokens of known answers that were tried as the next of others,
  int64_t accepted = 0;  // and those that were right
  int64_t reused = 0;    // prompt tokens whose K/V another sequence of the arm had computed
  int64_t resumed = 0;   // prompt tokens computed from the arm's lowest pruned layer upwards only,
  int64_t followed = 0;  // and of answers, where they began as the question's first did
  // Where the time of the steps went, where the device says it: products, attention, and all.
  double gemm_seconds = 0;
  double attention_seconds = 0;
  double step_seconds = 0;
  int64_t preemptions = 0;  // sequences whose K/V was given up for older ones, and computed again
};

// Not thread-safe: one thread calls it.
class Engine {
 public:
  virtual ~Engine() = default;

  // How many more sequences Submit takes now. A worker's credit.
  virtual int Capacity() const = 0;
  // Takes a sequence; it starts with the next step. INVALID_ARGUMENT: an empty prompt, a token
  // outside the vocabulary, an arm the model does not have, a prompt that does not fit the context
  // (kPromptTooLong). RESOURCE_EXHAUSTED: Capacity() is 0, or the K/V memory can never hold it.
  virtual absl::Status Submit(SequenceRequest request) = 0;
  // Forgets a sequence; nothing when it is unknown.
  virtual void Cancel(SequenceId id) = 0;
  // One ragged step over all running sequences; those that finished in it. Empty and cheap when
  // nothing runs. INTERNAL when computing failed (the engine is unusable then).
  virtual absl::StatusOr<std::vector<SequenceResult>> Step() = 0;
  virtual bool Idle() const = 0;
  virtual const StepStats& stats() const = 0;

  // The numerics class: device and instruction set; where a library computes, its version, threads
  // and row counts as measured. Two engines with one description give the same bits. Stable text, one line.
  virtual std::string NumericsDescription() const = 0;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_ENGINE_H_
