// Hidden states that a sweep or `sprint embed` has kept, as features; and their identity, wherever they come
// from.
#ifndef SPRINT_SELECTOR_STORED_HIDDEN_H_
#define SPRINT_SELECTOR_STORED_HIDDEN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "selector/features.h"

namespace sprint {

// Of the features hidden:`layer`: whose weights, computed in which numerics class.
Hash256 HiddenIdentity(const Hash256& weights, int32_t layer, const std::string& numerics);

// The f32 states of all problems from the database at `path`, as the engine computes them in the numerics
// class that they were computed in; nullopt when there is no such file, or one problem lacks its state.
// `weights_hash`: hex. Errors are the database's.
absl::StatusOr<std::optional<FeatureMatrix>> StoredHidden(const std::string& path,
                                                          const std::string& weights_hash, int32_t layer,
                                                          absl::Span<const SnapshotProblem> problems);

}  // namespace sprint

#endif  // SPRINT_SELECTOR_STORED_HIDDEN_H_
