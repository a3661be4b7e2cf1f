// The decoder-only transformer in libtorch. Torch stays in the .cc files.
#ifndef SPRINT_WORKER_ENGINE_TORCH_ENGINE_H_
#define SPRINT_WORKER_ENGINE_TORCH_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/memory.h"
#include "model/model_files.h"
#include "worker/engine/engine.h"
#include "worker/engine/step_cost.h"

namespace sprint {

struct TorchEngineOptions {
  Dtype dtype = Dtype::kF32;
  std::string device = "auto";  // "cpu", "cuda", "cuda:1"; auto: CUDA when libtorch has a usable one
  int threads = 0;              // CPU threads; 0: all the process may use
  int max_sequences = 64;       // running at once; 0: as many as pay, which is measured (step_cost.h)
  // Groups that the threads and sequences are dealt to, none of which waits for another (lanes.h): at most
  // one a thread and a sequence, on CUDA one. With max_sequences 0, each runs as many as pay.
  int lanes = 1;
  int max_tokens_per_step = 512;  // prompt chunks fill a step up to this
  int64_t memory_bytes = 0;       // for weights, K/V and activations; 0: from the machine
  bool self_test = true;          // the mask's start-up test
  // Workers of one machine share their weights: the folder where they lie (shared_weights.h), and what is
  // the same for the same model, such as its fingerprint. Empty: the process has its own. Not on CUDA.
  std::string shared_folder;
  std::string shared_key;
  // Savings that change no bit of any result (scheduler.h says what each does).
  bool prefix_reuse = true;
  bool layer_resume = true;  // where the device's runner can
  int max_draft = 0;         // tokens drafted for a sequence in a step (draft_book.h); 0: none
  StepCost draft_cost;       // what a step's rows cost, which says how many drafts pay; unknown: measured
  // Greedy choices by way of 8 bits (greedy_head.h): the same tokens; log-probabilities were found to differ
  // by 0.0005 in the mean, and are a numerics class of their own. With bf16 on processors where it pays, when
  // it takes no more than a quarter of what the weights leave of the memory.
  bool screened_head = true;
};

// Loads weights (decoded to the dtype), measures the row tile, runs the self-test.
// FAILED_PRECONDITION (kModelSelfTestFailed): pruning a head does not change the logits, changes a
// layer below, or differs from zeroing its input columns of o_proj. RESOURCE_EXHAUSTED
// (kOutOfMemory): with the figures. UNAVAILABLE: the device does not exist in this libtorch.
absl::StatusOr<std::unique_ptr<Engine>> LoadTorchEngine(std::shared_ptr<const ModelFiles> model,
                                                        const TorchEngineOptions& options);

// For parity tests and the self-test: a whole prompt in one go.
struct ForwardResult {
  std::vector<float> logits;               // [tokens, vocab], row-major
  std::vector<std::vector<float>> hidden;  // per layer boundary 0..layers: [tokens, hidden], the
                                           // last after the final norm, as transformers'
};
absl::StatusOr<ForwardResult> Forward(Engine& torch_engine, absl::Span<const int32_t> tokens, const Arm& arm,
                                      bool want_hidden);

// "cuda:0 NVIDIA H100, 2.13.0" or "cpu …": what a worker says of itself. Loads no model.
std::string DescribeTorchDevice(const std::string& device);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_ENGINE_H_
