// The head of a reward model: what its last hidden state says of a text.
//
// A score run (model/engine_mode.h) generates nothing: its question is a whole text, and its outcome is the
// score at the text's last token. The engine's hidden state after the final norm goes through the head,
// in f64 and in one order:
//   score.weight, [labels, hidden], with score.bias where the class has one (*ForSequenceClassification,
//   *ForTokenClassification);
//   score.0, ReLU, score.2 (Qwen's *ForRewardModel and *ForProcessRewardModel);
//   two rows of a language model's own head, of the tokens BAD and GOOD ("score:GOOD/BAD").
// A process reward model is asked once for each beginning of an answer that ends with a step, or with the
// step's token: causal attention makes that what one pass over the whole text has there.
#ifndef SPRINT_WORKER_SCORE_HEAD_H_
#define SPRINT_WORKER_SCORE_HEAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/engine_mode.h"
#include "model/model_files.h"

namespace sprint {

// Immutable; thread-safe.
class ScoreHead {
 public:
  // FAILED_PRECONDITION (kModelUnsupported): a model without the head that the mode wants, or a token that it
  // does not have. REQUIRES: mode.kind is kScore.
  static absl::StatusOr<std::shared_ptr<const ScoreHead>> Load(const ModelFiles& model,
                                                               const EngineMode& mode);

  // The layer after which the hidden state is wanted (Engine's hidden_after).
  int32_t layer() const { return layer_; }
  // One a label; of tokens BAD's, then GOOD's. REQUIRES: hidden.size() is the model's.
  std::vector<float> Logits(absl::Span<const float> hidden) const;

 private:
  struct Linear {
    std::vector<float> weight;  // [out, in]
    std::vector<float> bias;    // [out], or empty
    std::vector<float> Apply(absl::Span<const float> in) const;
  };
  static Linear Read(const TensorInfo* weight, const TensorInfo* bias);

  int32_t layer_ = 0;
  Linear inner_;  // empty: there is none
  Linear outer_;
};

// What the logits come to: of one label its value as it is (a reward); of several the probability of the last
// (two: that the text is good). REQUIRES: not empty.
double ScoreOf(absl::Span<const float> logits);
// The logits as a JSON list, each as the shortest decimal that reads back: the text of a score's outcome.
std::string LogitsText(absl::Span<const float> logits);

}  // namespace sprint

#endif  // SPRINT_WORKER_SCORE_HEAD_H_
