// The model's own view of a question: its hidden state at the prompt's last token.
#ifndef SPRINT_SELECTOR_HIDDEN_FEATURES_H_
#define SPRINT_SELECTOR_HIDDEN_FEATURES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/model_files.h"
#include "selector/features.h"

namespace sprint {

// The weights' fingerprint. kModelMismatch where it is not `weights_hash` (hex; empty: not checked), that of
// the weights whose outcomes were frozen. Reads all weights.
absl::StatusOr<Hash256> CheckedFingerprint(const ModelFiles& model, const std::string& weights_hash,
                                           int threads);

// Loads the model's weights in f32 on the CPU. `weights_hash`: hex, see FeatureSources.
// INVALID_ARGUMENT naming the layers there are; kModelMismatch; errors of the engine.
absl::StatusOr<std::unique_ptr<FeatureExtractor>> MakeHiddenFeatures(std::shared_ptr<const ModelFiles> model,
                                                                     int32_t layer,
                                                                     const std::string& weights_hash,
                                                                     int threads);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_HIDDEN_FEATURES_H_
