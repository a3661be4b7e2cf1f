// GGUF files (version 2 and 3): typed metadata and the tensor index.
// Format: github.com/ggml-org/ggml, docs/gguf.md.
#ifndef SPRINT_MODEL_GGUF_H_
#define SPRINT_MODEL_GGUF_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "model/config.h"
#include "model/weights.h"

namespace sprint {

// Immutable; thread-safe. Strings and tensor data live as long as the file.
class GgufFile {
 public:
  using Value = std::variant<int64_t, double, bool, absl::string_view, std::vector<int64_t>,
                             std::vector<double>, std::vector<absl::string_view>>;
  // INVALID_ARGUMENT (kModelDamaged): not a GGUF file, cut off (names what was being read), a count
  // that cannot fit the file. UNIMPLEMENTED (kModelUnsupported): another version, or a tensor type
  // that is not known, named with its tensor.
  static absl::StatusOr<std::shared_ptr<const GgufFile>> Open(const std::string& path);
  static absl::StatusOr<std::shared_ptr<const GgufFile>> Parse(std::shared_ptr<const MappedFile> file);

  // Null when the key is absent or of another type.
  const Value* Find(absl::string_view key) const;
  std::optional<int64_t> Int(absl::string_view key) const;   // integers and bools
  std::optional<double> Float(absl::string_view key) const;  // numbers
  std::optional<absl::string_view> String(absl::string_view key) const;

  const std::string& path() const { return file_->path(); }
  std::shared_ptr<const WeightIndex> weights() const { return weights_; }

 private:
  GgufFile() = default;
  std::shared_ptr<const MappedFile> file_;
  absl::flat_hash_map<std::string, Value> metadata_;
  std::shared_ptr<const WeightIndex> weights_;
};

// The configuration that a GGUF's metadata states. Errors as ParseHfConfig's.
absl::StatusOr<ModelConfig> ConfigFromGguf(const GgufFile& file);

}  // namespace sprint

#endif  // SPRINT_MODEL_GGUF_H_
