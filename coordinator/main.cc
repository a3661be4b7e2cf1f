// sprint-coordinator: owns a database, hands its experiments' cells to workers, keeps what they answer.
#include <grpc/support/log.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status.h"
#include "conversation/token.h"
#include "coordinator/http/metrics.h"
#include "coordinator/rpc/coordinator.h"
#include "coordinator/rpc/local_workers.h"
#include "coordinator/rpc/server.h"
#include "coordinator/rpc/trainings.h"
#include "storage/endpoint.h"
#include "storage/reader.h"
#include "storage/sqlite_store.h"

namespace sprint {
namespace {

constexpr int kExitStopped = 130;

struct Flags {
  std::string database;
  std::string listen = "127.0.0.1:0";
  int local_workers = 0;
  int worker_threads = 0;
  std::string worker_program;
  std::string selector_program;
  std::vector<std::string> worker_arguments;
  bool exit_when_idle = false;
  double idle_seconds = 3;
  double lease_seconds = 30;
  double heartbeat_seconds = 5;
  std::string metrics;
  std::string token_file;
  std::string log_file;
  std::string log_level = "info";
  int64_t max_database_bytes = 0;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", SPRINT_VERSION);
  app.add_option("--db", flags.database, "the database; made when it does not exist")->required();
  app.add_option("--listen", flags.listen, "HOST:PORT; port 0: any that is free")->capture_default_str();
  app.add_option("--local-workers", flags.local_workers, "workers to run on this machine")
      ->check(CLI::Range(0, 1024));
  app.add_option("--worker-threads", flags.worker_threads, "CPU threads of each; 0: all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--worker-program", flags.worker_program, "the worker's program (default: beside this one)");
  app.add_option("--selector-program", flags.selector_program,
                 "the program that trains selectors (default: beside this one)");
  app.add_option("--worker-arg", flags.worker_arguments,
                 "a further argument of every local worker; may repeat");
  app.add_flag("--exit-when-idle", flags.exit_when_idle, "end when nothing runs and nobody watches");
  app.add_option("--idle-seconds", flags.idle_seconds, "after so long")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--lease-seconds", flags.lease_seconds, "a worker not heard of for so long loses its cells")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--heartbeat-seconds", flags.heartbeat_seconds, "how often workers report")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--metrics", flags.metrics, "serve Prometheus metrics at HOST:PORT/metrics (default: off)");
  app.add_option("--token-file", flags.token_file, "workers and callers must show the token in this file");
  app.add_option("--log-file", flags.log_file, "append the log to this file (default: stderr)");
  app.add_option("--log-level", flags.log_level, "debug, info, warning, error, off")->capture_default_str();
  app.add_option("--max-database-size", flags.max_database_bytes,
                 "the database may not grow beyond, as 10GiB")
      ->transform(CLI::AsSizeValue(false));
}

std::string Sibling(const std::string& name) {
  char path[4096] = {};
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
  const std::string self(path, size > 0 ? static_cast<size_t>(size) : 0);
  return self.substr(0, self.rfind('/') + 1) + name;
}

// gRPC's own words go to our log.
void RouteGrpcLog() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function([](gpr_log_func_args* line) { SPRINT_LOG(kDebug) << "grpc: " << line->message; });
}

absl::StatusOr<ExperimentId> FindInDatabase(const std::string& path, const std::string& name) {
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Reader> reader, Reader::Open(path));
  return FindExperiment(*reader, name);
}

absl::StatusOr<std::vector<ExperimentSummary>> ListInDatabase(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Reader> reader, Reader::Open(path));
  return ListExperiments(*reader);
}

absl::StatusOr<CoordinatorOptions> MakeOptions(const Flags& flags, Metrics* metrics) {
  CoordinatorOptions options;
  options.clock = Clock::Real();
  options.database = flags.database;
  options.version = SPRINT_VERSION;
  options.lease = absl::Seconds(flags.lease_seconds);
  options.heartbeat = absl::Seconds(flags.heartbeat_seconds);
  if (flags.exit_when_idle) options.idle_grace = absl::Seconds(flags.idle_seconds);
  options.metrics = metrics;
  options.find_experiment = [path = flags.database](const std::string& name) {
    return FindInDatabase(path, name);
  };
  options.list_experiments = [path = flags.database] { return ListInDatabase(path); };
  if (!flags.token_file.empty()) {
    SPRINT_ASSIGN_OR_RETURN(options.auth_token, ReadTokenFile(flags.token_file));
  }
  return options;
}

LocalWorkersOptions MakeLocalOptions(const Flags& flags, const std::string& address) {
  LocalWorkersOptions local;
  local.count = flags.local_workers;
  local.program = flags.worker_program.empty() ? Sibling("sprint-worker") : flags.worker_program;
  local.coordinator = address;
  local.log_prefix = flags.log_file;
  local.arguments = {"--log-level", flags.log_level};
  if (flags.worker_threads > 0) {
    local.arguments.insert(local.arguments.end(), {"--threads", absl::StrCat(flags.worker_threads)});
  }
  if (!flags.token_file.empty()) {
    local.arguments.insert(local.arguments.end(), {"--token-file", flags.token_file});
  }
  local.arguments.insert(local.arguments.end(), flags.worker_arguments.begin(), flags.worker_arguments.end());
  return local;
}

// The trainings of this process: what runs, and what has ended but is not durable yet.
struct TrainingJobs {
  TrainingRunner runner;
  int64_t ending = 0;
  int64_t killed = 0;  // the training whose child was killed last,
  int kills = 0;       // and how often in a row
};

