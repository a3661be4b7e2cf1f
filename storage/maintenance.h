// What `sprint db` does to a database as a whole: check it, copy it while it is written.
#ifndef SPRINT_STORAGE_MAINTENANCE_H_
#define SPRINT_STORAGE_MAINTENANCE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/records.h"

namespace sprint {

struct CheckReport {
  std::vector<std::string> problems;  // one line each, at most 100; empty: nothing is wrong
  int64_t outcomes = 0;               // rows looked at
  int64_t payloads = 0;               // answers decoded and compared with their rows
  // A file has no checksums of its pages: bytes changed inside a number go unnoticed. Payloads have.
};

// Reads everything, beside a live coordinator: SQLite's own check of its pages, foreign keys, each
// content hash and payload against its row, counters against a recount. Errors as Reader::Open's; a
// damaged database is a report, as far as it can be opened.
absl::StatusOr<CheckReport> CheckDatabase(const std::string& path);

// A consistent copy of `from` at `to`, beside a live coordinator, which it slows but does not block.
// `to` is written under another name, synced and renamed. ALREADY_EXISTS when there is a `to`;
// errors of either file. `progress` gets pages done and pages in all.
absl::Status BackupDatabase(const std::string& from, const std::string& to,
                            const std::function<void(int64_t done, int64_t total)>& progress = nullptr);

// An experiment's counters from the rows of the database at `path`, in the order of LoadExperiment's.
absl::StatusOr<std::vector<ArmCounters>> RecountCounters(const std::string& path, ExperimentId id);

}  // namespace sprint

#endif  // SPRINT_STORAGE_MAINTENANCE_H_
