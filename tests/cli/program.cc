#include "tests/cli/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "tests/testing/testing.h"

namespace sprint::testing {
namespace {

struct Redirects {
  std::string out;
  std::string err;
};

// In the child: everything between fork and exec is async-signal-safe but the strings made before.
[[noreturn]] void Exec(const std::vector<char*>& argv, const std::vector<char*>& environment,
                       const char* where, const Redirects& to) {
  const auto redirect = [](const char* path, int flags, int target) {
    const int fd = open(path, flags, 0644);
    if (fd < 0) _exit(126);
    dup2(fd, target);
  };
  if (chdir(where) != 0) _exit(126);
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  redirect(to.out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
  redirect(to.err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
  for (char* variable : environment) putenv(variable);
  execvp(argv[0], argv.data());
  _exit(127);
}

pid_t Start(const std::string& command, const std::vector<std::string>& arguments, const std::string& where,
            const std::vector<std::string>& environment, const Redirects& to) {
  std::vector<std::string> words = {command};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> pointers;
  for (std::string& variable : variables) pointers.push_back(variable.data());
  const pid_t pid = fork();
  if (pid == 0) Exec(argv, pointers, where.c_str(), to);
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

ProgramResult RunProgram(const std::string& command, const std::vector<std::string>& arguments,
                         const std::string& where, const std::vector<std::string>& environment) {
  const TempDir folder;
  const Redirects to = {folder.File("out"), folder.File("err")};
  ProgramResult result;
  result.exit_code = WaitFor(Start(command, arguments, where, environment, to));
  result.out = ReadFile(to.out).value_or("");
  result.err = ReadFile(to.err).value_or("");
  return result;
}

ProgramResult RunSprint(const std::vector<std::string>& arguments, const std::string& where,
                        const std::vector<std::string>& environment) {
  return RunProgram(BinDir() + "/sprint", arguments, where, environment);
}

Background::Background(const std::string& command, const std::vector<std::string>& arguments,
                       const std::string& where, const std::string& out_file, const std::string& err_file)
    : pid_(Start(command, arguments, where, {}, {out_file, err_file})) {}

Background::~Background() {
  if (waited_) return;
  Signal(SIGKILL);
  Wait();
}

void Background::Signal(int signal) const { kill(pid_, signal); }

int Background::Wait() {
  if (!waited_) exit_code_ = WaitFor(pid_);
  waited_ = true;
  return exit_code_;
}

}  // namespace sprint::testing
