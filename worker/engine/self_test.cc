#include "worker/engine/self_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr int kTokens = 6;

absl::Status Failed(const HeadEdit& head, absl::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelSelfTestFailed,
               absl::StrCat("the mask's self-test failed at layer ", head.layer, ", head ", head.head, ": ",
                            what, "; this model cannot be swept with this build"));
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

// The hidden states that a pruned head of `layer` must leave alone: the inputs of layers 0..layer.
bool SameBelow(const ForwardResult& a, const ForwardResult& b, int32_t layer) {
  for (int32_t i = 0; i <= layer; ++i) {
    if (!SameBits(a.hidden[static_cast<size_t>(i)], b.hidden[static_cast<size_t>(i)])) return false;
  }
  return true;
}

// Tests one head; false when it says nothing, being dead in the file.
absl::StatusOr<bool> TestHead(const HeadEdit& head, const std::vector<int32_t>& tokens,
                              const ForwardResult& baseline, MaskProbe forward) {
  SPRINT_ASSIGN_OR_RETURN(const Arm arm, Arm::Create({head}));
  SPRINT_ASSIGN_OR_RETURN(const ForwardResult pruned, forward(tokens, arm, nullptr));
  SPRINT_ASSIGN_OR_RETURN(const ForwardResult zeroed, forward(tokens, Arm(), &head));
  if (!SameBelow(baseline, pruned, head.layer)) return Failed(head, "pruning changed a layer below");
  // Adding 0 and adding 0 times a weight give the same sums, but for the sign of a zero.
  if (pruned.logits != zeroed.logits) {
    return Failed(head, "pruning differs from zeroing the head's input columns of o_proj");
  }
  return !SameBits(baseline.logits, pruned.logits);
}

}  // namespace

absl::Status TestMask(const ModelConfig& config, MaskProbe forward) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < kTokens && i < config.context; ++i) {
    tokens.push_back(static_cast<int32_t>((int64_t{7919} * (i + 1)) % config.vocab));
  }
  SPRINT_ASSIGN_OR_RETURN(const ForwardResult baseline, forward(tokens, Arm(), nullptr));
  if (!AllFinite(baseline.logits)) {
    return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelSelfTestFailed,
                 "the model's logits are not finite on the self-test's tokens; its weights are damaged");
  }
  const std::set<int32_t> layers = {0, config.layers / 2, config.layers - 1};
  int32_t start = 0;
  for (const int32_t layer : layers) {
    bool tested = false;
    for (int32_t i = 0; i < config.heads && !tested; ++i) {
      HeadEdit head;
      head.layer = layer;
      head.head = (start + i) % config.heads;
      SPRINT_ASSIGN_OR_RETURN(tested, TestHead(head, tokens, baseline, forward));
    }
    if (!tested)
      return Failed(HeadEdit{layer, start, HeadOp::kZero}, "pruning no head of the layer changes the logits");
    // Another head in the next layer, the last one at the end.
    start = layer == 0 ? config.heads / 2 : config.heads - 1;
  }
  return absl::OkStatus();
}

}  // namespace sprint
