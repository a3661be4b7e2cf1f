// From a spec to what is submitted: the model opened and fingerprinted, prompts rendered and tokenised,
// arms expanded.
#ifndef SPRINT_CLI_PREPARE_H_
#define SPRINT_CLI_PREPARE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/hash.h"
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
  std::vector<Arm> arms;                // baseline first
  std::vector<Hash256> questions;       // the prompts' hashes, distinct
  int64_t prompt_tokens = 0;            // of the distinct questions, each once
  int64_t cells() const;
};

// `spec` is complete (BuildSpec). `fingerprinting` (may be null) hears the share of the weights read, in
// [0, 1]. Errors are those of OpenModel, ReadDataset, Render, ExpandArms and FingerprintWeights: the cheap
// checks come first, the reading of all weights last.
absl::StatusOr<PreparedLaunch> Prepare(const v1::ExperimentSpec& spec,
                                       const std::function<void(double)>& fingerprinting);

v1::Submission SubmissionOf(const PreparedLaunch& launch);
std::vector<v1::Question> QuestionsOf(const PreparedLaunch& launch);

}  // namespace sprint

#endif  // SPRINT_CLI_PREPARE_H_
