// The head of a reward model: what its last hidden state says of a text.
//
// A score run (engine_mode "score") generates nothing: its question is a whole text, and its outcome is the
// score at the text's last token. The engine's hidden state after the final norm goes through
// score.weight, [labels, hidden], in f64 and in one order. A process reward model is asked once for each
// beginning of an answer that ends with a step: causal attention makes that the score of the step.
#ifndef SPRINT_WORKER_SCORE_HEAD_H_
#define SPRINT_WORKER_SCORE_HEAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/model_files.h"

namespace sprint {

// Immutable; thread-safe.
class ScoreHead {
 public:
  // FAILED_PRECONDITION (kModelUnsupported) for a model without such a head.
  static absl::StatusOr<std::shared_ptr<const ScoreHead>> Load(const ModelFiles& model);

  // The layer after which the hidden state is wanted (Engine's hidden_after).
  int32_t layer() const { return layer_; }
  // One a label. REQUIRES: hidden.size() is the model's.
  std::vector<float> Logits(absl::Span<const float> hidden) const;

 private:
  int32_t layer_ = 0;
  int64_t labels_ = 0;
  std::vector<float> weight_;  // [labels, hidden]
};

// What the logits come to: of one label its value as it is (a reward); of several the probability of the last
// (two: that the text is good). REQUIRES: not empty.
double ScoreOf(absl::Span<const float> logits);
// The logits as a JSON list, each as the shortest decimal that reads back: the text of a score's outcome.
std::string LogitsText(absl::Span<const float> logits);

}  // namespace sprint

#endif  // SPRINT_WORKER_SCORE_HEAD_H_
