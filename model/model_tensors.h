// A layer's tensors under one set of names, whatever the file calls them. Internal to this room.
#ifndef SPRINT_MODEL_MODEL_TENSORS_H_
#define SPRINT_MODEL_MODEL_TENSORS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "model/model_files.h"

namespace sprint {

enum class NamingScheme { kHuggingFace, kGguf };

// Finds every tensor that `config` needs and checks its shape and that it is stored as floats.
// INVALID_ARGUMENT (kModelDamaged): one is missing, or has another shape (tensor, found, expected).
absl::StatusOr<ModelTensors> FindModelTensors(const ModelConfig& config, const WeightIndex& weights,
                                              NamingScheme naming, bool interleaved_qk);

// Every used tensor once, under its canonical (Hugging Face) name, in a fixed order.
std::vector<std::pair<std::string, const TensorInfo*>> UsedTensors(const ModelTensors& tensors);

}  // namespace sprint

#endif  // SPRINT_MODEL_MODEL_TENSORS_H_
