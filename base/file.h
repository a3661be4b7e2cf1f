// Files: read whole, mapped read-only, and written so that a crash leaves the old or the new one.
#ifndef SPRINT_BASE_FILE_H_
#define SPRINT_BASE_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

// Errors name the path and the operating system's reason: NOT_FOUND, PERMISSION_DENIED, or UNAVAILABLE.
absl::StatusOr<std::string> ReadFile(const std::string& path);
// Writes `path`.tmp.PID, syncs it and renames it over `path`.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);
bool FileExists(const std::string& path);
bool IsDirectory(const std::string& path);

// A read-only view of a whole file, shared with every process that maps it. Immutable, thread-safe.
class MappedFile {
 public:
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  // The same interface over bytes in memory, for tests and fuzzers.
  static std::shared_ptr<const MappedFile> FromBytes(std::string bytes, std::string name = "<memory>");
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::string_view bytes() const { return bytes_; }
  // Tells the operating system that the pages read so far are not needed soon: they leave this process's
  // memory, and are read again when they are. The view stays valid.
  void DropPages() const;
  const std::string& path() const { return path_; }

 private:
  MappedFile() = default;
  std::string path_;
  std::string owned_;
  absl::string_view bytes_;
  bool mapped_ = false;
};

}  // namespace sprint

#endif  // SPRINT_BASE_FILE_H_
