#include "model/weights.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace sprint {
namespace {

constexpr int kBlock = 32;  // elements of one quantised block

struct Layout {
  absl::string_view name;
  int64_t block;  // elements stored together
  int64_t bytes;  // bytes of one block
};

Layout LayoutOf(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return {"f32", 1, 4};
    case TensorType::kF16:
      return {"f16", 1, 2};
    case TensorType::kBF16:
      return {"bf16", 1, 2};
    case TensorType::kQ8_0:
      return {"Q8_0", kBlock, 2 + kBlock};
    case TensorType::kQ4_0:
      return {"Q4_0", kBlock, 2 + kBlock / 2};
    case TensorType::kQ4_1:
      return {"Q4_1", kBlock, 4 + kBlock / 2};
    case TensorType::kI64:
      return {"i64", 1, 8};
    case TensorType::kI32:
      return {"i32", 1, 4};
  }
  return {"unknown", 1, 1};
}

template <typename T>
T Load(const char* data) {
  T value;
  std::memcpy(&value, data, sizeof(value));
  return value;
}

// IEEE half to single, exact, subnormals included: the exponent is rebased by a multiplication.
float HalfToFloat(uint16_t half) {
  const uint32_t magnitude = (half & 0x7fffu) << 13;
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  if ((half & 0x7c00u) == 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | magnitude);
  const float rebased = std::bit_cast<float>(magnitude) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(rebased));
}

float HalfAt(const char* data) { return HalfToFloat(Load<uint16_t>(data)); }

// Block formats of ggml (ggml-common.h): d scales, m shifts; nibbles hold element i (low) and
// i + 16 (high).
void DecodeQ8_0(const char* block, float* out) {
  const float d = HalfAt(block);
  for (int i = 0; i < kBlock; ++i) out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * d;
}

void DecodeQ4_0(const char* block, float* out) {
  const float d = HalfAt(block);
  for (int i = 0; i < kBlock / 2; ++i) {
    const auto byte = static_cast<uint8_t>(block[2 + i]);
    out[i] = static_cast<float>((byte & 0x0f) - 8) * d;
    out[i + kBlock / 2] = static_cast<float>((byte >> 4) - 8) * d;
  }
}

void DecodeQ4_1(const char* block, float* out) {
  const float d = HalfAt(block);
  const float m = HalfAt(block + 2);
  for (int i = 0; i < kBlock / 2; ++i) {
    const auto byte = static_cast<uint8_t>(block[4 + i]);
    const float low = static_cast<float>(byte & 0x0f) * d;
    const float high = static_cast<float>(byte >> 4) * d;
    out[i] = low + m;
    out[i + kBlock / 2] = high + m;
  }
}

template <typename Decode>
void DecodeBlocks(const char* data, int64_t bytes, absl::Span<float> out, Decode decode) {
  for (size_t i = 0; i < out.size(); i += kBlock, data += bytes) decode(data, out.data() + i);
}

}  // namespace

absl::string_view TensorTypeName(TensorType type) { return LayoutOf(type).name; }

int64_t TensorBytes(TensorType type, int64_t elements) {
  const Layout layout = LayoutOf(type);
  assert(elements % layout.block == 0);
  return elements / layout.block * layout.bytes;
}

int64_t TensorBlock(TensorType type) { return LayoutOf(type).block; }

int64_t TensorInfo::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

WeightIndex::WeightIndex(std::vector<TensorInfo> tensors,
                         std::vector<std::shared_ptr<const MappedFile>> files)
    : tensors_(std::move(tensors)), files_(std::move(files)) {
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  by_name_.reserve(tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
}

void WeightIndex::DropPages() const {
  for (const auto& file : files_) file->DropPages();
}

const TensorInfo* WeightIndex::Find(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &tensors_[it->second];
}

void DecodeToF32(const TensorInfo& tensor, int64_t offset, absl::Span<float> out) {
  const Layout layout = LayoutOf(tensor.type);
  assert(offset % layout.block == 0 && static_cast<int64_t>(out.size()) % layout.block == 0);
  assert(offset >= 0 && offset + static_cast<int64_t>(out.size()) <= tensor.elements());
  const char* data = tensor.data.data() + TensorBytes(tensor.type, offset);
  switch (tensor.type) {
    case TensorType::kF32:
      if (!out.empty()) std::memcpy(out.data(), data, out.size() * sizeof(float));
      return;
    case TensorType::kF16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = HalfAt(data + 2 * i);
      return;
    case TensorType::kBF16:
      for (size_t i = 0; i < out.size(); ++i) {
        out[i] = std::bit_cast<float>(static_cast<uint32_t>(Load<uint16_t>(data + 2 * i)) << 16);
      }
      return;
    case TensorType::kQ8_0:
      return DecodeBlocks(data, layout.bytes, out, DecodeQ8_0);
    case TensorType::kQ4_0:
      return DecodeBlocks(data, layout.bytes, out, DecodeQ4_0);
    case TensorType::kQ4_1:
      return DecodeBlocks(data, layout.bytes, out, DecodeQ4_1);
    case TensorType::kI64:
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(Load<int64_t>(data + 8 * i));
      return;
    case TensorType::kI32:
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(Load<int32_t>(data + 4 * i));
      return;
  }
}

}  // namespace sprint
