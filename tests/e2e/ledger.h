// What a sweep left behind: its rows in the database, and what its workers' logs say they computed.
#ifndef SPRINT_TESTS_E2E_LEDGER_H_
#define SPRINT_TESTS_E2E_LEDGER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sprint::testing {

// One line a row, in the order of the keys: key, token ids, text, finish, verdicts.
absl::StatusOr<std::vector<std::string>> ReadRows(const std::string& database);

// The hidden states of all experiments: problem, layer, width, vector.
absl::StatusOr<std::vector<std::string>> ReadStates(const std::string& database);

struct LogSummary {
  int64_t started = 0;
  int64_t finished = 0;
  int64_t acknowledged = 0;
  // Cells that a worker began although another had been told before that they are durable. Not those
  // that were taken from it, too: "durable" to one worker and "no longer yours" to the other leave the
  // coordinator together and arrive whenever each is read, and a process can be killed before it reads.
  std::vector<std::string> repeated;
};
// Reads every file of `folder` whose name contains "worker".
LogSummary ReadWorkerLogs(const std::string& folder);

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_E2E_LEDGER_H_
