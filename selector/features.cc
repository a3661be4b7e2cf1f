#include "selector/features.h"

#include <cmath>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "model/weights.h"

namespace sprint {
namespace {

Hash256 CacheKey(const FeatureExtractor& extractor, absl::Span<const SnapshotProblem> problems) {
  Hasher hasher("features/1");
  hasher.Add("extractor", extractor.identity()).Add("kind", extractor.kind());
  for (const SnapshotProblem& problem : problems)
    hasher.AddInts("tokens", problem.tokens).Add("text", problem.text);
  return hasher.Finish();
}

}  // namespace

std::string FeatureFileBytes(const FeatureMatrix& features) {
  TensorToWrite tensor;
  tensor.name = "features";
  tensor.type = TensorType::kF32;
  tensor.shape = {features.rows, features.dim};
  tensor.data.assign(reinterpret_cast<const char*>(features.values.data()),
                     features.values.size() * sizeof(float));
  return SerializeSafetensors({tensor});
}

absl::StatusOr<FeatureMatrix> ReadFeatureFile(const std::string& path, int64_t rows) {
  SPRINT_ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  SPRINT_ASSIGN_OR_RETURN(const auto index, WeightIndex::ParseSafetensors({file}));
  const TensorInfo* tensor = index->Find("features");
  if (tensor == nullptr || tensor->type != TensorType::kF32 || tensor->shape.size() != 2 ||
      tensor->shape[0] != rows || tensor->shape[1] < 1) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a tensor \"features\" of f32 with ",
                                                   rows,
                                                   " rows, one a question of the snapshot in its order"));
  }
  FeatureMatrix features;
  features.kind = "file";
  features.extractor = Sha256(file->bytes());
  features.rows = rows;
  features.dim = tensor->shape[1];
  features.values.resize(static_cast<size_t>(tensor->elements()));
  DecodeToF32(*tensor, 0, absl::MakeSpan(features.values));
  for (size_t i = 0; i < features.values.size(); ++i) {
    if (!std::isfinite(features.values[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": the feature of row ", i / static_cast<size_t>(features.dim), ", column ",
                       i % static_cast<size_t>(features.dim), " is not finite"));
    }
  }
  return features;
}

absl::StatusOr<FeatureMatrix> CachedFeatures(FeatureExtractor& extractor,
                                             absl::Span<const SnapshotProblem> problems,
                                             const std::string& folder,
                                             const std::function<void(int64_t)>& progress) {
  const auto rows = static_cast<int64_t>(problems.size());
  const std::string path =
      absl::StrCat(folder, "/features-", CacheKey(extractor, problems).Short(), ".safetensors");
  if (!folder.empty() && FileExists(path)) {
    absl::StatusOr<FeatureMatrix> cached = ReadFeatureFile(path, rows);
    if (cached.ok() && cached->dim == extractor.dim()) {
      cached->kind = extractor.kind();
      cached->extractor = extractor.identity();
      return cached;
    }  // a damaged cache is made again
  }
  FeatureMatrix features;
  features.kind = extractor.kind();
  features.extractor = extractor.identity();
  features.rows = rows;
  features.dim = extractor.dim();
  for (int64_t i = 0; i < rows; ++i) {
    SPRINT_ASSIGN_OR_RETURN(const std::vector<float> row,
                            extractor.Extract(problems[static_cast<size_t>(i)]));
    for (const float value : row) {
      if (!std::isfinite(value)) {
        return absl::InternalError(absl::StrCat("the ", features.kind, " feature of question ",
                                                problems[static_cast<size_t>(i)].id, " is not finite"));
      }
    }
    features.values.insert(features.values.end(), row.begin(), row.end());
    if (progress != nullptr) progress(i + 1);
  }
  if (!folder.empty()) {
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    SPRINT_RETURN_IF_ERROR(WriteFileAtomically(path, FeatureFileBytes(features)));
  }
  return features;
}

Standardisation Standardise(const FeatureMatrix& features, absl::Span<const size_t> rows) {
  const auto dim = static_cast<size_t>(features.dim);
  std::vector<double> sum(dim, 0.0);
  std::vector<double> squares(dim, 0.0);
  for (const size_t row : rows) {
    const absl::Span<const float> values = features.Row(row);
    for (size_t i = 0; i < dim; ++i) sum[i] += values[i];
  }
  const double count = rows.empty() ? 1.0 : static_cast<double>(rows.size());
  for (const size_t row : rows) {
    const absl::Span<const float> values = features.Row(row);
    for (size_t i = 0; i < dim; ++i) {
      const double centred = values[i] - sum[i] / count;
      squares[i] += centred * centred;
    }
  }
  Standardisation result;
  for (size_t i = 0; i < dim; ++i) {
    const double deviation = std::sqrt(squares[i] / count);
    result.mean.push_back(static_cast<float>(sum[i] / count));
    result.deviation.push_back(deviation > 1e-6 ? static_cast<float>(deviation) : 1.0F);
  }
  return result;
}

}  // namespace sprint
