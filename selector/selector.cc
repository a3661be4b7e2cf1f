#include "selector/selector.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

// sum of a[i] * b[i], in a fixed order that vectorises: eight partial sums.
float Dot(const float* a, const float* b, size_t n) {
  float part[8] = {};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) part[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < n; ++i) part[0] += a[i] * b[i];
  return ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
}

std::vector<float> Linear(const std::vector<float>& weight, const std::vector<float>& bias,
                          absl::Span<const float> x) {
  std::vector<float> y(bias.size());
  for (size_t row = 0; row < y.size(); ++row)
    y[row] = bias[row] + Dot(weight.data() + row * x.size(), x.data(), x.size());
  return y;
}

// Never 0, and smooth, as the trainer differentiates it.
float Norm(const float* a, size_t n) { return std::sqrt(Dot(a, a, n) + 1e-12F); }

double Logit(double p) {
  const double kept = std::clamp(p, 1e-3, 1 - 1e-3);
  return std::log(kept / (1 - kept));
}

}  // namespace

absl::string_view ScoreKindName(ScoreKind kind) {
  switch (kind) {
    case ScoreKind::kDot:
      return "dot";
    case ScoreKind::kCosine:
      return "cosine";
    case ScoreKind::kDistance:
      return "distance";
  }
  return "unknown";
}

absl::string_view LossKindName(LossKind kind) {
  switch (kind) {
    case LossKind::kInfoNce:
      return "infonce";
    case LossKind::kBest:
      return "best";
    case LossKind::kUtility:
      return "utility";
    case LossKind::kLogistic:
      return "logistic";
  }
  return "unknown";
}

absl::StatusOr<ScoreKind> ParseScoreKind(absl::string_view name) {
  for (const ScoreKind kind : {ScoreKind::kDot, ScoreKind::kCosine, ScoreKind::kDistance}) {
    if (ScoreKindName(kind) == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no score \"", name, "\"; there are dot, cosine and distance"));
}

absl::StatusOr<LossKind> ParseLossKind(absl::string_view name) {
  for (const LossKind kind : {LossKind::kInfoNce, LossKind::kBest, LossKind::kUtility, LossKind::kLogistic}) {
    if (LossKindName(kind) == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no loss \"", name, "\"; there are infonce, best, utility and logistic"));
}

std::vector<float> Selector::Place(absl::Span<const float> features) const {
  std::vector<float> x(features.begin(), features.end());
  for (size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - feature_mean[i]) / feature_deviation[i];
  std::vector<float> hidden = Linear(weights.w1, weights.b1, x);
  for (float& value : hidden) value = std::max(value, 0.0F);
  return Linear(weights.w2, weights.b2, hidden);
}

std::vector<float> Selector::Scores(absl::Span<const float> place) const {
  const size_t d = place.size();
  const float norm = Norm(place.data(), d);
  std::vector<float> scores(static_cast<size_t>(weights.arms));
  for (size_t arm = 0; arm < scores.size(); ++arm) {
    const float* v = weights.arm.data() + arm * d;
    const float dot = Dot(place.data(), v, d);
    switch (score) {
      case ScoreKind::kDot:
        scores[arm] = dot;
        break;
      case ScoreKind::kCosine:
        scores[arm] = dot / (norm * Norm(v, d) * static_cast<float>(temperature));
        break;
      case ScoreKind::kDistance:
        scores[arm] =
            (2 * dot - Dot(place.data(), place.data(), d) - Dot(v, v, d)) / static_cast<float>(temperature);
        break;
    }
  }
  return scores;
}

std::vector<float> Selector::Probabilities(absl::Span<const float> scores) const {
  double level = 0;
  if (loss != LossKind::kLogistic && !scores.empty()) {
    const float top = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (const float s : scores) sum += std::exp(static_cast<double>(s - top));
    level = top + std::log(sum);
  }
  std::vector<float> probabilities;
  for (size_t arm = 0; arm < scores.size(); ++arm) {
    const double x = calibration.slope * (scores[arm] - level) +
                     calibration.prior * Logit(arm_accuracy[arm]) + calibration.offset;
    probabilities.push_back(static_cast<float>(1 / (1 + std::exp(-x))));
  }
  return probabilities;
}

std::vector<float> Selector::TrainSimilarity(absl::Span<const float> place) const {
  const size_t d = place.size();
  const float norm = Norm(place.data(), d);
  std::vector<float> similarity(static_cast<size_t>(train_count()));
  for (size_t i = 0; i < similarity.size(); ++i) {
    const float* other = train_places.data() + i * d;
    similarity[i] = Dot(place.data(), other, d) / (norm * Norm(other, d));
  }
  return similarity;
}

}  // namespace sprint
