// The coordinator of a database on this machine: found when it runs, started when it does not.
#ifndef SPRINT_CLI_LOCAL_COORDINATOR_H_
#define SPRINT_CLI_LOCAL_COORDINATOR_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/client.h"

namespace sprint {

// A coordinator process that this process started. It outlives this object, and this process: only
// its end in good order is ours to ask for. Not thread-safe.
class LocalCoordinator {
 public:
  struct Options {
    std::string database;
    int workers = 0;
    int worker_threads = 0;  // of each; 0: all there are
    std::string token_file;  // the coordinator asks for what is in it; empty: for nothing
    // Ends by itself when no experiment is left to run.
    bool exit_when_idle = true;
    absl::Duration patience = absl::Seconds(60);  // for the endpoint to answer
  };
  // Starts `sprint-coordinator` in a session of its own with its log in DATABASE.log, and waits until it
  // answers. Worker N logs to DATABASE.log.worker-N. When it ends instead: FAILED_PRECONDITION with the line
  // it ended with. UNAVAILABLE when the patience is over (the process is ended then).
  static absl::StatusOr<std::unique_ptr<LocalCoordinator>> Start(const Options& options);

  ControlClient& client() { return *client_; }
  pid_t pid() const { return pid_; }
  // False once the process has ended.
  bool Running();
  // Waits for the process to end, for at most `patience`; whether it did.
  bool WaitForEnd(absl::Duration patience);
  // Asks it to end now, waits, and ends it by signal when it does not listen.
  void EndNow();
  // The last line of the log that the process wrote, for messages; may be empty.
  std::string LastWords() const;
  const std::string& log() const { return log_; }

 private:
  LocalCoordinator() = default;
  absl::Status WaitUntilItServes(const Options& options);
  std::string log_;
  int64_t log_begin_ = 0;  // where this process's part of the log begins
  pid_t pid_ = 0;
  bool ended_ = false;
  std::unique_ptr<ControlClient> client_;
};

// The live coordinator that owns `database`, null when none runs. Errors: an endpoint file that is no such
// thing, a coordinator of another protocol version or that asks for another token. `token_file` may be empty.
absl::StatusOr<std::unique_ptr<ControlClient>> AttachToOwner(const std::string& database,
                                                             const std::string& token_file);

// A coordinator, and who started it.
struct Coordinator {
  std::unique_ptr<ControlClient> attached;  // one of the two
  std::unique_ptr<LocalCoordinator> started;
  ControlClient& client() { return started != nullptr ? started->client() : *attached; }
};
// Attaches to the owner of the database, or starts one; of two that start at a time, one attaches.
absl::StatusOr<Coordinator> AttachOrStart(const LocalCoordinator::Options& options);

}  // namespace sprint

#endif  // SPRINT_CLI_LOCAL_COORDINATOR_H_
