#include "coordinator/rpc/local_workers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/signals.h"

namespace sprint {
namespace {

constexpr int kMostFailures = 3;
constexpr int kExecFailed = 127;

// In the child: only async-signal-safe calls between fork and exec.
[[noreturn]] void Become(const char* program, char* const* arguments, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExecFailed);  // it died before the line above
  setpgid(0, 0);                                // a Ctrl-C at the terminal is the coordinator's to pass on
  UnblockSignals();
  execv(program, arguments);
  _exit(kExecFailed);
}

std::string HowItEnded(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("killed by signal ", WTERMSIG(wait_status));
  return absl::StrCat("exit code ", WEXITSTATUS(wait_status));
}

}  // namespace

LocalWorkers::LocalWorkers(LocalWorkersOptions options, LocalWorkersHooks hooks)
    : options_(std::move(options)), hooks_(std::move(hooks)) {
  for (int i = 1; i <= options_.count; ++i) {
    Slot slot;
    slot.number = i;
    slot.pause = options_.pause_min;
    slots_.push_back(std::move(slot));
  }
}

LocalWorkers::~LocalWorkers() { Stop(absl::Seconds(2)); }

absl::Status LocalWorkers::CheckProgram() const {
  if (options_.count == 0 || access(options_.program.c_str(), X_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("the worker's program ", options_.program,
                                          " is not there or cannot be run; name it with --worker-program"));
}

void LocalWorkers::Start(Slot& slot, absl::Time now) {
  slot.instance = absl::BytesToHexString(RandomBytes(16));
  std::vector<std::string> words = {options_.program,
                                    "--coordinator",
                                    options_.coordinator,
                                    "--instance",
                                    slot.instance,
                                    "--name",
                                    absl::StrCat("local-", slot.number)};
  if (!options_.log_prefix.empty()) {
    words.push_back("--log-file");
    words.push_back(absl::StrCat(options_.log_prefix, ".worker-", slot.number));
  }
  words.insert(words.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(options_.program.c_str(), arguments.data(), parent);
  if (pid < 0) {
    SPRINT_LOG(kError) << "local worker " << slot.number
                       << " cannot be started: the system has no room for a "
                       << "process; it is tried again";
    slot.next = now + slot.pause;
    slot.pause = std::min(2 * slot.pause, options_.pause_max);
    return;
  }
  slot.pid = pid;
  slot.started = now;
  SPRINT_LOG(kInfo) << "local worker " << slot.number << " started: pid " << pid << ", instance "
                    << slot.instance;
}

void LocalWorkers::Poll(absl::Time now, bool ending) {
  for (Slot& slot : slots_) {
    int wait_status = 0;
    if (slot.pid > 0 && waitpid(slot.pid, &wait_status, WNOHANG) == slot.pid) {
      Ended(slot, wait_status, now, ending);
    }
    if (slot.pid == 0 && !slot.given_up && !ending && now >= slot.next) Start(slot, now);
  }
}

void LocalWorkers::Ended(Slot& slot, int wait_status, absl::Time now, bool ending) {
  slot.pid = 0;
  const bool in_order = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (!in_order) hooks_.died(slot.instance);
  if (ending) return;
  const std::string how = HowItEnded(wait_status);
  const bool at_once = now - slot.started < options_.settled;
  // A signal ends a worker that did work; a program that cannot work says so by its exit code.
  slot.failures = at_once && WIFEXITED(wait_status) && !in_order ? slot.failures + 1 : 0;
  if (slot.failures >= kMostFailures) {
    slot.given_up = true;
    SPRINT_LOG(kError) << "local worker " << slot.number << " failed " << slot.failures << " times at once ("
                       << how << ") and is not started again";
    hooks_.given_up(slot.number, how);
    return;
  }
  slot.pause = at_once ? std::min(2 * slot.pause, options_.pause_max) : options_.pause_min;
  slot.next = now + slot.pause;
  SPRINT_LOG(kWarning) << "local worker " << slot.number << " ended (" << how << "); it is started again in "
                       << absl::FormatDuration(slot.pause);
}

void LocalWorkers::Stop(absl::Duration patience) {
  for (const Slot& slot : slots_) {
    if (slot.pid > 0) kill(slot.pid, SIGTERM);
  }
  const absl::Time until = absl::Now() + patience;
  while (running() > 0 && absl::Now() < until) {
    Poll(absl::Now(), /*ending=*/true);
    if (running() > 0) absl::SleepFor(absl::Milliseconds(20));
  }
  for (Slot& slot : slots_) {
    if (slot.pid == 0) continue;
    kill(slot.pid, SIGKILL);
    waitpid(slot.pid, nullptr, 0);
    slot.pid = 0;
  }
}

int LocalWorkers::running() const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.pid > 0; }));
}

}  // namespace sprint
