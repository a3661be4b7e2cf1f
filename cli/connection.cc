#include "cli/connection.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "conversation/token.h"

namespace sprint {
namespace {

constexpr absl::Duration kConnectPatience = absl::Seconds(10);

absl::Status NoDatabase(const std::string& path) {
  return absl::NotFoundError(
      absl::StrCat("there is no database ", path, "; `sprint launch` makes one, --db names another"));
}

}  // namespace

void AddDatabase(CLI::App* command, std::string& database) {
  command->add_option("--db", database, "The database")
      ->envname("SPRINT_DB")
      ->type_name("FILE")
      ->capture_default_str();
}

void AddConnection(CLI::App* command, Connection& connection) {
  AddDatabase(command, connection.database);
  command
      ->add_option("--coordinator", connection.coordinator,
                   "A running coordinator, instead of the database's own")
      ->envname("SPRINT_COORDINATOR")
      ->type_name("HOST:PORT");
  command->add_option("--token-file", connection.token_file, "Holds the token that the coordinator asks for")
      ->envname("SPRINT_TOKEN_FILE")
      ->type_name("FILE");
}

LocalWorkerOptions::LocalWorkerOptions() {
  constexpr int kWorkers = 2;
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  workers = std::min(kWorkers, cores);
  threads = std::max(1, cores / kWorkers);
}

void AddLocalWorkers(CLI::App* command, LocalWorkerOptions& options) {
  command->add_option("--workers", options.workers, "Workers started on this machine, if no coordinator runs")
      ->type_name("N")
      ->check(CLI::Range(0, 1024).description(""))
      ->capture_default_str();
  command
      ->add_option("--worker-threads", options.threads,
                   "CPU threads of each; part of what its numbers depend on")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""))
      ->capture_default_str();
}

absl::StatusOr<std::unique_ptr<ControlClient>> ReachLive(const Connection& connection) {
  if (connection.coordinator.empty()) return AttachToOwner(connection.database, connection.token_file);
  std::string token;
  if (!connection.token_file.empty()) {
    SPRINT_ASSIGN_OR_RETURN(token, ReadTokenFile(connection.token_file));
  }
  return ControlClient::Connect(connection.coordinator, kConnectPatience, token);
}

absl::StatusOr<std::unique_ptr<ControlClient>> RequireLive(const Connection& connection) {
  SPRINT_ASSIGN_OR_RETURN(auto client, ReachLive(connection));
  if (client != nullptr) return client;
  return Error(absl::StatusCode::kUnavailable, Reason::kNotReachable,
               absl::StrCat("no coordinator runs over ", connection.database,
                            "; `sprint resume` starts one, --coordinator names another"));
}

absl::StatusOr<Coordinator> ReachOrStart(const Connection& connection, const LocalWorkerOptions& local) {
  if (!connection.coordinator.empty()) {
    Coordinator coordinator;
    SPRINT_ASSIGN_OR_RETURN(coordinator.attached, ReachLive(connection));
    return coordinator;
  }
  LocalCoordinator::Options options;
  options.database = connection.database;
  options.workers = local.workers;
  options.worker_threads = local.threads;
  options.token_file = connection.token_file;
  return AttachOrStart(options);
}

absl::StatusOr<Coordinator> ReachOrStartBriefly(const Connection& connection) {
  Coordinator coordinator;
  SPRINT_ASSIGN_OR_RETURN(coordinator.attached, ReachLive(connection));
  if (coordinator.attached != nullptr) return coordinator;
  if (!FileExists(connection.database)) return NoDatabase(connection.database);
  LocalCoordinator::Options options;
  options.database = connection.database;
  options.workers = 0;
  options.token_file = connection.token_file;
  return AttachOrStart(options);
}

absl::StatusOr<std::unique_ptr<Reader>> OpenDatabase(const std::string& path) {
  if (!FileExists(path)) return NoDatabase(path);
  return Reader::Open(path);
}

}  // namespace sprint
