#include "worker/engine/torch_internal/packed_inputs.h"

#include <algorithm>

namespace sprint {
namespace {
constexpr int64_t kAlignment = 64;
constexpr int64_t kFirstBytes = 1 << 16;
}  // namespace

void PackedInputs::Reserve(int64_t bytes) {
  if (host_.defined() && bytes <= host_.numel()) return;
  const int64_t room = std::max({kFirstBytes, bytes, host_.defined() ? 2 * host_.numel() : 0});
  const auto type = at::TensorOptions().dtype(at::kByte);
  at::Tensor host = at::empty({room}, type.pinned_memory(device_.is_cuda()));
  if (used_ > 0) std::memcpy(host.data_ptr(), host_.data_ptr(), static_cast<size_t>(used_));
  host_ = host;
  device_copy_ = at::empty({room}, type.device(device_));
  ++generation_;
}

PackedInputs::Part PackedInputs::AddBytes(const void* data, size_t count, at::ScalarType type) {
  const Part part{used_, static_cast<int64_t>(count), type};
  const auto bytes = static_cast<int64_t>(count * c10::elementSize(type));
  const int64_t end = (used_ + bytes + kAlignment - 1) / kAlignment * kAlignment;
  Reserve(end);
  if (bytes > 0) std::memcpy(static_cast<char*>(host_.data_ptr()) + used_, data, static_cast<size_t>(bytes));
  used_ = end;
  layout_.push_back(bytes);
  return part;
}

void PackedInputs::Upload() {
  Reserve(kFirstBytes);
  device_copy_.narrow(0, 0, used_).copy_(host_.narrow(0, 0, used_), /*non_blocking=*/true);
  ++uploads_;
}

at::Tensor PackedInputs::Get(const Part& part) const {
  const auto bytes = static_cast<int64_t>(c10::elementSize(part.type)) * part.count;
  return device_copy_.narrow(0, part.offset, bytes).view(part.type);
}

}  // namespace sprint
