// One ragged step, between the scheduler that plans it and the runner that computes it.
#ifndef SPRINT_WORKER_ENGINE_STEP_H_
#define SPRINT_WORKER_ENGINE_STEP_H_

#include <cstdint>
#include <vector>

#include "model/arm.h"

namespace sprint {

// The new tokens of one sequence: rows [first_row, first_row + rows) of the step.
struct StepSequence {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t first_position = 0;       // of the first row in the sequence
  const int32_t* blocks = nullptr;  // the block table, up to the last row's position
  const Arm* arm = nullptr;
};

// Valid until the scheduler changes.
struct StepBatch {
  std::vector<int32_t> tokens;  // one a row, sequences end to end
  std::vector<StepSequence> sequences;
  std::vector<int64_t> logit_rows;  // rows whose next token is wanted, ascending
  bool want_logits = false;         // Forward only: StepOutput.logits and hidden are filled
  bool want_hidden = false;
  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

struct StepOutput {
  std::vector<int32_t> next;  // per logit row: the greedy token and the natural log of its probability
  std::vector<float> logprobs;
  std::vector<float> logits;               // [logit rows, vocab]
  std::vector<std::vector<float>> hidden;  // [layers + 1][rows, hidden], the last after the final norm
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_STEP_H_
