// Weights in memory that the workers of one machine share.
//
// Decoded weights lie in one file a (model, dtype) in a folder of this user's, in memory where the system
// has such a folder (/dev/shm). The first worker that loads the model fills the file, the others map it. A
// file lives while a process uses it: every user holds a shared lock on it, the last one to leave removes it,
// and what a killed process left is removed by the next worker that looks. One lock of the folder is held
// while a file is looked for, filled or removed, so that two workers that start together decode once.
#ifndef SPRINT_WORKER_ENGINE_SHARED_WEIGHTS_H_
#define SPRINT_WORKER_ENGINE_SHARED_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/engine/aligned_buffer.h"

namespace sprint {

// A file descriptor that is closed, and its lock with it.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept;
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

// /dev/shm/sprint-UID, or the same in the temporary folder of a system without /dev/shm.
std::string DefaultSharedFolder();

// Not thread-safe. While filled() is false it holds the folder's lock: others wait.
class SharedWeights {
 public:
  // Opens the file of `key` (letters, digits, '-') in `folder`, which is made when it is missing, or begins a
  // new one. PERMISSION_DENIED: the folder or file is another user's, or open to others. UNAVAILABLE: with
  // the system's reason.
  static absl::StatusOr<std::unique_ptr<SharedWeights>> Open(const std::string& folder,
                                                             const std::string& key);
  ~SharedWeights();
  SharedWeights(const SharedWeights&) = delete;
  SharedWeights& operator=(const SharedWeights&) = delete;

  // Whether what Take gives holds its values already.
  bool filled() const { return filled_; }
  // The next part of the file: the same sizes in the same order for everyone. Writable until Publish.
  // RESOURCE_EXHAUSTED (kOutOfMemory): the folder has no room. FAILED_PRECONDITION: the file is shorter.
  absl::StatusOr<AlignedBuffer> Take(int64_t bytes);
  // Once all parts of a new file are filled: lets others in. The parts are read-only from here on.
  absl::Status Publish();
  // What another worker's parts must end at. FAILED_PRECONDITION for a file of another layout.
  absl::Status CheckSize() const;

 private:
  SharedWeights(std::string folder, std::string path) : folder_(std::move(folder)), path_(std::move(path)) {}

  const std::string folder_;
  const std::string path_;
  OwnedFd folder_lock_;  // held while filling
  OwnedFd file_;
  bool filled_ = false;
  int64_t size_ = 0;  // of a file that is filled
  int64_t next_ = 0;  // where the next part begins
};

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_SHARED_WEIGHTS_H_
