// Where a database may lie: WAL needs memory shared between processes, which network file systems lack.
#ifndef SPRINT_STORAGE_FILE_SYSTEM_H_
#define SPRINT_STORAGE_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sprint {

using FileSystemTypeFn = std::function<absl::StatusOr<int64_t>(const std::string& folder)>;

// statfs's f_type. NOT_FOUND for a folder that does not exist.
absl::StatusOr<int64_t> FileSystemType(const std::string& folder);

// FAILED_PRECONDITION kDatabaseNetworkFs when the folder of `path` is on a network (or FUSE) file
// system, naming it and the way out. `type_of` unset: FileSystemType.
absl::Status CheckFileSystem(const std::string& path, const FileSystemTypeFn& type_of);

// The folder that `path` is in.
std::string FolderOf(const std::string& path);

}  // namespace sprint

#endif  // SPRINT_STORAGE_FILE_SYSTEM_H_
