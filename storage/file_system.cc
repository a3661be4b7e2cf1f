#include "storage/file_system.h"

#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

struct NetworkFileSystem {
  int64_t type;
  const char* name;
};

// From statfs(2) and the file systems' own sources.
constexpr std::array kNetworkFileSystems = {
    NetworkFileSystem{0x6969, "NFS"},          NetworkFileSystem{0x517b, "SMB"},
    NetworkFileSystem{0xff534d42, "CIFS"},     NetworkFileSystem{0xfe534d42, "SMB2"},
    NetworkFileSystem{0x564c, "NCP"},          NetworkFileSystem{0x73757245, "Coda"},
    NetworkFileSystem{0x5346414f, "AFS"},      NetworkFileSystem{0x6b414653, "AFS"},
    NetworkFileSystem{0x01021997, "9P"},       NetworkFileSystem{0x65735546, "FUSE"},
    NetworkFileSystem{0x0bd00bd0, "Lustre"},   NetworkFileSystem{0x47504653, "GPFS"},
    NetworkFileSystem{0x00c36400, "Ceph"},     NetworkFileSystem{0x7461636f, "OCFS2"},
    NetworkFileSystem{0x01161970, "GFS2"},     NetworkFileSystem{0x19830326, "BeeGFS"},
    NetworkFileSystem{0x20030528, "OrangeFS"}, NetworkFileSystem{0xaad7aaea, "PanFS"},
    NetworkFileSystem{0x786f4256, "vboxsf"},
};

}  // namespace

absl::StatusOr<int64_t> FileSystemType(const std::string& folder) {
  struct statfs info;
  if (statfs(folder.c_str(), &info) == 0) return static_cast<int64_t>(static_cast<uint32_t>(info.f_type));
  const std::string message = absl::StrCat("cannot use the folder ", folder, ": ", std::strerror(errno));
  if (errno == ENOENT || errno == ENOTDIR) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status CheckFileSystem(const std::string& path, const FileSystemTypeFn& type_of) {
  const std::string folder = FolderOf(path);
  SPRINT_ASSIGN_OR_RETURN(const int64_t type, type_of ? type_of(folder) : FileSystemType(folder));
  for (const NetworkFileSystem& network : kNetworkFileSystems) {
    if (network.type != type) continue;
    return Error(
        absl::StatusCode::kFailedPrecondition, Reason::kDatabaseNetworkFs,
        absl::StrCat(path, " is on ", network.name,
                     ", where SQLite's write-ahead log is not safe: keep it on a "
                     "local disk (--db /var/tmp/sprint.db) and copy it here with `sprint db backup`"));
  }
  return absl::OkStatus();
}

}  // namespace sprint
