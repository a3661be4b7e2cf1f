// The store in SQLite: WAL, STRICT tables, synchronous=FULL. docs/SCHEMA.md has the layout.
#ifndef SPRINT_STORAGE_SQLITE_STORE_H_
#define SPRINT_STORAGE_SQLITE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace sprint {

struct SqliteStoreOptions {
  std::string path;
  bool create = true;  // make the database when there is none
  // A folder's file system, as statfs's f_type; unset: the operating system's answer. Tests set it.
  std::function<absl::StatusOr<int64_t>(const std::string& folder)> file_system_type = nullptr;
  int64_t max_pages = 0;           // the file may not grow beyond; 0: only the disk limits it
  bool fold_in_background = true;  // the log, on a thread; false: in the commit that makes it long
};

// Opens (and makes, migrates) the database and takes its ownership. Errors, each one line that says
// what to do:
//   NOT_FOUND             no such file and not `create`; or its folder does not exist
//   FAILED_PRECONDITION   kDatabaseNewer, kDatabaseForeign, kDatabaseOwned (names the owner's pid and
//                         host), kDatabaseNetworkFs, kDatabaseReadOnly
//   DATA_LOSS             kDatabaseCorrupt
//   RESOURCE_EXHAUSTED    kDatabaseFull
// The ownership is an operating-system lock on `path`.lock, held until the store is destroyed. The
// destructor moves the log into the database when no reader holds it back.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options);

}  // namespace sprint

#endif  // SPRINT_STORAGE_SQLITE_STORE_H_
