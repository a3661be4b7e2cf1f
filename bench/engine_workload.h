// What the engine's benchmarks run: word problems with the arms of a sweep, and random prompts.
#ifndef SPRINT_BENCH_ENGINE_WORKLOAD_H_
#define SPRINT_BENCH_ENGINE_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/arm.h"
#include "model/model_files.h"
#include "worker/engine/engine.h"

namespace sprint::bench {

// Monotonic, in seconds.
double Now();

// `n` different problems in words, always the same, as prompts of `model` (in ChatML where its
// vocabulary has it).
std::vector<std::vector<int32_t>> WordProblems(const ModelFiles& model, int n);
// `n` prompts of `length` random tokens.
std::vector<std::vector<int32_t>> RandomPrompts(const ModelConfig& config, int n, int length);
// The baseline, and `n` - 1 single heads spread over all layers.
std::vector<Arm> SpreadArms(const ModelConfig& config, int n);

struct Workload {
  std::vector<std::vector<int32_t>> prompts;
  std::vector<Arm> arms;  // each runs on each prompt
  int max_new_tokens = 0;
  std::vector<int32_t> stop_tokens;
};

struct RunResult {
  int64_t generations = 0;
  int64_t generated = 0;      // tokens
  int64_t prompt_tokens = 0;  // of all generations
  double seconds = 0;
  // When prompts and answers do not overlap (Batched): the two parts.
  double prompt_seconds = 0;
  double decode_seconds = 0;
  int64_t decoded = 0;
  // RunSweep's: each generation's tokens and their log-probabilities, a question's arms one behind the other.
  std::vector<std::vector<int32_t>> tokens;
  std::vector<std::vector<float>> logprobs;
};

// Runs everything, a question's arms one behind the other as a worker is given them.
absl::StatusOr<RunResult> RunSweep(Engine& engine, const Workload& workload);
// As llama.cpp's batched bench: all prompts first, then `tokens` steps of all sequences.
absl::StatusOr<RunResult> RunBatched(Engine& engine, const std::vector<std::vector<int32_t>>& prompts,
                                     int tokens);

// Floating-point operations of a token without any sharing, attention left out; `head`: with logits.
double FlopsPerToken(const ModelConfig& config, bool head);

}  // namespace sprint::bench

#endif  // SPRINT_BENCH_ENGINE_WORKLOAD_H_
