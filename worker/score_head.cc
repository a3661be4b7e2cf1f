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

}  // namespace

absl::StatusOr<std::shared_ptr<const ScoreHead>> ScoreHead::Load(const ModelFiles& model) {
  const TensorInfo* tensor = model.tensors.score;
  if (tensor == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelUnsupported,
                 absl::StrCat(model.config.name, " has no head that scores (score.weight); ",
                              "a reward model, such as a Qwen2ForSequenceClassification, has one"));
  }
  auto head = std::make_shared<ScoreHead>();
  head->layer_ = model.config.layers - 1;
  head->labels_ = model.config.labels;
  head->weight_.resize(static_cast<size_t>(tensor->elements()));
  DecodeToF32(*tensor, 0, absl::MakeSpan(head->weight_));
  return head;
}

std::vector<float> ScoreHead::Logits(absl::Span<const float> hidden) const {
  std::vector<float> logits;
  for (int64_t label = 0; label < labels_; ++label) {
    const float* row = weight_.data() + label * static_cast<int64_t>(hidden.size());
    // In f64: the rounding of a sum of some thousand products shall not decide between two answers.
    double sum = 0;
    for (size_t i = 0; i < hidden.size(); ++i) sum += static_cast<double>(row[i]) * hidden[i];
    logits.push_back(static_cast<float>(sum));
  }
  return logits;
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
