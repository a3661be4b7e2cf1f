#include "coordinator/rpc/trainings.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status.h"
#include "model/weights.h"

namespace sprint {
namespace {

using Json = nlohmann::json;

constexpr int kExecFailed = 127;

// In the child: only async-signal-safe calls between fork and exec.
[[noreturn]] void Become(const char* program, char* const* arguments, const char* folder, int out, int err,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent || chdir(folder) != 0) _exit(kExecFailed);
  setpgid(0, 0);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  UnblockSignals();
  execv(program, arguments);
  _exit(kExecFailed);
}

const char* StateName(const TrainingState state, bool started) {
  switch (state) {
    case TrainingState::kRunning:
      return started ? "running" : "waiting";
    case TrainingState::kFinished:
      return "finished";
    case TrainingState::kFailed:
      return "failed";
    case TrainingState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

// The last line that says something.
std::string LastLine(const std::string& text) {
  std::string last;
  for (const absl::string_view line : absl::StrSplit(text, absl::ByAnyChar("\n\r"), absl::SkipWhitespace()))
    last = std::string(line);
  return last;
}

}  // namespace

void TrainingBook::Add(const TrainingRecord& training) {
  const MutexLock lock(&mutex_);
  entries_[training.id].record = training;
}

void TrainingBook::End(int64_t id, TrainingState state, const std::string& message,
                       std::vector<std::string> files) {
  const MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  entry->second.record.state = state;
  entry->second.record.message = message;
  entry->second.files = std::move(files);
  if (state == TrainingState::kFinished) entry->second.progress = {"", 1, 0};
}

void TrainingBook::SetProgress(int64_t id, TrainingProgress progress) {
  const MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || entry->second.record.state != TrainingState::kRunning) return;
  entry->second.started = true;
  entry->second.progress = std::move(progress);
}

std::optional<TrainingRecord> TrainingBook::Next() const {
  const MutexLock lock(&mutex_);
  for (const auto& [id, entry] : entries_) {
    if (entry.record.state == TrainingState::kRunning) return entry.record;
  }
  return std::nullopt;
}

bool TrainingBook::busy() const { return Next().has_value(); }

bool TrainingBook::Runs(int64_t id) const {
  const MutexLock lock(&mutex_);
  const auto entry = entries_.find(id);
  return entry != entries_.end() && entry->second.record.state == TrainingState::kRunning;
}

absl::StatusOr<v1::TrainingStatus> TrainingBook::Status(int64_t id) const {
  const MutexLock lock(&mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return absl::NotFoundError(absl::StrCat("there is no training ", id));
  const Entry& entry = found->second;
  v1::TrainingStatus status;
  status.set_id(id);
  status.set_name(entry.record.name);
  status.set_state(StateName(entry.record.state, entry.started));
  status.set_message(entry.record.message);
  status.set_doing(entry.progress.doing);
  status.set_share(entry.progress.share);
  status.set_eta_seconds(entry.progress.eta_seconds);
  for (const std::string& file : entry.files) status.add_files(file);
  return status;
}

absl::StatusOr<TrainingResult> ReadTrainingReport(const std::string& report, const std::string& folder,
                                                  absl::Time now) {
  const Json json = Json::parse(report, nullptr, /*allow_exceptions=*/false);
  const auto is_text = [](const Json& object, const char* key) {
    return object.is_object() && object.contains(key) && object[key].is_string();
  };
  if (!is_text(json, "snapshot") || !json.contains("selectors") || !json["selectors"].is_array())
    return absl::InternalError("the training did not report as expected; use programs of one release");
  SPRINT_ASSIGN_OR_RETURN(const Hash256 snapshot, Hash256::FromHex(json["snapshot"].get<std::string>()));
  TrainingResult result;
  for (const Json& entry : json["selectors"]) {
    if (!is_text(entry, "file"))
      return absl::InternalError("the training reported a selector without its file");
    const auto name = entry["file"].get<std::string>();
    const std::string path = name.front() == '/' ? name : absl::StrCat(folder, "/", name);
    SPRINT_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path));
    SPRINT_ASSIGN_OR_RETURN(auto metadata, SafetensorsMetadata(bytes, path));
    std::string stem = path.substr(path.rfind('/') + 1);
    stem = stem.substr(0, stem.rfind(".selector"));
    result.files.push_back(path);
    result.selectors.push_back({stem, snapshot, metadata["lineage"], std::move(bytes), now});
  }
  return result;
}

std::string TrainingRunner::File(const char* ending) const {
  return absl::StrCat(options_.log_prefix, ".training-", training_.id, ending);
}

absl::Status TrainingRunner::Start(const TrainingRecord& training) {
  training_ = training;
  const int out = open(File(".out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int err = open(File("").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  std::vector<std::string> words = {options_.program, "train"};
  words.insert(words.end(), training.arguments.begin(), training.arguments.end());
  for (const std::string& word :
       {std::string("--here"), std::string("--json"), std::string("--progress-file"), File(".progress")})
    words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = out < 0 || err < 0 ? -1 : fork();
  if (pid == 0) Become(options_.program.c_str(), arguments.data(), training.folder.c_str(), out, err, parent);
  close(out);
  close(err);
  if (pid < 0) return absl::UnavailableError(absl::StrCat("training ", training.id, " cannot be started"));
  pid_ = pid;
  SPRINT_LOG(kInfo) << "training " << training.id << " \"" << training.name << "\" started: pid " << pid;
  return absl::OkStatus();
}

TrainingProgress TrainingRunner::Progress() const {
  TrainingProgress progress;
  const Json json =
      Json::parse(ReadFile(File(".progress")).value_or(""), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return progress;
  const auto number = [&json](const char* key, double fallback) {
    return json.contains(key) && json[key].is_number() ? json[key].get<double>() : fallback;
  };
  if (json.contains("doing") && json["doing"].is_string()) progress.doing = json["doing"].get<std::string>();
  progress.share = number("share", 0);
  progress.eta_seconds = number("eta_seconds", -1);
  return progress;
}

std::optional<TrainingResult> TrainingRunner::Poll() {
  int wait_status = 0;
  if (pid_ == 0 || waitpid(pid_, &wait_status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  std::remove(File(".progress").c_str());
  TrainingResult result;
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
    absl::StatusOr<TrainingResult> read =
        ReadTrainingReport(ReadFile(File(".out")).value_or(""), training_.folder, absl::Now());
    if (!read.ok()) {
      result.status = read.status();
    } else {
      result = *std::move(read);
    }
  } else if (WIFSIGNALED(wait_status)) {
    result.status = absl::AbortedError(absl::StrCat("it was killed by signal ", WTERMSIG(wait_status)));
  } else {
    const std::string words = LastLine(ReadFile(File("")).value_or(""));
    result.status =
        absl::UnknownError(words.empty() ? absl::StrCat("exit code ", WEXITSTATUS(wait_status)) : words);
  }
  std::remove(File(".out").c_str());
  SPRINT_LOG(kInfo) << "training " << training_.id << " ended: " << result.status.ToString();
  return result;
}

void TrainingRunner::Stop(absl::Duration patience) {
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  const absl::Time until = absl::Now() + patience;
  while (waitpid(pid_, nullptr, WNOHANG) != pid_) {
    if (absl::Now() > until) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      break;
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  pid_ = 0;
}

}  // namespace sprint
