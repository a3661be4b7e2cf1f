// Memory for weights, K/V and activations: page-aligned, zeroed, and committed by the operating
// system only as it is touched, so that a pool may be sized for the worst case. Or a part of a file.
#ifndef SPRINT_WORKER_ENGINE_ALIGNED_BUFFER_H_
#define SPRINT_WORKER_ENGINE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace sprint {

// Move-only: owner of one mapping, or a part of another's.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // RESOURCE_EXHAUSTED (kOutOfMemory) naming the size. `bytes` of 0 gives an empty buffer.
  static absl::StatusOr<AlignedBuffer> Create(int64_t bytes);
  // [offset, offset + bytes) of an open file, shared with all who map it. `offset` is a page's.
  static absl::StatusOr<AlignedBuffer> Map(int fd, int64_t offset, int64_t bytes, bool writable);
  // Bytes [offset, offset + bytes) of it, which must outlive them. `offset` is a page's.
  AlignedBuffer Part(int64_t offset, int64_t bytes) const;
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
  bool owned_ = true;
};

// Buffers cut from few large ones. What a step reads all of, the weights above all, should lie so: the
// system gives large pages to large mappings only, and with a small page for each 4 KiB a product waits for
// the page table. Not thread-safe.
class BufferArena {
 public:
  // A part of the arena, which must outlive it. Errors as AlignedBuffer::Create.
  absl::StatusOr<AlignedBuffer> Take(int64_t bytes);

 private:
  std::vector<AlignedBuffer> chunks_;
  int64_t used_ = 0;  // of the last
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_ALIGNED_BUFFER_H_
