// Where a selector comes from: what it was trained on and how, as it stands in its file. Enough to train it
// again, to compute the features of a new question, and to know which questions it has seen.
#ifndef SPRINT_SELECTOR_LINEAGE_H_
#define SPRINT_SELECTOR_LINEAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "selector/snapshot.h"

namespace sprint {

struct Lineage {
  // The snapshot.
  std::string snapshot_name;
  std::string snapshot_hash;  // hex
  std::vector<std::string> experiments;
  int32_t judge_version = 0;
  double near_duplicate = 0;
  // The model whose outcomes they are.
  std::string model_name, model_path, weights_hash, run_hash, dtype;
  // How a question becomes a prompt, with an example: a text and its prompt's tokens.
  std::string prompt_before, prompt_after;
  std::string example_text;
  std::vector<int32_t> example_tokens;
  // The features: their recipe (feature_recipe.h) and the hash of what computed them.
  std::string recipe;
  std::string extractor_hash;
  int32_t thin_clusters = 0, thin_each = 0;  // of training questions; 0: all were taken
  // The training: its options (trainer.h) as JSON, and what came of it.
  std::string options;
  uint64_t seed = 0;
  std::string report;  // JSON
  // The normalised texts that it was trained, stopped or calibrated on.
  std::vector<std::string> seen;
};

// What the snapshot says: all but recipe, thinning, training and `seen`.
Lineage LineageOf(const Snapshot& snapshot);

std::string LineageToJson(const Lineage& lineage);
// INVALID_ARGUMENT naming `name` where fields are missing.
absl::StatusOr<Lineage> LineageFromJson(absl::string_view json, const std::string& name);

// Trainings that differ in their seed alone have equal keys: one method, several repetitions.
std::string MethodKey(const Lineage& lineage);

// For each text: whether it, or a near-duplicate of it (splits.h, at the snapshot's threshold), was seen in
// training.
std::vector<bool> WasSeen(const Lineage& lineage, absl::Span<const std::string> texts);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_LINEAGE_H_
