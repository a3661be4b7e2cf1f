// Where the engine of a run comes from.
#ifndef SPRINT_WORKER_MODEL_LOADER_H_
#define SPRINT_WORKER_MODEL_LOADER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "conversation/messages.h"
#include "model/model_files.h"
#include "worker/engine/engine.h"
#include "worker/score_head.h"

namespace sprint {

// A model in memory, ready to compute the runs that name it.
struct LoadedModel {
  std::unique_ptr<Engine> engine;
  // Generated ids to text, special tokens skipped. Thread-safe.
  std::function<std::string(const std::vector<int32_t>&)> decode;
  // For runs that score (model/engine_mode.h); else null.
  std::shared_ptr<const ScoreHead> scores = nullptr;
};

// Not thread-safe: the engine thread's.
class ModelLoader {
 public:
  virtual ~ModelLoader() = default;
  // Takes as long as it takes. A reason comes with every error (base/status.h).
  virtual absl::StatusOr<LoadedModel> Load(const RunDescription& run) = 0;
};

// Finds the run's model on disk: its path as the launcher named it, else its base name under each of
// `folders`. The first that exists and has the run's fingerprints is taken.
//   FAILED_PRECONDITION (kModelMismatch): what was found has other weights or another tokenizer, both
//   fingerprints named. NOT_FOUND (kModelDamaged): nothing there, with the places looked at. Else as
//   OpenModel and FingerprintWeights.
struct ModelFinderOptions {
  std::vector<std::string> folders;
  int threads = 1;  // for fingerprints
};
absl::StatusOr<std::shared_ptr<const ModelFiles>> FindModel(const RunDescription& run,
                                                            const ModelFinderOptions& options);

}  // namespace sprint

#endif  // SPRINT_WORKER_MODEL_LOADER_H_
