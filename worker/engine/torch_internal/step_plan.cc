#include "worker/engine/torch_internal/step_plan.h"

#include <algorithm>
#include <utility>

#include "worker/engine/attention.h"

namespace sprint {
namespace {

// Tables of gates come in whole multiples of so many arms: few shapes.
constexpr size_t kArmTables = 16;

void PlanRows(const StepLayout& layout, const StepBatch& batch, PackedInputs& inputs, StepPlan& plan) {
  plan.rows = batch.rows();
  plan.padded =
      (layout.model->PaddedRows(plan.rows) + layout.tile_rows - 1) / layout.tile_rows * layout.tile_rows;
  std::vector<int64_t> tokens(batch.tokens.begin(), batch.tokens.end());
  std::vector<int64_t> positions;
  std::vector<int64_t> slots;
  for (const StepSequence& sequence : batch.sequences) {
    for (int64_t p = sequence.first_position; p < sequence.first_position + sequence.rows; ++p) {
      positions.push_back(p);
      slots.push_back(sequence.blocks[p / kBlockTokens] * kBlockTokens + p % kBlockTokens);
    }
  }
  tokens.resize(static_cast<size_t>(plan.padded), 0);
  positions.resize(static_cast<size_t>(plan.padded), 0);
  for (int64_t row = plan.rows; row < plan.padded; ++row)
    slots.push_back(layout.scratch_slot + row % kBlockTokens);
  plan.tokens = inputs.Add(tokens);
  plan.positions = inputs.Add(positions);
  plan.slots = inputs.Add(slots);
}

// A table of [layers, heads] factors for each arm, the first of them all ones, and each row's table.
void PlanGates(const ModelConfig& config, const StepBatch& batch, PackedInputs& inputs, StepPlan& plan) {
  const auto table = static_cast<size_t>(config.layers) * static_cast<size_t>(config.heads);
  std::vector<float> gates(table, 1.0F);
  std::vector<int64_t> arms(static_cast<size_t>(plan.padded), 0);
  for (const StepSequence& sequence : batch.sequences) {
    if (sequence.arm == nullptr || sequence.arm->edits().empty()) continue;
    plan.gated = true;
    const size_t at = gates.size();
    gates.resize(at + table, 1.0F);
    for (const HeadEdit& edit : sequence.arm->edits()) {
      const int64_t place = int64_t{edit.layer} * config.heads + edit.head;
      gates[at + static_cast<size_t>(place)] = edit.op == HeadOp::kZero ? 0.0F : FactorOf(edit.op);
    }
    std::fill_n(arms.begin() + sequence.first_row, sequence.rows, static_cast<int64_t>(at / table));
  }
  if (!plan.gated) return;
  const size_t tables = (gates.size() / table + kArmTables - 1) / kArmTables * kArmTables;
  gates.resize(tables * table, 1.0F);
  plan.gates = inputs.Add(gates);
  plan.arms = inputs.Add(arms);
}

void PlanHead(const StepLayout& layout, const StepBatch& batch, PackedInputs& inputs, StepPlan& plan) {
  std::vector<int64_t> guesses;
  const auto total = static_cast<int64_t>(batch.logit_rows.size());
  for (int64_t first = 0; first < total; first += layout.max_logit_rows) {
    StepPlan::Chunk chunk{
        std::min(layout.max_logit_rows, total - first), 0, {}, DeviceSampler(layout.config->vocab)};
    chunk.padded = layout.model->PaddedRows(layout.model->head, chunk.rows);
    std::vector<int64_t> index(batch.logit_rows.begin() + first,
                               batch.logit_rows.begin() + first + chunk.rows);
    index.resize(static_cast<size_t>(chunk.padded), index.front());
    chunk.index = inputs.Add(index);
    chunk.sampler.Plan(batch.sampler, first, chunk.rows, chunk.padded, inputs);
    for (int64_t i = 0; i < chunk.padded; ++i) {
      const auto at = static_cast<size_t>(first + i);
      guesses.push_back(i < chunk.rows && at < batch.guesses.size() ? batch.guesses[at] : -1);
    }
    plan.chunks.push_back(std::move(chunk));
  }
  plan.guesses = inputs.Add(guesses);
}

}  // namespace

StepPlan PlanStep(const StepLayout& layout, const StepBatch& batch, PackedInputs& inputs) {
  StepPlan plan(*layout.config, layout.attention_type);
  PlanRows(layout, batch, inputs, plan);
  PlanGates(*layout.config, batch, inputs, plan);
  plan.attention.Plan(batch, plan.padded, inputs);
  PlanHead(layout, batch, inputs, plan);
  const auto add = [&](const std::vector<int64_t>& values) {
    plan.shape.push_back(static_cast<int64_t>(values.size()));
    plan.shape.insert(plan.shape.end(), values.begin(), values.end());
  };
  add({plan.padded, plan.gated ? 1 : 0});
  add(layout.model->Shape(plan.rows));
  add(plan.attention.Shape());
  for (const StepPlan::Chunk& chunk : plan.chunks) add(chunk.sampler.Shape());
  add(inputs.layout());
  return plan;
}

}  // namespace sprint
