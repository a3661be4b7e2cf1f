#include "selector/stored_hidden.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "storage/features.h"
#include "storage/reader.h"
#include "storage/records.h"

namespace sprint {

Hash256 HiddenIdentity(const Hash256& weights, int32_t layer, const std::string& numerics) {
  return Hasher("hidden/1").Add("weights", weights).AddInt("layer", layer).Add("numerics", numerics).Finish();
}

absl::StatusOr<std::optional<FeatureMatrix>> StoredHidden(const std::string& path,
                                                          const std::string& weights_hash, int32_t layer,
                                                          absl::Span<const SnapshotProblem> problems) {
  if (path.empty() || weights_hash.empty() || problems.empty() || !FileExists(path)) return std::nullopt;
  FeatureKind kind{{}, "f32", layer};
  SPRINT_ASSIGN_OR_RETURN(kind.weights, Hash256::FromHex(weights_hash));
  std::vector<Hash256> questions;
  for (const SnapshotProblem& problem : problems) {
    if (problem.tokens.empty()) return std::nullopt;
    questions.push_back(QuestionRecord{problem.tokens, ""}.ContentHash());
  }
  SPRINT_ASSIGN_OR_RETURN(const auto reader, Reader::Open(path));
  SPRINT_ASSIGN_OR_RETURN(StoredFeatures stored, ReadFeatures(*reader, kind, questions));
  if (!stored.missing.empty()) return std::nullopt;
  FeatureMatrix features;
  features.kind = absl::StrCat("hidden:", layer);
  features.extractor = HiddenIdentity(kind.weights, layer, absl::StrJoin(stored.numerics, " | "));
  features.rows = std::ssize(problems);
  features.dim = stored.width;
  features.values = std::move(stored.values);
  return features;
}

}  // namespace sprint
