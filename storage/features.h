// Hidden states as they are stored: read back for those who learn from them.
#ifndef SPRINT_STORAGE_FEATURES_H_
#define SPRINT_STORAGE_FEATURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "storage/reader.h"

namespace sprint {

// Whose states: a model's weights in a dtype ("f32", "bf16"), after one layer.
struct FeatureKind {
  Hash256 weights;
  std::string dtype;
  int32_t layer = 0;
};

// The states of `questions` (content hashes, in any order, repeats allowed), row by row.
struct StoredFeatures {
  int64_t width = 0;
  std::vector<float> values;          // [questions, width]; rows that are missing are zero
  std::vector<size_t> missing;        // rows that are not stored
  std::vector<std::string> numerics;  // the classes they were computed in, sorted, each once
};
// A database that is older than hidden states has none. DATA_LOSS (kDatabaseCorrupt): a row of another width
// than its kind's.
absl::StatusOr<StoredFeatures> ReadFeatures(Reader& reader, const FeatureKind& kind,
                                            absl::Span<const Hash256> questions);

}  // namespace sprint

#endif  // SPRINT_STORAGE_FEATURES_H_
