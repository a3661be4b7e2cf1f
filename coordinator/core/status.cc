// What people are shown of the state.
#include "absl/strings/str_cat.h"
#include "coordinator/core/core.h"
#include "coordinator/core/state.h"

namespace sprint {
namespace {

constexpr size_t kMostNotes = 10;  // of one kind

}  // namespace

std::vector<std::string> Core::State::NotesFor(const CoreExperiment& experiment) const {
  std::vector<std::string> notes;
  size_t refusals = 0;
  for (const auto& [id, worker] : workers) {
    if (!worker.connected) continue;
    for (const auto& [run, message] : worker.refused) {
      if (!experiment.runs.contains(run) || ++refusals > kMostNotes) continue;
      notes.push_back(
          absl::StrCat("worker ", worker.hello.name, " refused run ", run.value(), ": ", message));
    }
  }
  if (refusals > kMostNotes)
    notes.push_back(absl::StrCat(refusals - kMostNotes, " more workers refused a run"));
  size_t listed = 0;
  for (const CellKey& cell : experiment.quarantined) {
    if (++listed > kMostNotes) break;
    const Failure& failure = failures.at(cell);
    notes.push_back(absl::StrCat("quarantined after ", failure.attempts, " tries: ", ToString(cell), ": ",
                                 failure.error));
  }
  if (experiment.quarantined.size() > kMostNotes) {
    notes.push_back(absl::StrCat(experiment.quarantined.size() - kMostNotes, " more cells are quarantined"));
  }
  if (experiment.alarms > 0) {
    notes.push_back(absl::StrCat("determinism alarm: ", experiment.alarms,
                                 " answers were computed twice in one numerics class and differ"));
  }
  return notes;
}

ExperimentStatus Core::State::StatusFor(const CoreExperiment& experiment) const {
  ExperimentStatus status;
  status.id = experiment.id;
  status.name = experiment.name;
  status.state = experiment.state;
  status.priority = experiment.priority;
  status.cells = experiment.cells;
  status.done = experiment.cells - experiment.missing;
  status.leased = experiment.leased;
  status.quarantined = static_cast<int64_t>(experiment.quarantined.size());
  status.alarms = experiment.alarms;
  for (const ArmCounters& counters : experiment.counters) {
    status.correct += counters.correct;
    status.tokens += counters.tokens;
  }
  if (experiment.running()) {
    for (const auto& [id, worker] : workers) {
      bool waits = worker.connected;
      for (const auto& [run, description] : experiment.runs) {
        waits = waits && !worker.refused.contains(run) && !Serves(worker, experiment, run);
      }
      status.waiting_numerics += waits ? 1 : 0;
    }
  }
  status.arms = experiment.counters;
  status.arm_names = experiment.arm_names;
  status.notes = NotesFor(experiment);
  if (status.waiting_numerics > 0) {
    status.notes.push_back(absl::StrCat(status.waiting_numerics,
                                        " workers compute in another numerics class and get nothing of this "
                                        "experiment; mixed_numerics allows it"));
  }
  return status;
}

std::vector<ExperimentStatus> Core::Experiments() const {
  std::vector<ExperimentStatus> all;
  for (const auto& [id, experiment] : state_->experiments) all.push_back(state_->StatusFor(*experiment));
  return all;
}

std::optional<ExperimentStatus> Core::Experiment(ExperimentId id) const {
  const auto found = state_->experiments.find(id);
  if (found == state_->experiments.end()) return std::nullopt;
  return state_->StatusFor(*found->second);
}

std::vector<WorkerStatus> Core::Workers() const {
  std::vector<WorkerStatus> all;
  for (const auto& [id, worker] : state_->workers) {
    WorkerStatus status;
    status.id = id;
    status.hello = worker.hello;
    status.numerics = worker.hello.numerics;
    status.connected = worker.connected && !worker.silent;
    status.draining = worker.draining;
    status.leased = worker.leased;
    status.credit = worker.credit;
    status.done = worker.done;
    status.tokens_per_second = worker.tokens_per_second;
    status.last_heard = worker.last_heard;
    status.last_error = worker.last_error;
    all.push_back(std::move(status));
  }
  return all;
}

bool Core::Idle() const { return state_->leases.empty() && state_->OpenCells() == 0; }

int64_t Core::StateBytes() const {
  const State& state = *state_;
  int64_t bytes = 0;
  for (const auto& [id, experiment] : state.experiments) {
    bytes += static_cast<int64_t>(sizeof(CoreExperiment));
    for (const Row& row : experiment->rows) {
      bytes += static_cast<int64_t>(sizeof(Row) + sizeof(Question)) + row.missing.bytes() + row.open.bytes();
    }
    for (const auto& [question, prompt] : experiment->prompts) {
      bytes += static_cast<int64_t>(prompt.size() * sizeof(int32_t));
    }
    bytes += static_cast<int64_t>(experiment->counters.size() * sizeof(ArmCounters));
  }
  const size_t entries = state.leased.size() + state.failures.size();
  bytes += static_cast<int64_t>(entries * (sizeof(CellKey) + sizeof(Failure)));
  for (const auto& [id, worker] : state.workers) {
    bytes += static_cast<int64_t>(sizeof(CoreWorker) + worker.held.size() * sizeof(QuestionKey));
  }
  return bytes;
}

}  // namespace sprint
