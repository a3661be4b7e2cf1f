#include "cli/local_coordinator.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/siblings.h"
#include "conversation/token.h"
#include "storage/endpoint.h"

namespace sprint {
namespace {

// A process that is alive answers within this even on a busy machine.
constexpr absl::Duration kInfoPatience = absl::Seconds(10);
constexpr absl::Duration kPoll = absl::Milliseconds(20);
constexpr absl::Duration kEndPatience = absl::Seconds(10);

bool OnThisMachine(const std::string& address) {
  return absl::StartsWith(address, "127.") || absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]") || absl::StartsWith(address, "unix:");
}

int64_t SizeOf(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

// The log lies beside the database: where it cannot be written, neither can the database.
absl::Status CheckLog(const std::string& database, const std::string& log) {
  const std::string folder = std::filesystem::path(database).parent_path().string();
  if (!folder.empty() && !IsDirectory(folder)) {
    return absl::NotFoundError(absl::StrCat(
        "the folder ", folder, " of the database does not exist; make it, or name another with --db"));
  }
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "cannot write ", log, " beside the database: ", std::strerror(errno), "; name another with --db"));
  }
  close(fd);
  return absl::OkStatus();
}

// The coordinator that an endpoint file speaks of, when it is really this database's owner.
absl::StatusOr<std::unique_ptr<ControlClient>> Reach(const Endpoint& endpoint,
                                                     const std::string& token_file) {
  // A dead process leaves its file behind; its port may be another program's now.
  if (OnThisMachine(endpoint.address) && kill(static_cast<pid_t>(endpoint.pid), 0) != 0 && errno == ESRCH) {
    return nullptr;
  }
  std::string token;
  if (!token_file.empty()) {
    SPRINT_ASSIGN_OR_RETURN(token, ReadTokenFile(token_file));
  }
  absl::StatusOr<std::unique_ptr<ControlClient>> client =
      ControlClient::Connect(endpoint.address, kInfoPatience, token);
  if (!client.ok()) {
    if (ReasonOf(client.status()) == Reason::kNotReachable) return nullptr;
    return client.status();
  }
  const v1::InfoResponse& info = (*client)->info();
  if (info.epoch() != endpoint.epoch || info.pid() != endpoint.pid) return nullptr;
  return client;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlClient>> AttachToOwner(const std::string& database,
                                                             const std::string& token_file) {
  const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(database);
  if (absl::IsNotFound(endpoint.status())) return nullptr;
  if (!endpoint.ok()) return endpoint.status();
  return Reach(*endpoint, token_file);
}

absl::StatusOr<std::unique_ptr<LocalCoordinator>> LocalCoordinator::Start(const Options& options) {
  SPRINT_ASSIGN_OR_RETURN(const std::string program, FindSibling("coordinator"));
  std::unique_ptr<LocalCoordinator> coordinator(new LocalCoordinator());
  coordinator->log_ = absl::StrCat(options.database, ".log");
  SPRINT_RETURN_IF_ERROR(CheckLog(options.database, coordinator->log_));
  coordinator->log_begin_ = SizeOf(coordinator->log_);
  std::vector<std::string> arguments = {
      "--db",       options.database, "--local-workers", absl::StrCat(options.workers),
      "--log-file", coordinator->log_};
  if (options.worker_threads > 0) {
    arguments.insert(arguments.end(), {"--worker-threads", absl::StrCat(options.worker_threads)});
  }
  if (!options.token_file.empty()) arguments.insert(arguments.end(), {"--token-file", options.token_file});
  if (options.exit_when_idle) arguments.emplace_back("--exit-when-idle");
  SPRINT_ASSIGN_OR_RETURN(coordinator->pid_, StartDetached(program, arguments, coordinator->log_));
  const absl::Status serving = coordinator->WaitUntilItServes(options);
  if (serving.ok()) return coordinator;
  if (coordinator->Running()) coordinator->EndNow();
  return serving;
}

absl::Status LocalCoordinator::WaitUntilItServes(const Options& options) {
  const absl::Time deadline = absl::Now() + options.patience;
  while (absl::Now() < deadline) {
    if (!Running()) {
      const std::string words = LastWords();
      return absl::FailedPreconditionError(
          words.empty() ? absl::StrCat("the coordinator ended at once and said nothing; see ", log_) : words);
    }
    const absl::StatusOr<Endpoint> endpoint = ReadEndpoint(options.database);
    // A file of an earlier owner has another process id.
    if (endpoint.ok() && endpoint->pid == pid_) {
      SPRINT_ASSIGN_OR_RETURN(client_, Reach(*endpoint, options.token_file));
      if (client_ != nullptr) return absl::OkStatus();
    }
    absl::SleepFor(kPoll);
  }
  return Error(absl::StatusCode::kUnavailable, Reason::kNotReachable,
               absl::StrCat("the coordinator did not answer within ", absl::FormatDuration(options.patience),
                            "; see ", log_));
}

bool LocalCoordinator::Running() {
  if (ended_) return false;
  int status = 0;
  const pid_t reaped = waitpid(pid_, &status, WNOHANG);
  ended_ = reaped == pid_ || (reaped < 0 && errno == ECHILD);
  return !ended_;
}

bool LocalCoordinator::WaitForEnd(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  while (Running()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(kPoll);
  }
  return true;
}

void LocalCoordinator::EndNow() {
  // An error means that it is ending already, or does not listen: the waits below tell.
  if (client_ != nullptr) client_->Shutdown(/*now=*/true).IgnoreError();
  if (client_ != nullptr && WaitForEnd(kEndPatience)) return;
  for (const int signal : {SIGTERM, SIGKILL}) {
    if (!Running()) return;
    kill(pid_, signal);
    if (WaitForEnd(kEndPatience)) return;
  }
}

std::string LocalCoordinator::LastWords() const {
  std::ifstream file(log_, std::ios::binary);
  file.seekg(log_begin_);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string last;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::string_view words = absl::StripAsciiWhitespace(line);
    if (words.empty()) continue;
    // Its own word on why it ends, before anything that a library may add.
    if (absl::ConsumePrefix(&words, "sprint-coordinator: ")) return std::string(words);
    last = std::string(words);
  }
  return last;
}

absl::StatusOr<Coordinator> AttachOrStart(const LocalCoordinator::Options& options) {
  Coordinator coordinator;
  SPRINT_ASSIGN_OR_RETURN(coordinator.attached, AttachToOwner(options.database, options.token_file));
  if (coordinator.attached != nullptr) return coordinator;
  absl::StatusOr<std::unique_ptr<LocalCoordinator>> started = LocalCoordinator::Start(options);
  if (started.ok()) {
    coordinator.started = *std::move(started);
    return coordinator;
  }
  // Another command may have been faster with the same idea.
  absl::StatusOr<std::unique_ptr<ControlClient>> other = AttachToOwner(options.database, options.token_file);
  if (!other.ok() || *other == nullptr) return started.status();
  coordinator.attached = *std::move(other);
  return coordinator;
}

}  // namespace sprint
