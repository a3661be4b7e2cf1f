#include "worker/engine/shared_weights.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

constexpr int64_t kAlignment = int64_t{2} << 20;  // of a part
constexpr char kComplete[] = "sprint weights/1 complete";
constexpr absl::string_view kEnding = ".weights";

absl::Status OsFailure(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message = absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error));
  if (error == ENOSPC || error == ENOMEM)
    return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory, message);
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(message)
                                           : absl::UnavailableError(message);
}

// Whoever could write here could change what a model says.
absl::Status CheckOurs(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return OsFailure("look at", path);
  if (info.st_uid == geteuid() && (info.st_mode & 022) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      path, " belongs to another user, or others may write to it; shared weights need a place of one's own"));
}

absl::Status Lock(int fd, const std::string& path) {
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return OsFailure("lock", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<OwnedFd> LockFolder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return OsFailure("make", folder);
  OwnedFd directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.get() < 0) return OsFailure("open", folder);
  SPRINT_RETURN_IF_ERROR(CheckOurs(directory.get(), folder));
  SPRINT_RETURN_IF_ERROR(Lock(directory.get(), folder));
  return directory;
}

// Removes `path` unless somebody uses it. REQUIRES: the folder is locked.
void RemoveUnused(const std::string& path) {
  const OwnedFd file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() >= 0 && flock(file.get(), LOCK_EX | LOCK_NB) == 0) unlink(path.c_str());
}

// What killed processes left. REQUIRES: the folder is locked.
void Sweep(const std::string& folder) {
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (absl::EndsWith(entry->d_name, kEnding)) RemoveUnused(absl::StrCat(folder, "/", entry->d_name));
  }
  closedir(directory);
}

bool IsComplete(int fd) {
  char mark[sizeof(kComplete)] = {};
  return pread(fd, mark, sizeof(mark), 0) == static_cast<ssize_t>(sizeof(mark)) &&
         std::memcmp(mark, kComplete, sizeof(mark)) == 0;
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}
OwnedFd::OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

std::string DefaultSharedFolder() {
  const char* temporary = std::getenv("TMPDIR");
  std::string parent = temporary == nullptr || *temporary == 0 ? "/tmp" : temporary;
  if (access("/dev/shm", W_OK) == 0) parent = "/dev/shm";
  return absl::StrCat(parent, "/sprint-", geteuid());
}

absl::StatusOr<std::unique_ptr<SharedWeights>> SharedWeights::Open(const std::string& folder,
                                                                   const std::string& key) {
  const std::string path = absl::StrCat(folder, "/", key, kEnding);
  std::unique_ptr<SharedWeights> shared(new SharedWeights(folder, path));
  SPRINT_ASSIGN_OR_RETURN(OwnedFd lock, LockFolder(folder));
  Sweep(folder);  // a file of this key that is here after it is in use, and so complete
  shared->file_ = OwnedFd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (shared->file_.get() < 0) return OsFailure("open", path);
  SPRINT_RETURN_IF_ERROR(CheckOurs(shared->file_.get(), path));
  if (flock(shared->file_.get(), LOCK_SH) != 0) return OsFailure("lock", path);
  shared->next_ = kAlignment;
  shared->filled_ = IsComplete(shared->file_.get());
  if (!shared->filled_) {
    if (ftruncate(shared->file_.get(), 0) != 0) return OsFailure("empty", path);
    shared->folder_lock_ = std::move(lock);
    return shared;
  }
  struct stat info;
  if (fstat(shared->file_.get(), &info) != 0) return OsFailure("look at", path);
  shared->size_ = info.st_size;
  return shared;
}

SharedWeights::~SharedWeights() {
  if (folder_lock_.get() < 0) {
    absl::StatusOr<OwnedFd> lock = LockFolder(folder_);
    if (!lock.ok()) return;  // the next worker's sweep removes it
    folder_lock_ = *std::move(lock);
  }
  // By name: a mapping that is still there would keep the file, and its lock with it.
  flock(file_.get(), LOCK_UN);
  RemoveUnused(path_);
}

absl::StatusOr<AlignedBuffer> SharedWeights::Take(int64_t bytes) {
  if (bytes <= 0) return AlignedBuffer();
  const int64_t first = next_;
  next_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (filled_) {
    if (first + bytes > size_) return CheckSize();
    return AlignedBuffer::Map(file_.get(), first, bytes, /*writable=*/false);
  }
  // Space is taken before it is written to: a full folder is an error here, and no signal later.
  if (const int error = posix_fallocate(file_.get(), first, bytes); error != 0) {
    errno = error;
    return OsFailure(absl::StrCat("take ", bytes >> 20, " MiB more in"), path_);
  }
  return AlignedBuffer::Map(file_.get(), first, bytes, /*writable=*/true);
}

absl::Status SharedWeights::Publish() {
  if (filled_) return absl::OkStatus();
  if (ftruncate(file_.get(), next_) != 0) return OsFailure("end", path_);
  if (pwrite(file_.get(), kComplete, sizeof(kComplete), 0) != static_cast<ssize_t>(sizeof(kComplete)))
    return OsFailure("write", path_);
  filled_ = true;
  size_ = next_;
  folder_lock_ = OwnedFd();
  return absl::OkStatus();
}

absl::Status SharedWeights::CheckSize() const {
  if (next_ == size_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path_, " holds ", size_, " bytes where ", next_,
                   " were expected; end the workers that use it, which removes it"));
}

}  // namespace sprint
