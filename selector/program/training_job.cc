#include "selector/program/training_job.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "cli/render/progress.h"
#include "selector/selector.h"
#include "storage/sqlite_store.h"

namespace sprint {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(300);

// What the child is told: not how to find a coordinator, nor what to do with the result.
std::vector<std::string> ArgumentsForTheChild(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--detach" || words[i] == "--json") continue;
    if (words[i] == "--coordinator" || words[i] == "--token-file") {
      ++i;
    } else if (!absl::StartsWith(words[i], "--coordinator=") &&
               !absl::StartsWith(words[i], "--token-file=")) {
      kept.push_back(words[i]);
    }
  }
  return kept;
}

bool IsOver(const v1::TrainingStatus& status) {
  return status.state() != "waiting" && status.state() != "running";
}

void Report(const Terminal& terminal, const v1::TrainingStatus& status, bool json) {
  if (json) {
    nlohmann::ordered_json report = {{"training", status.id()}, {"state", status.state()}};
    report["files"] = nlohmann::ordered_json::array();
    for (const std::string& file : status.files()) report["files"].push_back(file);
    terminal.out.Write(report.dump(2) + "\n");
    return;
  }
  for (const std::string& file : status.files()) terminal.out.Write(absl::StrCat(file, "\n"));
}

absl::StatusOr<v1::TrainingStatus> Follow(const Terminal& terminal, ControlClient& client, int64_t id) {
  ProgressPrinter printer({terminal.err.tty, terminal.err.width, terminal.err.style},
                          [&](absl::string_view text) { terminal.err.Write(text); });
  while (true) {
    absl::StatusOr<v1::TrainingStatus> status = client.TrainStatus(id);
    if (!status.ok()) {
      printer.Clear();
      return Annotate(
          status.status(),
          absl::StrCat("training ", id, " goes on when a coordinator of the database runs again"));
    }
    if (IsOver(*status)) {
      printer.Clear();
      return status;
    }
    ProgressState state;
    state.label = absl::StrCat("training ", id);
    state.done = static_cast<int64_t>(1000 * status->share());
    state.total = 1000;
    state.eta_seconds = status->eta_seconds();
    state.state = status->state() == "running" ? status->doing() : status->state();
    printer.Update(state, absl::Now());
    absl::SleepFor(kBetweenLooks);
  }
}

}  // namespace

absl::StatusOr<Coordinator> CoordinatorFor(const TrainingJob& job) {
  if (job.detach) return ReachOrStartBriefly(job.connection);
  Coordinator coordinator;
  if (!job.connection.coordinator.empty() || FileExists(job.connection.database)) {
    SPRINT_ASSIGN_OR_RETURN(coordinator.attached, ReachLive(job.connection));
  }
  return coordinator;
}

absl::Status RunTrainingJob(const Terminal& terminal, Coordinator& coordinator, TrainingJob job) {
  v1::TrainRequest request;
  request.set_name(job.name);
  request.set_folder(std::filesystem::current_path().string());
  for (const std::string& word : ArgumentsForTheChild(job.arguments)) request.add_arguments(word);
  SPRINT_ASSIGN_OR_RETURN(v1::TrainingStatus status, coordinator.client().Train(request));
  terminal.err.Write(absl::StrCat("training ", status.id(), " is with the coordinator at ",
                                  coordinator.client().address(), "\n"));
  if (!job.detach) {
    SPRINT_ASSIGN_OR_RETURN(status, Follow(terminal, coordinator.client(), status.id()));
  }
  Report(terminal, status, job.json);
  if (status.state() == "failed" || status.state() == "cancelled") {
    return absl::UnknownError(absl::StrCat("training ", status.id(), " ", status.state(),
                                           status.message().empty() ? "" : ": ", status.message()));
  }
  return absl::OkStatus();
}

absl::Status RecordSelectors(const Terminal& terminal, const std::string& database,
                             const std::string& snapshot_hash, const std::vector<std::string>& files) {
  if (!FileExists(database)) return absl::OkStatus();
  SPRINT_ASSIGN_OR_RETURN(const Hash256 snapshot, Hash256::FromHex(snapshot_hash));
  SqliteStoreOptions options;
  options.path = database;
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options);
  if (ReasonOf(store.status()) == Reason::kDatabaseOwned) {
    terminal.err.Write(
        absl::StrCat("note: ", store.status().message(), "; the selectors are in their files only\n"));
    return absl::OkStatus();
  }
  SPRINT_RETURN_IF_ERROR(store.status());
  for (const std::string& file : files) {
    SPRINT_ASSIGN_OR_RETURN(std::string bytes, ReadFile(file));
    SPRINT_ASSIGN_OR_RETURN(const Selector selector, ParseSelector(bytes, file));
    const std::string name = file.substr(file.rfind('/') + 1);
    SPRINT_RETURN_IF_ERROR((*store)
                               ->PutSelector({name.substr(0, name.rfind(".selector")), snapshot,
                                              selector.lineage, std::move(bytes), absl::Now()})
                               .status());
  }
  return absl::OkStatus();
}

}  // namespace sprint
