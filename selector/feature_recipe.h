// Which features a selector reads, by name, and how they are computed.
//
//   hidden:L   the model's own hidden state: the residual stream of the prompt's last token after layer L
//              (from 0; after the last layer with the final norm), computed in f32; without :L the middle
//              layer, (layers - 1) / 2
//   minilm     the sentence embedding of the question's text (sentence_encoder.h)
//   file       a safetensors file that the user brings (features.h)
//
// Joined by "+", their vectors are laid end to end: "hidden:1+minilm".
#ifndef SPRINT_SELECTOR_FEATURE_RECIPE_H_
#define SPRINT_SELECTOR_FEATURE_RECIPE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "selector/features.h"
#include "selector/lineage.h"

namespace sprint {

// Where the parts of a recipe come from.
struct FeatureSources {
  std::string model;         // of hidden:L
  std::string weights_hash;  // hex; the model must have these weights; empty: not checked
  // Of hidden:L: taken from here where all are stored (sprint embed). A file that is not there is no error.
  std::string database = "sprint.db";
  std::string encoder;  // of minilm: the folder of all-MiniLM-L6-v2
  std::string file;     // of file
  std::string cache;    // a folder; empty: nothing is cached
  int threads = 0;      // 0: all the process may use
};

// INVALID_ARGUMENT naming the part that is not known.
absl::Status CheckRecipe(const std::string& recipe);

// One row a problem; its kind is the recipe with every layer named. `progress` (may be null) is told what is
// computed, how many are done, and of how many.
//   INVALID_ARGUMENT: the recipe, a layer the model does not have, a model with other weights than
//   `weights_hash` (kModelMismatch), a source that the recipe needs and that is not named. Errors of the
//   model's and the encoder's files.
using FeatureProgressFn = std::function<void(const std::string& what, int64_t done, int64_t total)>;
absl::StatusOr<FeatureMatrix> MakeFeatures(const std::string& recipe,
                                           absl::Span<const SnapshotProblem> problems,
                                           const FeatureSources& sources, const FeatureProgressFn& progress);

// Fills in the tokens of problems that have only a text, in the way that the lineage's example shows.
// FAILED_PRECONDITION when the model's tokenizer does not give the example its tokens, whatever the format.
absl::Status RenderPrompts(const Lineage& lineage, const std::string& model,
                           absl::Span<SnapshotProblem> problems);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_FEATURE_RECIPE_H_
