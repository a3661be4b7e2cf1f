// One question, answered under chosen arms: what `sprint select --run` shows.
#ifndef SPRINT_SELECTOR_ARM_ANSWERS_H_
#define SPRINT_SELECTOR_ARM_ANSWERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/arm.h"
#include "model/decoding.h"
#include "model/memory.h"
#include "model/model_files.h"

namespace sprint {

struct ArmAnswer {
  std::string text;
  std::string answer;       // extracted from it (eval/judge.h); empty: nothing was
  int32_t tokens = 0;       // generated
  double logprob_mean = 0;  // of a token
  FinishReason finish = FinishReason::kStop;
};

struct AnsweringOptions {
  std::string weights_hash;  // hex; the model must have these weights; empty: not checked
  Dtype dtype = Dtype::kF32;
  std::string device = "auto";  // as torch_engine.h has it
  int threads = 0;              // 0: all the process may use
  Decoding decoding;            // greedy; stop tokens: the model's own are added
};

// An answer an arm, in their order; all run at once. Loads the model's weights. INVALID_ARGUMENT: other
// weights (kModelMismatch), an arm that the model does not have, a prompt that does not fit; errors of the
// engine.
absl::StatusOr<std::vector<ArmAnswer>> AnswerUnderArms(std::shared_ptr<const ModelFiles> model,
                                                       const std::vector<int32_t>& prompt,
                                                       absl::Span<const Arm> arms,
                                                       const AnsweringOptions& options);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_ARM_ANSWERS_H_
