#include "worker/score_head.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace sprint {
namespace {

// The shortest decimal that reads back to the same float.
std::string Shortest(float value) {
  for (const int digits : {6, 7, 8, 9}) {
    std::string text = absl::StrFormat("%.*g", digits, value);
    float back = 0;
    if (absl::SimpleAtof(text, &back) && back == value) return text;
  }
  return absl::StrFormat("%.9g", value);
}

absl::Status Unsupported(absl::string_view model, absl::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelUnsupported,
               absl::StrCat(model, " ", what));
}

}  // namespace

ScoreHead::Linear ScoreHead::Read(const TensorInfo* weight, const TensorInfo* bias) {
  Linear linear;
  linear.weight.resize(static_cast<size_t>(weight->elements()));
  DecodeToF32(*weight, 0, absl::MakeSpan(linear.weight));
  if (bias == nullptr) return linear;
  linear.bias.resize(static_cast<size_t>(bias->elements()));
  DecodeToF32(*bias, 0, absl::MakeSpan(linear.bias));
  return linear;
}

absl::StatusOr<std::shared_ptr<const ScoreHead>> ScoreHead::Load(const ModelFiles& model,
                                                                 const EngineMode& mode) {
  const ModelConfig& config = model.config;
  const bool scores = model.tensors.score != nullptr;
  if (scores == mode.scores_by_tokens()) {
    return Unsupported(config.name, scores
                                        ? "has a head of its own that scores, and no tokens to score by"
                                        : "has no head that scores (score.weight); a reward model, such as a "
                                          "Qwen2ForSequenceClassification, has one");
  }
  auto head = std::make_shared<ScoreHead>();
  head->layer_ = config.layers - 1;
  if (!scores) {
    const auto hidden = static_cast<size_t>(config.hidden);
    head->outer_.weight.resize(2 * hidden);
    const int32_t tokens[] = {mode.bad_token, mode.good_token};
    for (size_t i = 0; i < 2; ++i) {
      if (tokens[i] >= config.vocab)
        return Unsupported(config.name, absl::StrCat("has no token ", tokens[i], " to score by"));
      DecodeToF32(*model.tensors.lm_head, int64_t{tokens[i]} * config.hidden,
                  absl::MakeSpan(head->outer_.weight).subspan(i * hidden, hidden));
    }
    return head;
  }
  if (model.tensors.score_inner != nullptr)
    head->inner_ = Read(model.tensors.score_inner, model.tensors.score_inner_bias);
  head->outer_ = Read(model.tensors.score, model.tensors.score_bias);
  return head;
}

std::vector<float> ScoreHead::Linear::Apply(absl::Span<const float> in) const {
  std::vector<float> out(weight.size() / in.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const float* row = weight.data() + i * in.size();
    // In f64: the rounding of a sum of some thousand products shall not decide between two answers.
    double sum = bias.empty() ? 0.0 : static_cast<double>(bias[i]);
    for (size_t k = 0; k < in.size(); ++k) sum += static_cast<double>(row[k]) * in[k];
    out[i] = static_cast<float>(sum);
  }
  return out;
}

std::vector<float> ScoreHead::Logits(absl::Span<const float> hidden) const {
  if (inner_.weight.empty()) return outer_.Apply(hidden);
  std::vector<float> inner = inner_.Apply(hidden);
  for (float& value : inner) value = std::max(value, 0.0F);
  return outer_.Apply(inner);
}

double ScoreOf(absl::Span<const float> logits) {
  if (logits.size() == 1) return logits[0];
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::exp(static_cast<double>(logits.back()) - largest) / sum;
}

std::string LogitsText(absl::Span<const float> logits) {
  return absl::StrCat(
      "[", absl::StrJoin(logits, ", ", [](std::string* out, float value) { out->append(Shortest(value)); }),
      "]");
}

}  // namespace sprint
