#include "storage/features.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/hidden_state.h"

namespace sprint {
namespace {

struct StoredKind {
  int64_t id = 0;  // 0: none is stored
  int64_t width = 0;
};

absl::StatusOr<StoredKind> FindKind(Reader& reader, const FeatureKind& kind) {
  StoredKind found;
  bool any = false;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow("SELECT 1 FROM sqlite_schema WHERE name = 'feature_kind'", {},
                                           [&](const auto&, const auto&) {
                                             any = true;
                                             return false;
                                           }));
  if (!any) return found;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT feature_kind_id, width FROM feature_kind WHERE weights_hash = ?1 AND dtype = ?2 AND layer = ?3",
      {Blob{std::string(kind.weights.Raw())}, kind.dtype, int64_t{kind.layer}},
      [&](const auto&, const std::vector<SqlValue>& row) {
        found = {std::get<int64_t>(row[0]), std::get<int64_t>(row[1])};
        return false;
      }));
  return found;
}

// One question's row into `features`; false when it is not stored.
absl::StatusOr<bool> ReadRow(Reader& reader, int64_t kind, const Hash256& question, StoredFeatures& features,
                             std::set<std::string>& numerics) {
  std::string bytes;
  SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
      "SELECT f.vector, coalesce(n.description, '') FROM question q CROSS JOIN feature f ON "
      "f.feature_kind_id = ?1 "
      "AND f.question_id = q.question_id LEFT JOIN numerics n ON n.numerics_id = f.numerics_id WHERE q.hash "
      "= ?2",
      {kind, Blob{std::string(question.Raw())}}, [&](const auto&, const std::vector<SqlValue>& row) {
        bytes = std::get<Blob>(row[0]).bytes;
        numerics.insert(std::get<std::string>(row[1]));
        return false;
      }));
  if (bytes.empty()) {
    features.values.resize(features.values.size() + static_cast<size_t>(features.width));
    return false;
  }
  const absl::StatusOr<std::vector<float>> values = FloatsFromBytes(bytes);
  if (!values.ok() || std::ssize(*values) != features.width) {
    return Error(absl::StatusCode::kDataLoss, Reason::kDatabaseCorrupt,
                 absl::StrCat("the hidden state of a question has ", bytes.size(), " bytes, its kind has ",
                              features.width, " f32 values; restore a backup"));
  }
  features.values.insert(features.values.end(), values->begin(), values->end());
  return true;
}

}  // namespace

absl::StatusOr<StoredFeatures> ReadFeatures(Reader& reader, const FeatureKind& kind,
                                            absl::Span<const Hash256> questions) {
  StoredFeatures features;
  SPRINT_ASSIGN_OR_RETURN(const StoredKind stored, FindKind(reader, kind));
  features.width = stored.width;
  std::set<std::string> numerics;
  for (size_t i = 0; i < questions.size(); ++i) {
    bool there = false;
    if (stored.id != 0) {
      SPRINT_ASSIGN_OR_RETURN(there, ReadRow(reader, stored.id, questions[i], features, numerics));
    }
    if (!there) features.missing.push_back(i);
  }
  features.numerics.assign(numerics.begin(), numerics.end());
  return features;
}

}  // namespace sprint
