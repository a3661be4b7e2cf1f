#include "cli/siblings.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

extern char** environ;

namespace sprint {
namespace {

bool IsExecutable(const std::string& path) {
  std::error_code ignored;
  return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path, ignored);
}

std::string OwnFolder() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : self.parent_path().string();
}

// argv as exec wants it; points into `words`.
std::vector<char*> Argv(std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return argv;
}

std::vector<std::string> Words(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

// What posix_spawn is told, freed at the end of the scope.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    // A child starts with no signal blocked or ignored, whatever this process does with them.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    SetFlags(0);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  void SetFlags(int more) {
    posix_spawnattr_setflags(&attributes,
                             static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | more));
  }
};

absl::StatusOr<pid_t> Spawn(SpawnPlan& plan, const std::string& program,
                            const std::vector<std::string>& arguments) {
  std::vector<std::string> words = Words(program, arguments);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, Argv(words).data(), environ);
  if (error != 0)
    return absl::UnavailableError(absl::StrCat("cannot run ", program, ": ", std::strerror(error)));
  return pid;
}

// Reads both pipes to their ends, whichever speaks.
void Drain(std::array<pollfd, 2> pipes, SiblingOutput& output) {
  int open = 2;
  while (open > 0) {
    if (poll(pipes.data(), pipes.size(), -1) < 0 && errno != EINTR) return;
    for (size_t i = 0; i < pipes.size(); ++i) {
      if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
      char buffer[1 << 14];
      const ssize_t size = read(pipes[i].fd, buffer, sizeof buffer);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) {
        pipes[i].fd = -1;  // poll skips it from here on
        --open;
      } else {
        (i == 0 ? output.out : output.err).append(buffer, static_cast<size_t>(size));
      }
    }
  }
}

}  // namespace

bool IsSiblingCommand(const std::string& name) {
  for (const char* known : {"worker", "coordinator", "selector", "compare", "select"}) {
    if (name == known) return true;
  }
  return false;
}

absl::StatusOr<std::string> FindSibling(const std::string& name) {
  const std::string program = absl::StrCat("sprint-", name);
  std::vector<std::string> folders;
  if (const char* chosen = std::getenv("SPRINT_EXEC_PATH"); chosen != nullptr && *chosen != '\0') {
    folders.emplace_back(chosen);
  }
  const std::string own = OwnFolder();
  folders.push_back(own);
  if (const char* path = std::getenv("PATH"); path != nullptr) {
    for (const absl::string_view folder : absl::StrSplit(path, ':', absl::SkipEmpty()))
      folders.emplace_back(folder);
  }
  for (const std::string& folder : folders) {
    const std::string candidate = absl::StrCat(folder, "/", program);
    if (!folder.empty() && IsExecutable(candidate)) return candidate;
  }
  return absl::NotFoundError(
      absl::StrCat("cannot find the program ", program, " in ", own,
                   " or in $PATH; build or install it, or set SPRINT_EXEC_PATH to its folder"));
}

absl::Status ExecSibling(const std::string& name, const std::vector<std::string>& arguments) {
  SPRINT_ASSIGN_OR_RETURN(const std::string program, FindSibling(name));
  std::vector<std::string> words = Words(program, arguments);
  execv(program.c_str(), Argv(words).data());
  return absl::UnavailableError(absl::StrCat("cannot run ", program, ": ", std::strerror(errno)));
}

absl::StatusOr<pid_t> StartDetached(const std::string& program, const std::vector<std::string>& arguments,
                                    const std::string& log) {
  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0644);
  posix_spawn_file_actions_adddup2(&plan.actions, STDOUT_FILENO, STDERR_FILENO);
  plan.SetFlags(POSIX_SPAWN_SETSID);
  return Spawn(plan, program, arguments);
}

absl::StatusOr<SiblingOutput> RunSibling(const std::string& program,
                                         const std::vector<std::string>& arguments) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0)
    return absl::UnavailableError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  if (pipe2(err, O_CLOEXEC) != 0) {
    close(out[0]);
    close(out[1]);
    return absl::UnavailableError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, err[1], STDERR_FILENO);
  const absl::StatusOr<pid_t> pid = Spawn(plan, program, arguments);
  // The child's ends: the pipes close for us when it ends.
  close(out[1]);
  close(err[1]);
  SiblingOutput output;
  if (pid.ok()) Drain({pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}}, output);
  close(out[0]);
  close(err[0]);
  if (!pid.ok()) return pid.status();
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

}  // namespace sprint
