// Reference logits, hidden states and greedy texts that transformers computed for a small model.
#ifndef SPRINT_TESTS_WORKER_ENGINE_PARITY_H_
#define SPRINT_TESTS_WORKER_ENGINE_PARITY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/arm.h"
#include "model/model_files.h"
#include "worker/engine/torch_engine.h"

namespace sprint::testing {

struct ParityCase {
  std::string folder;
  std::shared_ptr<const ModelFiles> model;
  std::vector<std::vector<int32_t>> inputs;
  // By the arm's canonical name; per input: [tokens, vocab].
  std::map<std::string, std::vector<std::vector<float>>> logits;
  std::vector<std::vector<std::vector<float>>> hidden;  // [layer boundary][input]: [tokens, hidden]
  std::vector<int32_t> greedy_prompt;
  std::map<std::string, std::vector<int32_t>> greedy;
};

// Reads a folder of config.json, model.safetensors, cases.safetensors and greedy.json.
absl::StatusOr<ParityCase> ReadParityCase(const std::string& folder);

// An engine of `model` for tests: one thread unless told.
absl::StatusOr<std::unique_ptr<Engine>> TestEngine(std::shared_ptr<const ModelFiles> model,
                                                   TorchEngineOptions options = {});

// A copy of `model` with another configuration: for tests that a wrong one is noticed.
std::shared_ptr<const ModelFiles> WithConfig(const ModelFiles& model, const ModelConfig& config);

// The largest |a - b| over the largest |b|.
double RelativeError(const std::vector<float>& a, const std::vector<float>& b);

// Steps until idle; results by id. Fails the test on an error.
std::map<SequenceId, SequenceResult> RunAll(Engine& engine);

// The project's own folders of tests/data/parity, and fixtures/parity of shared/ when present.
std::vector<std::string> OwnParityFolders();
std::vector<std::string> SharedParityFolders();

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_WORKER_ENGINE_PARITY_H_
