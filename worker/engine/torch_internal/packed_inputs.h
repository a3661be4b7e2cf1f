// The inputs of one step in one block of memory: gathered on the host, copied to the device once, read there
// through views. On CUDA the host's block is pinned and the copy is asynchronous; nothing waits for it but
// the work behind it on the stream.
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_PACKED_INPUTS_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_PACKED_INPUTS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/types/span.h"

namespace sprint {

// Not thread-safe. The host's block may be written again once the step's results are on the host.
class PackedInputs {
 public:
  // Where a list of values lies.
  struct Part {
    int64_t offset = 0;  // bytes
    int64_t count = 0;   // values
    at::ScalarType type = at::kByte;
  };

  explicit PackedInputs(const at::Device& device) : device_(device) {}

  void Clear() {
    used_ = 0;
    layout_.clear();
  }
  Part Add(absl::Span<const int64_t> values) { return AddBytes(values.data(), values.size(), at::kLong); }
  Part Add(absl::Span<const int32_t> values) { return AddBytes(values.data(), values.size(), at::kInt); }
  Part Add(absl::Span<const float> values) { return AddBytes(values.data(), values.size(), at::kFloat); }
  Part Add(absl::Span<const double> values) { return AddBytes(values.data(), values.size(), at::kDouble); }

  // Copies what was added since Clear to the device.
  void Upload();
  // One-dimensional, on the device; what it shows is of the last Upload. REQUIRES: uploaded since Add.
  at::Tensor Get(const Part& part) const;

  int64_t bytes() const { return used_; }
  // How many bytes each part has, in order: parts of two steps with one layout lie in the same places.
  const std::vector<int64_t>& layout() const { return layout_; }
  int64_t uploads() const { return uploads_; }
  // Counts the device's blocks: views of an older one show nothing new.
  int64_t generation() const { return generation_; }

 private:
  Part AddBytes(const void* data, size_t count, at::ScalarType type);
  void Reserve(int64_t bytes);

  const at::Device device_;
  at::Tensor host_;         // bytes
  at::Tensor device_copy_;  // as many
  int64_t used_ = 0;
  std::vector<int64_t> layout_;
  int64_t uploads_ = 0;
  int64_t generation_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_PACKED_INPUTS_H_
