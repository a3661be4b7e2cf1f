// The results of one step, gathered on the device and copied to the host once.
#ifndef SPRINT_WORKER_ENGINE_TORCH_INTERNAL_PACKED_RESULTS_H_
#define SPRINT_WORKER_ENGINE_TORCH_INTERNAL_PACKED_RESULTS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace sprint {

// Not thread-safe. Parts are numbered from 0 in the order of Add.
class PackedResults {
 public:
  explicit PackedResults(const at::Device& device) : device_(device) {}

  void Clear();
  // f32, or whole numbers that fit 32 bits; any shape. Returns the part's number.
  size_t Add(const at::Tensor& values);
  bool empty() const { return parts_.empty(); }
  // All parts in one tensor of the device.
  at::Tensor Pack() const { return at::cat(parts_, 0); }
  // Copies what Pack gave to the host and waits for it: the step's only wait.
  void Fetch(const at::Tensor& packed);

  absl::Span<const int32_t> Ints(size_t part) const;
  absl::Span<const float> Floats(size_t part) const;

 private:
  const at::Device device_;
  std::vector<at::Tensor> parts_;  // int32 [n] each, floats by their bits
  std::vector<int64_t> offsets_;   // of the parts, and their end
  at::Tensor host_;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_TORCH_INTERNAL_PACKED_RESULTS_H_
