// The mask's start-up test: on the model as loaded, with the code that will run, pruning a head
// must be what METHOD says it is. Pure of devices: it drives a function.
#ifndef SPRINT_WORKER_ENGINE_SELF_TEST_H_
#define SPRINT_WORKER_ENGINE_SELF_TEST_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/arm.h"
#include "model/config.h"
#include "worker/engine/torch_engine.h"

namespace sprint {

// Runs `tokens` under `arm` with all hidden states. When `zero_columns` is not null, the input
// columns of o_proj that belong to that head are zero, and nothing else is done to it.
using MaskProbe = absl::FunctionRef<absl::StatusOr<ForwardResult>(
    const std::vector<int32_t>& tokens, const Arm& arm, const HeadEdit* zero_columns)>;

// For a head of the first, the middle and the last layer: pruning it changes the logits, leaves the
// hidden states up to its layer's input as they were bit for bit, and gives the logits that zeroed
// columns of o_proj give. A head whose columns are zero in the file (it was pruned there) says
// nothing: the next of its layer is taken. Costs 1 + 2 forward passes a layer of a few tokens.
// FAILED_PRECONDITION (kModelSelfTestFailed) naming layer and head and what differed, or logits
// that are not finite; what `forward` returns when it fails.
absl::Status TestMask(const ModelConfig& config, MaskProbe forward);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_SELF_TEST_H_