// Starts the next training, passes on what the running one says, notices its end. One whose child was killed
// goes on from its checkpoint, twice at most.
void PollTraining(Coordinator& coordinator, TrainingJobs& jobs) {
  TrainingBook& book = coordinator.trainings();
  if (jobs.ending != 0 && book.Runs(jobs.ending)) return;
  jobs.ending = 0;
  const int64_t running = jobs.runner.running();
  if (running == 0) {
    const std::optional<TrainingRecord> next = coordinator.draining() ? std::nullopt : book.Next();
    const absl::Status started = next ? jobs.runner.Start(*next) : absl::OkStatus();
    if (started.ok()) return;
    jobs.ending = next->id;
    return coordinator.TrainingEnded(next->id, {started, {}, {}});
  }
  if (coordinator.draining() || !book.Runs(running)) return jobs.runner.Stop(absl::Seconds(5));
  book.SetProgress(running, jobs.runner.Progress());
  std::optional<TrainingResult> result = jobs.runner.Poll();
  if (!result) return;
  jobs.kills = jobs.killed == running ? jobs.kills : 0;
  jobs.killed = running;
  if (absl::IsAborted(result->status) && ++jobs.kills < 3) return;  // the next look starts it again
  jobs.ending = running;
  coordinator.TrainingEnded(running, *std::move(result));
}

// Serves until it is done; OK when it ended in good order.
absl::Status Serve(const Flags& flags, Coordinator& coordinator) {
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(coordinator, flags.listen));
  LocalWorkersHooks hooks;
  hooks.died = [&](const std::string& instance) { coordinator.WorkerProcessDied(instance); };
  hooks.given_up = [&](int slot, const std::string& why) {
    coordinator.SetNotice(absl::StrCat("local-", slot),
                          absl::StrCat("local worker ", slot, " cannot be started (", why, "); see its log"));
  };
  LocalWorkers workers(MakeLocalOptions(flags, server->address()), hooks);
  SPRINT_RETURN_IF_ERROR(workers.CheckProgram());
  SPRINT_RETURN_IF_ERROR(
      WriteEndpoint(flags.database, {server->address(), int64_t{getpid()}, coordinator.epoch()}));
  std::printf("listening at %s\n", server->address().c_str());
  std::fflush(stdout);
  SPRINT_LOG(kInfo) << "listening at " << server->address() << ", database " << flags.database << ", epoch "
                    << coordinator.epoch();
  absl::Status why;
  TrainingJobs trainings{
      TrainingRunner({flags.selector_program.empty() ? Sibling("sprint-selector") : flags.selector_program,
                      flags.log_file.empty() ? flags.database : flags.log_file})};
  do {
    workers.Poll(absl::Now(), coordinator.draining());
    PollTraining(coordinator, trainings);
  } while (!coordinator.WaitDone(absl::Milliseconds(50), &why));
  workers.Stop(absl::Seconds(5));
  trainings.runner.Stop(absl::Seconds(5));
  // A successor may have taken the database, and the file with it.
  const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(flags.database);
  if (endpoint.ok() && endpoint->epoch == coordinator.epoch()) RemoveEndpoint(flags.database);
  return why;
}

absl::Status Run(const Flags& flags) {
  SPRINT_ASSIGN_OR_RETURN(const LogLevel level, ParseLogLevel(flags.log_level));
  SPRINT_RETURN_IF_ERROR(InitLog({"sprint-coordinator", level, flags.log_file}));
  RouteGrpcLog();
  std::atomic<Coordinator*> target{nullptr};
  SignalWatcher signals([&](int count) {
    Coordinator* coordinator = target;
    if (coordinator == nullptr || count > 2) _exit(kExitStopped);
    SPRINT_LOG(kInfo) << (count == 1 ? "a signal: workers finish what runs; a second one stops at once"
                                     : "a second signal: stopping");
    count == 1 ? coordinator->Drain() : coordinator->Finish();
  });
  std::unique_ptr<Metrics> metrics;
  if (!flags.metrics.empty()) {
    SPRINT_ASSIGN_OR_RETURN(metrics, Metrics::Serve(flags.metrics));
    std::printf("metrics at port %d\n", metrics->port());
    std::fflush(stdout);
    SPRINT_LOG(kInfo) << "metrics at port " << metrics->port();
  }
  SPRINT_ASSIGN_OR_RETURN(const CoordinatorOptions options, MakeOptions(flags, metrics.get()));
  SqliteStoreOptions database;
  database.path = flags.database;
  database.max_pages = flags.max_database_bytes / 4096;
  SPRINT_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenSqliteStore(database));
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Coordinator> coordinator,
                          Coordinator::Start(std::move(store), options));
  target = coordinator.get();
  const absl::Status status = Serve(flags, *coordinator);
  target = nullptr;
  coordinator->Stop();
  return status;
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) {
  CLI::App app("Hands the cells of experiments to workers and keeps every answer once.",
               "sprint-coordinator");
  sprint::Flags flags;
  sprint::AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  const absl::Status status = sprint::Run(flags);
  if (status.ok()) {
    sprint::FlushLog();
    return 0;
  }
  SPRINT_LOG(kError) << status.message();
  sprint::FlushLog();
  if (!flags.log_file.empty()) {
    std::fprintf(stderr, "sprint-coordinator: %s\n", std::string(status.message()).c_str());
  }
  return 1;
}
