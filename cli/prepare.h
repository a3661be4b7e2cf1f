// From a spec to what is submitted: the model opened and fingerprinted, prompts rendered and tokenised,
// arms expanded.
#ifndef SPRINT_CLI_PREPARE_H_
#define SPRINT_CLI_PREPARE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "eval/choices.h"
#include "eval/dataset.h"
#include "eval/prompt.h"
#include "model/arm.h"
#include "model/model_files.h"
#include "sprint/v1/control.pb.h"
#include "sprint/v1/experiment.pb.h"
#include "storage/records.h"

namespace sprint {

struct PreparedLaunch {
  v1::ExperimentSpec spec;
  std::shared_ptr<const ModelFiles> model;
  RunRecord run;  // with its fingerprints
  std::vector<Problem> problems;
  std::vector<RenderedPrompt> prompts;  // one a problem
  std::vector<Hash256> questions;       // the prompts' hashes, distinct
  std::vector<int32_t> question_of;     // by problem: index into `questions`
  std::vector<int32_t> prompt_lengths;  // tokens, by question
  std::vector<Arm> arms;                // by canonical order: the baseline, where it runs, is first
  std::vector<Choice> choices;          // each question's own arms; empty: every question gets every arm
  std::vector<BlockPlan> blocks;        // the cells: indices into `questions` and `arms`
  std::vector<int32_t> hidden_layers;   // whose hidden states are wanted, ascending
  int64_t cells() const;
  int64_t prompt_tokens() const;       // of the distinct questions, each once
  int64_t cell_prompt_tokens() const;  // of all cells, were each computed alone
};

// `spec` is complete (BuildSpec). `fingerprinting` (may be null) hears the share of the weights read, in
// [0, 1]. Errors are those of OpenModel, ReadDataset, Render, ExpandArms, UseOwnArms and FingerprintWeights:
// the cheap checks come first, the reading of all weights last. `like` (may be null): what was prepared of
// the same model before; its weights are not read again.
absl::StatusOr<PreparedLaunch> Prepare(const v1::ExperimentSpec& spec,
                                       const std::function<void(double)>& fingerprinting,
                                       const PreparedLaunch* like = nullptr);

// Adds the next problem's prompt, and its question unless an earlier problem has the same. `known` is the
// questions' places by hash, kept from call to call.
void AddPrompt(RenderedPrompt prompt, absl::flat_hash_map<Hash256, int32_t>& known, PreparedLaunch& launch);

DatasetOptions DatasetOptionsOf(const v1::Dataset& dataset);

v1::Submission SubmissionOf(const PreparedLaunch& launch);
std::vector<v1::Question> QuestionsOf(const PreparedLaunch& launch);

}  // namespace sprint

#endif  // SPRINT_CLI_PREPARE_H_
