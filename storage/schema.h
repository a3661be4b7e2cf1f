// The layout of the file: migrations, the documented views, and the numbers that say whose file it is.
// docs/SCHEMA.md explains it; a test compares the two.
#ifndef SPRINT_STORAGE_SCHEMA_H_
#define SPRINT_STORAGE_SCHEMA_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/sqlite.h"

namespace sprint {

// PRAGMA application_id: "SPRT". Frozen.
inline constexpr int32_t kApplicationId = 0x53505254;

// One step from user_version `to` - 1 to `to`. Released steps are frozen.
struct Migration {
  int32_t to;
  const char* what;
  const char* sql;
};
absl::Span<const Migration> Migrations();
// The newest user_version, which this build reads and writes.
int32_t SchemaVersion();

struct ViewDescription {
  const char* name;
  const char* what;
};
absl::Span<const ViewDescription> DocumentedViews();

// What kind of file an open connection has.
enum class FileKind { kEmpty, kOurs };
// FAILED_PRECONDITION kDatabaseForeign or kDatabaseNewer, DATA_LOSS kDatabaseCorrupt.
absl::StatusOr<FileKind> ExamineSchema(Database& database);
// FAILED_PRECONDITION kDatabaseForeign when the file at `path` has contents but is not SQLite's; OK
// when there is no file. Reads the first bytes only.
absl::Status CheckFileHeader(const std::string& path);

// Brings an empty or older file to SchemaVersion(), each step with its version in one transaction.
// The first also makes the grant key.
absl::Status Migrate(Database& database);

}  // namespace sprint

#endif  // SPRINT_STORAGE_SCHEMA_H_
