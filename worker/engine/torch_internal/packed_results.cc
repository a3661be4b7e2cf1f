#include "worker/engine/torch_internal/packed_results.h"

#include <algorithm>

namespace sprint {

void PackedResults::Clear() {
  parts_.clear();
  offsets_.assign(1, 0);
}

size_t PackedResults::Add(const at::Tensor& values) {
  const at::Tensor flat = values.reshape({-1});
  parts_.push_back(flat.scalar_type() == at::kFloat ? flat.view(at::kInt) : flat.to(at::kInt));
  offsets_.push_back(offsets_.back() + flat.size(0));
  return parts_.size() - 1;
}

void PackedResults::Fetch(const at::Tensor& packed) {
  const int64_t n = packed.size(0);
  if (!host_.defined() || host_.size(0) < n) {
    host_ = at::empty({std::max<int64_t>(n, 4096)},
                      at::TensorOptions().dtype(at::kInt).pinned_memory(device_.is_cuda()));
  }
  host_.narrow(0, 0, n).copy_(packed);
}

absl::Span<const int32_t> PackedResults::Ints(size_t part) const {
  return {static_cast<const int32_t*>(host_.data_ptr()) + offsets_[part],
          static_cast<size_t>(offsets_[part + 1] - offsets_[part])};
}

absl::Span<const float> PackedResults::Floats(size_t part) const {
  return {static_cast<const float*>(host_.data_ptr()) + offsets_[part],
          static_cast<size_t>(offsets_[part + 1] - offsets_[part])};
}

}  // namespace sprint
