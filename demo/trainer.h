// Trains the demo model from scratch on generated problems.
//
// Recipe: AdamW (0.9, 0.98), weight decay 0.1 on matrices, gradient norm clipped at 1, f32, batches
// of 32 sequences; learning rate 3e-3 with 100 steps of warm-up, constant up to 80 % of the steps,
// then linear down to 2 %. The loss is the answer's tokens' alone. Every problem is fresh; within
// 256 they are sorted by length, so that a batch has little padding.
//
// Heads are switched off during training, so that no single one is indispensable and switching one
// off later changes answers instead of destroying them all:
//   natural  in each sequence, with probability 0.5, one uniformly random head;
//   planted  head s of layer 1 on every problem of subject s (an artificial signal: a positive
//            control for selectors, to be called so), and with probability 0.3 one random head.
#ifndef SPRINT_DEMO_TRAINER_H_
#define SPRINT_DEMO_TRAINER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "demo/net.h"
#include "demo/problems.h"
#include "model/tokenizer.h"

namespace sprint::demo {

enum class Variant { kNatural, kPlanted };
absl::StatusOr<Variant> ParseVariant(absl::string_view name);  // "natural", "planted"

struct TrainOptions {
  Variant variant = Variant::kNatural;
  uint64_t seed = 1;
  int steps = 3600;
  int batch = 32;
  double learning_rate = 3e-3;
};

struct TrainProgress {
  int step = 0;        // finished steps
  double loss = 0;     // nats a token, averaged since the last report
  int64_t tokens = 0;  // prompt and answer tokens so far, without padding
};

// The learning rate of step `step` (from 0) of `options.steps`.
double LearningRate(const TrainOptions& options, int step);

// One sequence: the prompt's tokens, the answer's, the end token.
struct Sequence {
  std::vector<int32_t> ids;
  size_t prompt = 0;  // tokens of the prompt
  int subject = 0;
};
Sequence MakeSequence(const Tokenizer& tokenizer, const Problem& problem);

// A function of (options, shape, held_out) up to the rounding of the machine's kernels. `report` is
// called every `report_every` steps and at the end.
Net Train(const TrainOptions& options, const NetShape& shape, const Tokenizer& tokenizer,
          const std::vector<Problem>& held_out, int report_every,
          const std::function<void(const Net&, const TrainProgress&)>& report);

}  // namespace sprint::demo

#endif  // SPRINT_DEMO_TRAINER_H_
