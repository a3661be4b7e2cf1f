#include "storage/owner_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace sprint {
namespace {

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

absl::Status CannotOpen(const std::string& path, const std::string& lock_path, int error) {
  const std::string what =
      absl::StrCat("cannot make ", lock_path, ", the lock of ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(absl::StrCat(what, "; make the folder first"));
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseReadOnly,
                   absl::StrCat(what, "; make the folder writable or name another database"));
    case ENOSPC:
    case EDQUOT:
      return Error(absl::StatusCode::kResourceExhausted, Reason::kDatabaseFull,
                   absl::StrCat(what, "; free space on its disk"));
    default:
      return absl::UnavailableError(what);
  }
}

absl::Status Owned(const std::string& path, const std::string& lock_path) {
  const absl::StatusOr<std::string> owner = ReadFile(lock_path);
  const std::string who(owner.ok() ? absl::StripAsciiWhitespace(*owner) : "");
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseOwned,
               absl::StrCat(path, " is owned by ", who.empty() ? "another process" : who,
                            ": work through that coordinator, or end it first"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<OwnerLock>> OwnerLock::Take(const std::string& database_path) {
  const std::string lock_path = database_path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return CannotOpen(database_path, lock_path, errno);
  std::unique_ptr<OwnerLock> lock(new OwnerLock(fd));

  struct flock whole = {};  // l_pid stays 0, as open-file-description locks need
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
    if (errno == EAGAIN || errno == EACCES) return Owned(database_path, lock_path);
    return CannotOpen(database_path, lock_path, errno);
  }
  // The name in the file is for people; the lock itself is what counts, so a write that fails is no error.
  const std::string owner = absl::StrCat("pid ", getpid(), " on host ", HostName(), "\n");
  if (ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(fd, owner.data(), owner.size(), 0);
  }
  return lock;
}

OwnerLock::~OwnerLock() { close(fd_); }

}  // namespace sprint
