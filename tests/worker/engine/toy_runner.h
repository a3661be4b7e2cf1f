// A runner whose arithmetic is hashing: what a row gives depends on its token, its arm and every K/V
// entry before it, in each layer. A scheduler that mixes up, leaves out or reuses the wrong one changes the
// tokens. Many times faster than a model.
#ifndef SPRINT_TESTS_WORKER_ENGINE_TOY_RUNNER_H_
#define SPRINT_TESTS_WORKER_ENGINE_TOY_RUNNER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/config.h"
#include "worker/engine/attention.h"
#include "worker/engine/step.h"

namespace sprint::testing {

class ToyRunner {
 public:
  // REQUIRES: config.hidden is 1; values are whole numbers that a float holds exactly. An edited head matters
  // at one row in `rarely`: the answers of a question's arms begin alike when that is many.
  ToyRunner(const ModelConfig& config, int64_t blocks, uint32_t rarely = 1)
      : config_(config),
        rarely_(rarely),
        kv_(static_cast<size_t>(config.layers),
            std::vector<uint32_t>(static_cast<size_t>(blocks * kBlockTokens), kUnwritten)) {}

  void Run(const StepBatch& batch, StepOutput* output) {
    for (const KvCopy& copy : batch.copies) Copy(copy);
    std::vector<uint32_t> residual(batch.tokens.begin(), batch.tokens.end());
    for (uint32_t& value : residual) value = Mix(value, 77);
    int32_t entered = 0;
    for (const StepSequence& sequence : batch.sequences) {
      ordered_ = ordered_ && sequence.first_layer >= entered;
      entered = sequence.first_layer;
    }
    for (int32_t layer = 0; layer <= config_.layers; ++layer) {
      for (const StepSequence& sequence : batch.sequences) Enter(sequence, layer, residual);
      for (const HiddenCapture& capture : batch.captures) {
        if (capture.boundary != layer) continue;
        for (int64_t i = 0; i < capture.rows; ++i) {
          capture.to[i * capture.to_stride] =
              static_cast<float>(residual[static_cast<size_t>(capture.first_row + i)]);
        }
      }
      if (layer < config_.layers) Layer(layer, batch, residual);
    }
    *output = StepOutput{};
    for (const int64_t row : batch.logit_rows) Head(batch, residual[static_cast<size_t>(row)], output);
  }
  int64_t rows_by_layers() const { return rows_by_layers_; }  // what was computed: rows times layers
  bool ordered() const { return ordered_; }                   // whether sequences came by first_layer

 private:
  static constexpr uint32_t kUnwritten = 0xffffffff;
  // In [0, 2^22): exact in a float.
  static uint32_t Mix(uint32_t a, uint32_t b) {
    uint64_t x = (uint64_t{a} << 32 | b) * 0x9E3779B97F4A7C15U;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9U;
    return static_cast<uint32_t>(x >> 42);
  }
  uint32_t& Slot(int32_t layer, const int32_t* blocks, int64_t position) {
    const int64_t block = blocks[position / kBlockTokens];
    return kv_[static_cast<size_t>(layer)]
              [static_cast<size_t>(block * kBlockTokens + position % kBlockTokens)];
  }
  void Copy(const KvCopy& copy) {
    for (int32_t layer = 0; layer < copy.layers; ++layer) {
      std::vector<uint32_t>& kv = kv_[static_cast<size_t>(layer)];
      for (size_t i = 0; i < copy.from.size(); ++i) {
        std::copy_n(kv.begin() + copy.from[i] * kBlockTokens, kBlockTokens,
                    kv.begin() + copy.to[i] * kBlockTokens);
      }
    }
  }
  static void Enter(const StepSequence& sequence, int32_t layer, std::vector<uint32_t>& residual) {
    if (layer == 0 || sequence.first_layer != layer) return;
    for (int64_t i = 0; i < sequence.rows; ++i) {
      residual[static_cast<size_t>(sequence.first_row + i)] =
          static_cast<uint32_t>(sequence.hidden[i * sequence.hidden_stride]);
    }
  }
  void Layer(int32_t layer, const StepBatch& batch, std::vector<uint32_t>& residual) {
    for (const StepSequence& sequence : batch.sequences) {
      if (sequence.first_layer > layer) continue;
      for (int64_t i = 0; i < sequence.rows; ++i) {
        Slot(layer, sequence.blocks, sequence.first_position + i) =
            Mix(residual[static_cast<size_t>(sequence.first_row + i)], static_cast<uint32_t>(layer));
      }
    }
    for (const StepSequence& sequence : batch.sequences) {
      if (sequence.first_layer > layer) continue;
      rows_by_layers_ += sequence.rows;
      const int32_t* blocks = layer < sequence.shared_layers ? sequence.shared_blocks : sequence.blocks;
      for (int64_t i = 0; i < sequence.rows; ++i) {
        uint32_t attended = 1;
        for (int64_t p = 0; p <= sequence.first_position + i; ++p)
          attended = Mix(attended, Slot(layer, blocks, p));
        for (const HeadEdit& edit : sequence.arm->edits()) {
          if (edit.layer == layer && attended % rarely_ == 0)
            attended = Mix(attended, static_cast<uint32_t>(1000 + edit.head));
        }
        uint32_t& value = residual[static_cast<size_t>(sequence.first_row + i)];
        value = Mix(value, attended);
      }
    }
  }
  // Logits of a few tokens, the same for equal residuals.
  void Head(const StepBatch& batch, uint32_t residual, StepOutput* output) const {
    std::vector<float> logits(static_cast<size_t>(config_.vocab));
    for (size_t i = 0; i < logits.size(); ++i) {
      logits[i] = static_cast<float>(Mix(residual, static_cast<uint32_t>(i)) % 4096) / 512.0F;
    }
    const auto row = static_cast<int64_t>(output->next.size());
    auto token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    if (batch.sampler != nullptr && batch.sampler->Samples(row)) token = batch.sampler->Sample(row, logits);
    output->next.push_back(token);
    output->logprobs.push_back(-static_cast<float>(residual));
  }

  const ModelConfig& config_;
  const uint32_t rarely_;
  std::vector<std::vector<uint32_t>> kv_;  // [layers][slots]
  int64_t rows_by_layers_ = 0;
  bool ordered_ = true;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_WORKER_ENGINE_TOY_RUNNER_H_
