// What users would run instead of the engine, measured as child processes: llama.cpp's batched bench
// and transformers' generate loop with a hook that prunes. bench/engine_peers.sh prepares them.
#ifndef SPRINT_BENCH_ENGINE_PEERS_H_
#define SPRINT_BENCH_ENGINE_PEERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/engine_workload.h"
#include "model/memory.h"

namespace sprint::bench {

// The folder that engine_peers.sh fills: transformers/bin/python, llama-batched-bench, llama-quantize.
struct Peers {
  std::string folder;
  std::string scripts;  // where sweep.py is
  int threads = 2;
  std::string device = "cpu";  // of transformers
};

struct LlamaResult {
  double prompt_rate = 0;  // tokens/s
  double decode_rate = 0;
};
// Batched bench of `sequences` prompts of `prompt` tokens, then `tokens` steps. `model` is a GGUF file; a
// copy in `dtype` is kept in the folder. NOT_FOUND: the peer or the file is missing, in one line.
absl::StatusOr<LlamaResult> RunLlama(const Peers& peers, const std::string& model, Dtype dtype, int sequences,
                                     int prompt, int tokens);

struct LoopResult {
  int64_t generations = 0;
  int64_t generated = 0;
  double seconds = 0;
};
// transformers' generate, one arm at a time, in batches of `batch`. NOT_FOUND as above.
absl::StatusOr<LoopResult> RunTransformers(const Peers& peers, const std::string& model, Dtype dtype,
                                           const Workload& workload, int batch);

// Logits of whole prompts, end to end: [tokens of all prompts, vocab].
struct TransformersLogits {
  std::vector<float> f32;
  std::vector<float> bf16;
};
// transformers' in both dtypes, of `workload`'s prompts. NOT_FOUND as above.
absl::StatusOr<TransformersLogits> RunTransformersLogits(const Peers& peers, const std::string& model,
                                                         const Workload& workload);

}  // namespace sprint::bench

#endif  // SPRINT_BENCH_ENGINE_PEERS_H_
