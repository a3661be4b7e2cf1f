// The store in SQLite: WAL, STRICT tables, synchronous=FULL. docs/SCHEMA.md has the layout.
#ifndef SPRINT_STORAGE_SQLITE_STORE_H_
#define SPRINT_STORAGE_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace sprint {

struct SqliteStoreOptions {
  std::string path;
  bool create = true;               // make the database when there is none
  int32_t judge_version = 0;        // whose verdicts the counters count
};

// Opens (and makes, migrates) the database and takes its ownership. Errors, each one line that says
// what to do:
//   NOT_FOUND             no such file and not `create`; or its folder does not exist
//   FAILED_PRECONDITION   kDatabaseNewer, kDatabaseForeign, kDatabaseOwned (names the owner's pid and
//                         host), kDatabaseNetworkFs, kDatabaseReadOnly
//   DATA_LOSS             kDatabaseCorrupt
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options);

}  // namespace sprint

#endif  // SPRINT_STORAGE_SQLITE_STORE_H_
