#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

absl::Status OsError(absl::string_view verb, absl::string_view path, int error) {
  const std::string message = absl::StrCat("cannot ", verb, " ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

// Closes a descriptor at the end of the scope.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return OsError("open", path, errno);
  std::string contents;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = read(file.fd, buffer, sizeof(buffer));
    if (n == 0) return contents;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return OsError("read", path, errno);
    contents.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents) {
  const std::string temporary = absl::StrCat(path, ".tmp.", getpid());
  {
    const Descriptor file{open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.fd < 0) return OsError("create", temporary, errno);
    while (!contents.empty()) {
      const ssize_t n = write(file.fd, contents.data(), contents.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error = errno;
        unlink(temporary.c_str());
        return OsError("write", temporary, error);
      }
      contents.remove_prefix(static_cast<size_t>(n));
    }
    if (fsync(file.fd) != 0) return OsError("sync", temporary, errno);
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return OsError("write", path, error);
  }
  return absl::OkStatus();
}

bool FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool IsDirectory(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return OsError("open", path, errno);
  struct stat info;
  if (fstat(file.fd, &info) != 0) return OsError("read", path, errno);
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  std::shared_ptr<MappedFile> mapped(new MappedFile());
  mapped->path_ = path;
  if (info.st_size > 0) {
    void* data = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED, file.fd, 0);
    if (data == MAP_FAILED) return OsError("map", path, errno);
    mapped->bytes_ = absl::string_view(static_cast<const char*>(data), static_cast<size_t>(info.st_size));
    mapped->mapped_ = true;
  }
  return mapped;
}

std::shared_ptr<const MappedFile> MappedFile::FromBytes(std::string bytes, std::string name) {
  std::shared_ptr<MappedFile> mapped(new MappedFile());
  mapped->path_ = std::move(name);
  mapped->owned_ = std::move(bytes);
  mapped->bytes_ = mapped->owned_;
  return mapped;
}

void MappedFile::DropPages() const {
  // A file's pages only: those of bytes in memory would be lost.
  if (mapped_) madvise(const_cast<char*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (mapped_) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace sprint
