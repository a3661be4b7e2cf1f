// Where the coordinator that owns a database can be reached: PATH.endpoint, written beside the
// database by the coordinator when it serves, removed when it ends in good order. After a kill -9 the
// file stays, so a reader trusts it only when the address answers with this database's epoch.
#ifndef SPRINT_STORAGE_ENDPOINT_H_
#define SPRINT_STORAGE_ENDPOINT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sprint {

struct Endpoint {
  std::string address;  // "127.0.0.1:41235"
  int64_t pid = 0;
  int64_t epoch = 0;
};

// Atomically.
absl::Status WriteEndpoint(const std::string& database, const Endpoint& endpoint);
void RemoveEndpoint(const std::string& database);
// NOT_FOUND when there is none; INVALID_ARGUMENT when the file is not one.
absl::StatusOr<Endpoint> ReadEndpoint(const std::string& database);

}  // namespace sprint

#endif  // SPRINT_STORAGE_ENDPOINT_H_
