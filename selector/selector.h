// A trained selector: which arms are likely to answer a question, and where it comes from.
//
// Two towers: the question's standardised features go through an MLP (one hidden layer, ReLU) to d
// dimensions; each arm has a vector there; the score of an arm is how near the two are. (SPRINT: Nguyen
// et al., Findings of ACL 2025; the MLP's d = 64 from EPIC, Nguyen et al. 2025.)
//
// Scoring is plain C++ and needs no torch. A selector is one safetensors file whose metadata holds its
// settings and its lineage as JSON.
#ifndef SPRINT_SELECTOR_SELECTOR_H_
#define SPRINT_SELECTOR_SELECTOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace sprint {

// How near a question z and an arm v are. Frozen: the names are stored.
enum class ScoreKind {
  kDot,       // z . v
  kCosine,    // (z . v) / (|z| |v| temperature)
  kDistance,  // -|z - v|^2 / temperature
};
// What is minimised over the training questions. Frozen: the names are stored.
enum class LossKind {
  kInfoNce,   // -log softmax over arms, averaged over the question's right arms (several positives)
  kBest,      // categorical cross-entropy of the best arm: the right arm of the highest utility
  kUtility,   // as infonce, each right arm weighted by its utility (EPIC)
  kLogistic,  // each arm a yes-or-no question of its own: a plain classifier, to compare with
};
absl::string_view ScoreKindName(ScoreKind kind);  // "dot", "cosine", "distance"
absl::string_view LossKindName(LossKind kind);    // "infonce", "best", "utility", "logistic"
// INVALID_ARGUMENT naming the known ones.
absl::StatusOr<ScoreKind> ParseScoreKind(absl::string_view name);
absl::StatusOr<LossKind> ParseLossKind(absl::string_view name);

// Weights, row-major. Sizes: features F, hidden H, d, arms A.
struct SelectorWeights {
  int64_t features = 0, hidden = 0, d = 0, arms = 0;
  std::vector<float> w1, b1;  // [H, F], [H]
  std::vector<float> w2, b2;  // [d, H], [d]
  std::vector<float> arm;     // [A, d]
};

// P(right | score) = sigmoid(slope * s + prior * logit(arm's training accuracy) + offset), s the score
// minus the log of the sum of all exponentiated scores (for the logistic loss: the score itself).
struct Calibration {
  double slope = 1, prior = 0, offset = 0;
};

// Immutable after training; thread-safe. Arm 0 is the baseline.
struct Selector {
  std::vector<std::string> arm_names;
  ScoreKind score = ScoreKind::kDot;
  LossKind loss = LossKind::kInfoNce;
  double temperature = 1;
  SelectorWeights weights;
  std::vector<float> feature_mean, feature_deviation;  // [F]
  Calibration calibration;
  std::vector<float> arm_accuracy;  // [A], over the training questions
  // What the neighbour policy reads: the training questions' places, [n, d], and outcomes, [n, A]
  // (1 right, 0 wrong or unknown).
  std::vector<float> train_places;
  std::vector<uint8_t> train_right;
  std::string lineage;  // a JSON object: what it was trained on, and how

  int64_t train_count() const {
    return weights.arms == 0 ? 0 : static_cast<int64_t>(train_right.size()) / weights.arms;
  }
  // The question's place, [d]. REQUIRES: features.size() == F.
  std::vector<float> Place(absl::Span<const float> features) const;
  // One score an arm; comparable within one question.
  std::vector<float> Scores(absl::Span<const float> place) const;
  // The scores as calibrated probabilities of a right answer.
  std::vector<float> Probabilities(absl::Span<const float> scores) const;
  // How alike the question is to each training question: the cosine of their places, [n].
  std::vector<float> TrainSimilarity(absl::Span<const float> place) const;
};

// The whole file, and back. INVALID_ARGUMENT naming `name` and what is wrong for a file that is no
// selector, lacks a tensor, or holds shapes that do not fit together.
std::string SerializeSelector(const Selector& selector);
absl::StatusOr<Selector> ParseSelector(std::string bytes, const std::string& name);
absl::Status SaveSelector(const Selector& selector, const std::string& path);
absl::StatusOr<Selector> LoadSelector(const std::string& path);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_SELECTOR_H_
