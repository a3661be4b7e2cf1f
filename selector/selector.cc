#include "selector/selector.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

// Four floats in one register of any x86-64 or ARM processor.
using Vec4 = float __attribute__((vector_size(16)));

Vec4 Load(const float* p) {
  Vec4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// out[r] = sum of a[r * n + i] * b[i] for R rows, each in one fixed order: eight partial sums, then these.
// Rows are taken together so that their additions do not wait for each other.
template <size_t R>
void DotRows(const float* a, const float* b, size_t n, float* out) {
  Vec4 low[R] = {};
  Vec4 high[R] = {};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const Vec4 b_low = Load(b + i);
    const Vec4 b_high = Load(b + i + 4);
    for (size_t r = 0; r < R; ++r) {
      low[r] += Load(a + r * n + i) * b_low;
      high[r] += Load(a + r * n + i + 4) * b_high;
    }
  }
  for (size_t r = 0; r < R; ++r) {
    for (size_t k = i; k < n; ++k) low[r][0] += a[r * n + k] * b[k];
    const Vec4 sum = low[r] + high[r];
    out[r] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

float Dot(const float* a, const float* b, size_t n) {
  float sum = 0;
  DotRows<1>(a, b, n, &sum);
  return sum;
}

void Dots(const float* matrix, size_t rows, absl::Span<const float> x, float* out) {
  size_t row = 0;
  for (; row + 4 <= rows; row += 4) DotRows<4>(matrix + row * x.size(), x.data(), x.size(), out + row);
  for (; row < rows; ++row) out[row] = Dot(matrix + row * x.size(), x.data(), x.size());
}

std::vector<float> Linear(const std::vector<float>& weight, const std::vector<float>& bias,
                          absl::Span<const float> x) {
  std::vector<float> y(bias.size());
  Dots(weight.data(), y.size(), x, y.data());
  for (size_t row = 0; row < y.size(); ++row) y[row] += bias[row];
  return y;
}

constexpr float kTiny = 1e-12F;
// Never 0, and smooth, as the trainer differentiates it.
float Norm(const float* a, size_t n) { return std::sqrt(Dot(a, a, n) + kTiny); }

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
  std::vector<float> scores(static_cast<size_t>(weights.arms));
  Dots(weights.arm.data(), scores.size(), place, scores.data());
  if (score == ScoreKind::kDot) return scores;
  const float square = Dot(place.data(), place.data(), d);
  const auto t = static_cast<float>(temperature);
  for (size_t arm = 0; arm < scores.size(); ++arm) {
    const float* v = weights.arm.data() + arm * d;
    scores[arm] = score == ScoreKind::kCosine ? scores[arm] / (std::sqrt(square + kTiny) * Norm(v, d) * t)
                                              : (2 * scores[arm] - square - Dot(v, v, d)) / t;
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
