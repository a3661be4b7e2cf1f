// How one step is laid out for the device: which shapes its tensors have, and where its inputs lie.
//
// Steps of one shape ask for the same operators on the same places of the packed inputs. What one of them
// was planned with computes all of them, once their own inputs are uploaded: so a recording of one can be
// replayed for the others.
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_STEP_PLAN_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_STEP_PLAN_H_

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "worker/engine/step.h"
#include "worker/engine/torch_internal/device_model.h"
#include "worker/engine/torch_internal/device_sampler.h"
#include "worker/engine/torch_internal/fused_attention.h"
#include "worker/engine/torch_internal/packed_inputs.h"

namespace sprint {

// What is the same for all steps.
struct StepLayout {
  const ModelConfig* config = nullptr;
  const DeviceModel* model = nullptr;
  at::ScalarType attention_type = at::kFloat;
  int64_t tile_rows = 64;      // the step's tensors have whole tiles of rows
  int64_t max_logit_rows = 0;  // computed at once
  int64_t scratch_slot = 0;    // of kBlockTokens, where the K/V of rows without a sequence goes
};

struct StepPlan {
  // Logit rows that the head computes at once, in the order of StepBatch::logit_rows.
  struct Chunk {
    int64_t rows = 0;    // of the step that was planned,
    int64_t padded = 0;  // and of its tensors
    PackedInputs::Part index;
    DeviceSampler sampler;
  };

  StepPlan(const ModelConfig& config, at::ScalarType attention_type) : attention(config, attention_type) {}

  int64_t rows = 0;
  int64_t padded = 0;
  bool gated = false;  // whether any arm changes anything
  PackedInputs::Part tokens, positions, slots;
  PackedInputs::Part arms, gates;  // each row's table of [layers, heads] factors
  PackedInputs::Part guesses;      // of the chunks' padded rows, end to end
  FusedAttention attention;
  std::vector<Chunk> chunks;
  std::vector<int64_t> shape;
};

// Adds the inputs that the device needs to `inputs`, which holds nothing else.
StepPlan PlanStep(const StepLayout& layout, const StepBatch& batch, PackedInputs& inputs);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_STEP_PLAN_H_
