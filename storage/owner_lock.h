// The ownership of a database: an operating-system lock on `path`.lock, with the owner's name in it.
#ifndef SPRINT_STORAGE_OWNER_LOCK_H_
#define SPRINT_STORAGE_OWNER_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sprint {

// Held until destroyed, or until the process and every child that inherited the descriptor ended. The
// lock belongs to the open file, so two holders in one process conflict too. The file stays behind:
// removing it would let two owners lock two files of one name.
class OwnerLock {
 public:
  // FAILED_PRECONDITION kDatabaseOwned (naming pid and host of the owner), kDatabaseReadOnly when the
  // lock file cannot be made; NOT_FOUND for a folder that does not exist.
  static absl::StatusOr<std::unique_ptr<OwnerLock>> Take(const std::string& database_path);
  ~OwnerLock();
  OwnerLock(const OwnerLock&) = delete;
  OwnerLock& operator=(const OwnerLock&) = delete;

 private:
  explicit OwnerLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sprint

#endif  // SPRINT_STORAGE_OWNER_LOCK_H_
