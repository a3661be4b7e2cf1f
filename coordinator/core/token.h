// Grant tokens: proof that a coordinator of this database once granted these cells to this worker.
//
// A MAC (HMAC-SHA-256 under the database's key) over worker, epoch, lease and cells in their order.
// The key outlives every coordinator, so a restarted one recognises what an earlier one granted
// without having stored it.
#ifndef SPRINT_COORDINATOR_CORE_TOKEN_H_
#define SPRINT_COORDINATOR_CORE_TOKEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "conversation/messages.h"

namespace sprint {

// Lease numbers carry the epoch that gave them in their upper bits, so that a lease of an earlier
// epoch that is taken over never collides with a new one.
inline constexpr int kLeaseEpochShift = 32;
constexpr int64_t FirstLease(int64_t epoch) { return (epoch << kLeaseEpochShift) + 1; }
constexpr int64_t EpochOf(LeaseId lease) { return lease.value() >> kLeaseEpochShift; }

// 32 bytes.
std::string MakeGrantToken(const std::string& key, WorkerId worker, LeaseId lease,
                           const std::vector<CellKey>& cells);

// Whether `held.token` is the token of `held.lease` and `held.cells`, granted to `worker`.
bool VerifyGrantToken(const std::string& key, WorkerId worker, const HeldGrant& held);

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_CORE_TOKEN_H_
