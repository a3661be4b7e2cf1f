// Which coordinator or database a command speaks to: its options, and the way there.
#ifndef SPRINT_CLI_CONNECTION_H_
#define SPRINT_CLI_CONNECTION_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/local_coordinator.h"
#include "storage/reader.h"

namespace sprint {

struct Connection {
  std::string database = "sprint.db";
  std::string coordinator;  // HOST:PORT; empty: the one of the database
  std::string token_file;   // holds what the coordinator asks for; empty: nothing
};

// --db, --coordinator and --token-file; also $SPRINT_DB, $SPRINT_COORDINATOR and $SPRINT_TOKEN_FILE.
void AddConnection(CLI::App* command, Connection& connection);
void AddDatabase(CLI::App* command, std::string& database);

// The workers that a command starts on this machine where no coordinator runs.
struct LocalWorkerOptions {
  int workers;
  // A worker's thread count is part of its numerics class, and an experiment keeps to one class: so the
  // default depends on the machine alone, not on the number of workers.
  int threads;
  LocalWorkerOptions();
};
void AddLocalWorkers(CLI::App* command, LocalWorkerOptions& options);

// The coordinator named, or the live one of the database; null when the database has none.
absl::StatusOr<std::unique_ptr<ControlClient>> ReachLive(const Connection& connection);
// The same, for commands that need one: UNAVAILABLE (kNotReachable) saying how to start one.
absl::StatusOr<std::unique_ptr<ControlClient>> RequireLive(const Connection& connection);
// The coordinator named, or the database's: the live one, or one that is started with these workers.
absl::StatusOr<Coordinator> ReachOrStart(const Connection& connection, const LocalWorkerOptions& local);
// The coordinator, or one without workers that is started for the moment.
absl::StatusOr<Coordinator> ReachOrStartBriefly(const Connection& connection);
// The database, when there is one: NOT_FOUND says how one comes to be.
absl::StatusOr<std::unique_ptr<Reader>> OpenDatabase(const std::string& path);

}  // namespace sprint

#endif  // SPRINT_CLI_CONNECTION_H_
