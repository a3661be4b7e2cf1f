// The checks that every reader of a configuration ends with. Internal to this room.
#ifndef SPRINT_MODEL_CONFIG_CHECK_H_
#define SPRINT_MODEL_CONFIG_CHECK_H_

#include "absl/status/status.h"
#include "model/config.h"

namespace sprint {

// INVALID_ARGUMENT (kModelDamaged) naming the first value that no model can have. The upper bounds
// keep products of them inside int64.
absl::Status CheckConfig(const ModelConfig& config);

}  // namespace sprint

#endif  // SPRINT_MODEL_CONFIG_CHECK_H_
