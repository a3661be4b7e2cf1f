// Workers that the coordinator's own program runs as its children.
//
// They end with it: the kernel kills a child whose parent died (PR_SET_PDEATHSIG), and what a worker
// had not delivered is computed again. One that dies is reported to the coordinator and started
// again, with a growing pause. One that fails three times in a row before it ever worked is given up
// and reported.
#ifndef SPRINT_COORDINATOR_RPC_LOCAL_WORKERS_H_
#define SPRINT_COORDINATOR_RPC_LOCAL_WORKERS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sprint {

struct LocalWorkersOptions {
  int count = 0;
  std::string program;                 // path of the worker's program
  std::string coordinator;             // HOST:PORT
  std::vector<std::string> arguments;  // further ones, for each
  std::string log_prefix;              // worker N logs to PREFIX.worker-N; empty: stderr
  absl::Duration pause_min = absl::Milliseconds(500);
  absl::Duration pause_max = absl::Seconds(30);
  // A process that lived for so long did work.
  absl::Duration settled = absl::Seconds(20);
};

struct LocalWorkersHooks {
  std::function<void(const std::string& instance)> died;  // otherwise than in good order
  std::function<void(int slot, const std::string& why)> given_up;
};

// Not thread-safe. Of one thread, the process's main: children die with the thread that forked them.
class LocalWorkers {
 public:
  LocalWorkers(LocalWorkersOptions options, LocalWorkersHooks hooks);
  // Stop, with a short patience.
  ~LocalWorkers();
  LocalWorkers(const LocalWorkers&) = delete;
  LocalWorkers& operator=(const LocalWorkers&) = delete;

  // NOT_FOUND when the program does not exist or cannot be executed.
  absl::Status CheckProgram() const;
  // Starts what is due, notices who ended. Called several times a second. With `ending` nobody is
  // started any more.
  void Poll(absl::Time now, bool ending);
  // SIGTERM, and after `patience` SIGKILL, to those that still run; waits for them.
  void Stop(absl::Duration patience);
  int running() const;

 private:
  struct Slot {
    int number = 0;  // from 1
    pid_t pid = 0;   // 0: none runs
    std::string instance;
    absl::Time started;
    absl::Time next = absl::InfinitePast();
    absl::Duration pause;
    int failures = 0;  // in a row, before it worked
    bool given_up = false;
  };
  void Start(Slot& slot, absl::Time now);
  void Ended(Slot& slot, int wait_status, absl::Time now, bool ending);

  const LocalWorkersOptions options_;
  const LocalWorkersHooks hooks_;
  std::vector<Slot> slots_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_LOCAL_WORKERS_H_
