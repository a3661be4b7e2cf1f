// Where each tensor of a model lies: an index over mapped files (safetensors shards, or a GGUF).
// Nothing is decoded here but on request; workers on one machine share the mapped pages.
#ifndef SPRINT_MODEL_WEIGHTS_H_
#define SPRINT_MODEL_WEIGHTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "base/hash.h"

namespace sprint {

// How a tensor's elements are stored. kQ8_0, kQ4_0 and kQ4_1 are GGUF's 32-element blocks. kI64 and
// kI32 appear in files we read for tests, never in weights.
enum class TensorType { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ4_1, kI64, kI32 };
absl::string_view TensorTypeName(TensorType type);
// Bytes of `elements` elements. REQUIRES: a whole number of blocks.
int64_t TensorBytes(TensorType type, int64_t elements);
// Elements that are stored together: 32 for the quantised types, else 1.
int64_t TensorBlock(TensorType type);

struct TensorInfo {
  std::string name;  // the file's own name
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // row-major, outermost first (GGUF's order reversed)
  absl::string_view data;      // into the mapped file; size == TensorBytes(type, elements)
  int64_t elements() const;
};

// Immutable after opening; thread-safe. Tensor data lives as long as the index.
class WeightIndex {
 public:
  // One safetensors file, or a folder's model.safetensors / model.safetensors.index.json with its
  // shards. Errors (kModelDamaged) name a missing shard, a truncated file, an overlapping or
  // out-of-range tensor, or an unsupported dtype with its tensor.
  static absl::StatusOr<std::shared_ptr<const WeightIndex>> OpenSafetensors(
      const std::string& file_or_folder);
  static absl::StatusOr<std::shared_ptr<const WeightIndex>> ParseSafetensors(
      std::vector<std::shared_ptr<const MappedFile>> shards);

  const TensorInfo* Find(absl::string_view name) const;
  // As MappedFile::DropPages, of all files.
  void DropPages() const;
  // Sorted by name.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }

  // Used by the readers (safetensors.cc, gguf.cc).
  WeightIndex(std::vector<TensorInfo> tensors, std::vector<std::shared_ptr<const MappedFile>> files);

 private:
  std::vector<TensorInfo> tensors_;
  absl::flat_hash_map<std::string, size_t> by_name_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

// Decodes `count` elements from element `offset` on into f32. F16, BF16 and F32 are exact; quantised
// blocks are computed as GGUF's reference does, in f32. REQUIRES: whole blocks, inside the tensor.
void DecodeToF32(const TensorInfo& tensor, int64_t offset, absl::Span<float> out);

// A safetensors file of plain tensors, for the trainers and for tests.
struct TensorToWrite {
  std::string name;
  TensorType type = TensorType::kF32;  // kF32, kF16, kBF16, kI32 or kI64
  std::vector<int64_t> shape;
  std::string data;  // little-endian elements
};
// `metadata` is the file's `__metadata__`: text by name, which readers of tensors pass over.
std::string SerializeSafetensors(const std::vector<TensorToWrite>& tensors,
                                 const std::map<std::string, std::string>& metadata = {});
// The metadata of a file's bytes; empty where it has none. INVALID_ARGUMENT (kModelDamaged) naming
// `name` for a header that cannot be read, or metadata that is not text by name.
absl::StatusOr<std::map<std::string, std::string>> SafetensorsMetadata(absl::string_view bytes,
                                                                       absl::string_view name);

}  // namespace sprint

#endif  // SPRINT_MODEL_WEIGHTS_H_
