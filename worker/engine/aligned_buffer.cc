#include "worker/engine/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {
constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kPage = 4096;
// Memory is committed as it is touched: what a chunk has too much costs nothing.
constexpr int64_t kChunk = int64_t{256} << 20;
}  // namespace

absl::StatusOr<AlignedBuffer> AlignedBuffer::Create(int64_t bytes) {
  AlignedBuffer buffer;
  if (bytes <= 0) return buffer;
  void* data = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
                 absl::StrCat("the operating system refused ", bytes >> 20, " MiB of memory for the engine"));
  }
  if (bytes >= kHugePage) madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  buffer.data_ = data;
  buffer.bytes_ = bytes;
  return buffer;
}

absl::StatusOr<AlignedBuffer> AlignedBuffer::Map(int fd, int64_t offset, int64_t bytes, bool writable) {
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* data = mmap(nullptr, static_cast<size_t>(bytes), access, MAP_SHARED, fd, offset);
  if (data == MAP_FAILED) {
    return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
                 absl::StrCat("the operating system would not map ", bytes >> 20, " MiB of weights"));
  }
  if (bytes >= kHugePage) madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  AlignedBuffer buffer;
  buffer.data_ = data;
  buffer.bytes_ = bytes;
  return buffer;
}

AlignedBuffer AlignedBuffer::Part(int64_t offset, int64_t bytes) const {
  AlignedBuffer part;
  part.data_ = static_cast<char*>(data_) + offset;
  part.bytes_ = bytes;
  part.owned_ = false;
  return part;
}

void AlignedBuffer::Protect() {
  if (data_ != nullptr) mprotect(data_, static_cast<size_t>(bytes_), PROT_READ);
}

AlignedBuffer::~AlignedBuffer() { Release(); }

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      owned_(std::exchange(other.owned_, true)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    owned_ = std::exchange(other.owned_, true);
  }
  return *this;
}

void AlignedBuffer::Release() {
  if (data_ != nullptr && owned_) munmap(data_, static_cast<size_t>(bytes_));
  data_ = nullptr;
  bytes_ = 0;
  owned_ = true;
}

absl::StatusOr<AlignedBuffer> BufferArena::Take(int64_t bytes) {
  if (bytes <= 0) return AlignedBuffer();
  const int64_t size = (bytes + kPage - 1) / kPage * kPage;
  if (chunks_.empty() || used_ + size > chunks_.back().bytes()) {
    SPRINT_ASSIGN_OR_RETURN(AlignedBuffer chunk, AlignedBuffer::Create(std::max(size, kChunk)));
    chunks_.push_back(std::move(chunk));
    used_ = 0;
  }
  used_ += size;
  return chunks_.back().Part(used_ - size, bytes);
}

}  // namespace sprint
