#include "coordinator/core/token.h"

#include "base/hash.h"

namespace sprint {
namespace {

void AppendInt(std::string& bytes, int64_t value) {
  for (int shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>((static_cast<uint64_t>(value) >> shift) & 0xff));
  }
}

}  // namespace

std::string MakeGrantToken(const std::string& key, WorkerId worker, LeaseId lease,
                           const std::vector<CellKey>& cells) {
  std::string bytes = "grant/1";
  bytes.reserve(bytes.size() + 8 * (4 + 4 * cells.size()));
  AppendInt(bytes, worker.value());
  AppendInt(bytes, EpochOf(lease));
  AppendInt(bytes, lease.value());
  AppendInt(bytes, static_cast<int64_t>(cells.size()));
  for (const CellKey& cell : cells) {
    AppendInt(bytes, cell.run.value());
    AppendInt(bytes, cell.question.value());
    AppendInt(bytes, cell.arm.value());
    AppendInt(bytes, cell.sample);
  }
  const Hash256 mac = HmacSha256(key, bytes);
  return std::string(mac.Raw().data(), mac.Raw().size());
}

bool VerifyGrantToken(const std::string& key, WorkerId worker, const HeldGrant& held) {
  return ConstantTimeEquals(MakeGrantToken(key, worker, held.lease, held.cells), held.token);
}

}  // namespace sprint
