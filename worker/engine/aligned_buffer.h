// Memory for weights, K/V and activations: page-aligned, zeroed, and committed by the operating
// system only as it is touched, so that a pool may be sized for the worst case. Or a part of a file.
#ifndef SPRINT_WORKER_ENGINE_ALIGNED_BUFFER_H_
#define SPRINT_WORKER_ENGINE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace sprint {

// Move-only owner of one mapping.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // RESOURCE_EXHAUSTED (kOutOfMemory) naming the size. `bytes` of 0 gives an empty buffer.
  static absl::StatusOr<AlignedBuffer> Create(int64_t bytes);
  // [offset, offset + bytes) of an open file, shared with all who map it. `offset` is a page's.
  static absl::StatusOr<AlignedBuffer> Map(int fd, int64_t offset, int64_t bytes, bool writable);
  // Makes it read-only: a write ends the process.
  void Protect();
  ~AlignedBuffer();
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;

  int64_t bytes() const { return bytes_; }
  template <typename T>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void Release();
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_ALIGNED_BUFFER_H_
