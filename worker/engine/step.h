// One ragged step, between the scheduler that plans it and the runner that computes it.
#ifndef SPRINT_WORKER_ENGINE_STEP_H_
#define SPRINT_WORKER_ENGINE_STEP_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/arm.h"
#include "model/decoding.h"

namespace sprint {

// The new tokens of one sequence: rows [first_row, first_row + rows) of the step.
struct StepSequence {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t first_position = 0;       // of the first row in the sequence
  const int32_t* blocks = nullptr;  // the block table, up to the last row's position
  const Arm* arm = nullptr;
  // The same for the layers below `shared_layers`, whose K/V is as well read from blocks that other arms read
  // too; null: there are none. What the step computes is written to `blocks`.
  const int32_t* shared_blocks = nullptr;
  int32_t shared_layers = 0;
  // Where the rows enter: lower layers are left out, their K/V being in the blocks already.
  // `hidden` is the residual stream that enters first_layer, [rows, hidden], rows `hidden_stride` floats
  // apart; unused for layer 0.
  int32_t first_layer = 0;
  const float* hidden = nullptr;
  int64_t hidden_stride = 0;
};

// A copy of the residual stream as it enters layer `boundary`; with boundary == layers, of what
// leaves the final norm. `to` is f32 [rows, hidden], rows `to_stride` floats apart.
struct HiddenCapture {
  int32_t boundary = 0;
  int64_t first_row = 0;
  int64_t rows = 0;
  float* to = nullptr;
  int64_t to_stride = 0;
};

// K/V to be copied before the step: of the layers [0, layers), whole blocks, from[i] to to[i].
struct KvCopy {
  std::vector<int32_t> from;
  std::vector<int32_t> to;
  int32_t layers = 0;
};

// By what a logit row's token is chosen, all of it known before the step.
struct RowRules {
  const Sampling* sampling = nullptr;
  std::array<absl::Span<const int32_t>, 3> before = {};  // prompt and answer so far, in pieces
  double u = 0;                                          // the draw, in [0, 1)
};

// Chooses tokens otherwise than by the highest logit. Called by several threads at once, for
// different rows.
class RowSampler {
 public:
  virtual ~RowSampler() = default;
  // For a runner that chooses on its device: what Sample(row, …) goes by.
  virtual RowRules Rules(int64_t row) const = 0;
  // Whether Sample is wanted for logit row `row` (an index into StepBatch::logit_rows).
  virtual bool Samples(int64_t row) const = 0;
  // The token; in [0, logits.size()).
  virtual int32_t Sample(int64_t row, absl::Span<const float> logits) const = 0;
};

// Valid until the scheduler changes.
struct StepBatch {
  std::vector<int32_t> tokens;          // one a row, sequences end to end
  std::vector<StepSequence> sequences;  // by first_layer, ascending
  std::vector<int64_t> logit_rows;      // rows whose next token is wanted, ascending
  // Per logit row the token that was drafted to follow it, -1: none (past the end: none). The rows of one
  // sequence lie end to end, and their last one has none.
  std::vector<int32_t> guesses;
  bool want_logits = false;  // Forward only: StepOutput.logits and hidden are filled
  bool want_hidden = false;
  std::vector<HiddenCapture> captures;
  std::vector<KvCopy> copies;
  const RowSampler* sampler = nullptr;  // null: the highest logit everywhere
  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

struct StepOutput {
  std::vector<int32_t> next;    // per logit row: the token chosen,
  std::vector<float> logprobs;  // and the natural log of its probability before any sampling rule
  // Per logit row: how many guesses from it on were what was chosen, up to the first that was not. Empty
  // from a runner that does not look.
  std::vector<int32_t> accepted;
  std::vector<float> logits;               // [logit rows, vocab]
  std::vector<std::vector<float>> hidden;  // [layers + 1][rows, hidden], the last after the final norm
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_STEP_H_
