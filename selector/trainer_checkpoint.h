// A training's state between two epochs, as a file: all that is needed to end at the same bits. Internal to
// this room.
#ifndef SPRINT_SELECTOR_TRAINER_CHECKPOINT_H_
#define SPRINT_SELECTOR_TRAINER_CHECKPOINT_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"

namespace sprint {

struct TrainState {
  std::vector<float> parameters;
  std::vector<float> first, second;  // Adam's moments
  int32_t epoch = 0;                 // finished
  int64_t steps = 0;                 // of Adam
  // The best epoch so far and what it had.
  int32_t best_epoch = 0;
  double best_loss = std::numeric_limits<double>::infinity();
  double best_train_loss = 0;
  std::vector<float> best;
};

// `training` names what is trained: data and options.
absl::Status SaveCheckpoint(const TrainState& state, const Hash256& training, const std::string& path);
// NOT_FOUND: there is no file. FAILED_PRECONDITION: it is another training's. INVALID_ARGUMENT: it is
// damaged, or no checkpoint. Messages name the file.
absl::StatusOr<TrainState> LoadCheckpoint(const Hash256& training, const std::string& path);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_TRAINER_CHECKPOINT_H_
