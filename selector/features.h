// Question features: one vector a question, cached by content.
//
// An extractor knows how; this header knows what features are. Beside extractors' there are those of a
// safetensors file that the user brings (kind "file").
#ifndef SPRINT_SELECTOR_FEATURES_H_
#define SPRINT_SELECTOR_FEATURES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "selector/snapshot.h"

namespace sprint {

// [rows, dim], row-major f32, all finite.
struct FeatureMatrix {
  std::string kind;   // "hidden:2", "file"
  Hash256 extractor;  // the identity of what computed it: weights, layer, version
  int64_t rows = 0;
  int64_t dim = 0;
  std::vector<float> values;

  absl::Span<const float> Row(size_t row) const {
    return absl::MakeConstSpan(values).subspan(row * static_cast<size_t>(dim), static_cast<size_t>(dim));
  }
};

// Turns questions into features. Not thread-safe.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;
  virtual std::string kind() const = 0;
  virtual Hash256 identity() const = 0;
  virtual int64_t dim() const = 0;
  // One row; `problem` is read for its text or its prompt's tokens.
  virtual absl::StatusOr<std::vector<float>> Extract(const SnapshotProblem& problem) = 0;
};

// The features of all problems, in order, from `folder`'s cache or computed and added to it. The cache's
// file name is a hash of the extractor and the questions; an empty `folder` caches nothing. `progress` (may
// be null) is told how many are done. INTERNAL for a feature that is not finite.
absl::StatusOr<FeatureMatrix> CachedFeatures(FeatureExtractor& extractor,
                                             absl::Span<const SnapshotProblem> problems,
                                             const std::string& folder,
                                             const std::function<void(int64_t)>& progress);

// A safetensors file with one f32 tensor `features` [rows, dim], rows in the order of the snapshot's
// problems. INVALID_ARGUMENT naming the file for another number of rows or a value that is not finite.
absl::StatusOr<FeatureMatrix> ReadFeatureFile(const std::string& path, int64_t rows);
std::string FeatureFileBytes(const FeatureMatrix& features);

// Mean and standard deviation of each column over `rows`; a constant column has deviation 1.
struct Standardisation {
  std::vector<float> mean;
  std::vector<float> deviation;
};
Standardisation Standardise(const FeatureMatrix& features, absl::Span<const size_t> rows);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_FEATURES_H_
