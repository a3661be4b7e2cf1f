#include "storage/memory_store.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/memory_disk.h"

namespace sprint {
namespace {

class MemoryStore : public Store {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {
    const MutexLock lock(&disk_->mutex);
    epoch_ = ++disk_->epoch;
  }

  int64_t epoch() const override { return epoch_; }
  const std::string& grant_key() const override { return disk_->grant_key; }
  absl::StatusOr<CreatedExperiment> CreateExperiment(const ExperimentPlan& plan, absl::Time now) override;
  absl::StatusOr<ExperimentRecord> LoadExperiment(ExperimentId id) override;
  absl::StatusOr<std::vector<ExperimentId>> UnfinishedExperiments() override;
  absl::Status DeleteExperiment(ExperimentId id) override;
  absl::StatusOr<WorkerId> InternWorker(const WorkerRecord& worker) override;
  absl::StatusOr<NumericsId> InternNumerics(const std::string& description) override;
  absl::Status Commit(const WriteBatch& batch) override;
  absl::StatusOr<DurableAnswer> FindAnswer(const CellKey& cell) override;
  absl::StatusOr<std::vector<GoldEntry>> Golds(ExperimentId id) override;
  absl::StatusOr<std::vector<UnjudgedAnswer>> Unjudged(ExperimentId id, int32_t judge_version,
                                                       int64_t limit) override;
  absl::StatusOr<bool> PutSelector(const SelectorRecord& selector) override;
  absl::StatusOr<int64_t> AddTraining(const TrainingRecord& training) override;
  absl::Status EndTraining(int64_t id, TrainingState state, const std::string& message,
                           absl::Time now) override;
  absl::StatusOr<std::vector<TrainingRecord>> Trainings() override;

 private:
  absl::Status CheckOwner() const;
  absl::StatusOr<MemoryDisk::Experiment*> FindExperiment(ExperimentId id);
  absl::Status CheckBatch(const WriteBatch& batch) const;
  absl::Status CheckVerdict(const VerdictRecord& verdict) const;
  void Judge(const CellKey& cell, const VerdictRecord& verdict);

  std::shared_ptr<MemoryDisk> disk_;
  int64_t epoch_ = 0;
};

absl::Status NotThere(const CellKey& cell, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(ToString(cell), ": ", what, " is not in the store"));
}

absl::Status MemoryStore::CheckOwner() const {
  if (disk_->epoch == epoch_) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseFenced,
               absl::StrCat("the store has another owner since (epoch ", disk_->epoch, ", ours was ", epoch_,
                            "): this process must stop"));
}

absl::StatusOr<MemoryDisk::Experiment*> MemoryStore::FindExperiment(ExperimentId id) {
  const auto found = disk_->experiments.find(id);
  if (found != disk_->experiments.end()) return &found->second;
  return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
               absl::StrCat("the store has no experiment ", id.value()));
}

absl::StatusOr<CreatedExperiment> MemoryStore::CreateExperiment(const ExperimentPlan& plan, absl::Time now) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_RETURN_IF_ERROR(CheckPlan(plan));
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  const Hash256 selection = plan.SelectionHash();
  CreatedExperiment created;
  for (const auto& [id, experiment] : disk_->experiments) {
    if (experiment.head.selection != selection) continue;
    created.id = id;
    created.continued = true;
  }
  if (!created.continued) created.id = ExperimentId(disk_->next_experiment++);
  MemoryDisk::Experiment& experiment = disk_->experiments[created.id];
  ExperimentRecord& head = experiment.head;
  if (!created.continued) {
    head.id = created.id;
    head.selection = selection;
    head.created = now;
    experiment.MakeBlocks(*disk_, plan);
  }
  head.name = plan.name;
  head.priority = plan.priority;
  head.mixed_numerics = plan.mixed_numerics;
  head.hidden_layers = plan.hidden_layers;
  if (head.state != ExperimentState::kFinished) head.state = ExperimentState::kRunning;
  experiment.SetProblems(*disk_, plan);
  if (!created.continued) experiment.Recount(*disk_);
  for (const ArmCounters& of_arm : head.counters) {
    created.cells += of_arm.cells;
    created.existing += of_arm.done;
  }
  return created;
}

absl::StatusOr<ExperimentRecord> MemoryStore::LoadExperiment(ExperimentId id) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_ASSIGN_OR_RETURN(const MemoryDisk::Experiment* experiment, FindExperiment(id));
  ExperimentRecord record = experiment->head;
  for (StoredRun& stored : record.runs) stored.run = disk_->runs[static_cast<size_t>(stored.id.value() - 1)];
  std::set<NumericsId> numerics;
  experiment->ForEachDone(*disk_, [&](const OutcomeRecord& outcome) {
    record.done.push_back(outcome.cell);
    if (outcome.numerics.valid()) numerics.insert(outcome.numerics);
  });
  if (numerics.size() == 1) record.numerics = *numerics.begin();
  for (const auto& [cell, failure] : disk_->failures) {
    if (experiment->Holds(cell)) record.failures.push_back(failure);
  }
  return record;
}

absl::StatusOr<std::vector<ExperimentId>> MemoryStore::UnfinishedExperiments() {
  const MutexLock lock(&disk_->mutex);
  std::vector<ExperimentId> ids;
  for (const auto& [id, experiment] : disk_->experiments) {
    if (experiment.head.state != ExperimentState::kFinished) ids.push_back(id);
  }
  return ids;
}

absl::Status MemoryStore::DeleteExperiment(ExperimentId id) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  SPRINT_RETURN_IF_ERROR(FindExperiment(id).status());
  disk_->experiments.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<WorkerId> MemoryStore::InternWorker(const WorkerRecord& worker) {
  const MutexLock lock(&disk_->mutex);
  std::vector<WorkerRecord>& workers = disk_->workers;
  for (size_t i = 0; i < workers.size(); ++i) {
    if (workers[i].instance == worker.instance) return WorkerId(static_cast<int64_t>(i) + 1);
  }
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  workers.push_back(worker);
  return WorkerId(static_cast<int64_t>(workers.size()));
}

absl::StatusOr<NumericsId> MemoryStore::InternNumerics(const std::string& description) {
  const MutexLock lock(&disk_->mutex);
  std::vector<std::string>& numerics = disk_->numerics;
  const auto known = std::find(numerics.begin(), numerics.end(), description);
  if (known != numerics.end()) return NumericsId(known - numerics.begin() + 1);
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  numerics.push_back(description);
  return NumericsId(static_cast<int64_t>(numerics.size()));
}

absl::StatusOr<bool> MemoryStore::PutSelector(const SelectorRecord& selector) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  return disk_->selectors.try_emplace(Sha256(selector.file), selector).second;
}

absl::StatusOr<int64_t> MemoryStore::AddTraining(const TrainingRecord& training) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  disk_->trainings.push_back(training);
  disk_->trainings.back().id = static_cast<int64_t>(disk_->trainings.size());
  return disk_->trainings.back().id;
}

absl::Status MemoryStore::EndTraining(int64_t id, TrainingState state, const std::string& message,
                                      absl::Time now) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  for (TrainingRecord& training : disk_->trainings) {
    if (training.id != id) continue;
    training.state = state;
    training.message = message;
    training.finished = now;
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("there is no training ", id));
}

absl::StatusOr<std::vector<TrainingRecord>> MemoryStore::Trainings() {
  const MutexLock lock(&disk_->mutex);
  return disk_->trainings;
}

absl::Status MemoryStore::CheckVerdict(const VerdictRecord& verdict) const {
  const int64_t gold = verdict.gold.value();
  if (gold < 1 || gold > static_cast<int64_t>(disk_->golds.size()))
    return NotThere(verdict.cell, "the verdict's gold");
  return absl::OkStatus();
}

// Everything that could be refused is looked at before anything is written.
absl::Status MemoryStore::CheckBatch(const WriteBatch& batch) const {
  std::set<CellKey> fresh;
  const auto durable = [&](const CellKey& cell) {
    return disk_->outcomes.contains(cell) || fresh.contains(cell);
  };
  const auto known_worker = [&](WorkerId id) {
    return id.value() <= static_cast<int64_t>(disk_->workers.size());
  };
  for (const OutcomeRecord& outcome : batch.outcomes) {
    if (durable(outcome.cell))
      return absl::AlreadyExistsError(absl::StrCat(ToString(outcome.cell), " is durable already"));
    if (!disk_->Knows(outcome.cell)) return NotThere(outcome.cell, "its run, question or arm");
    if (!known_worker(outcome.worker)) return NotThere(outcome.cell, "its worker");
    if (outcome.numerics.value() > static_cast<int64_t>(disk_->numerics.size())) {
      return NotThere(outcome.cell, "its numerics class");
    }
    for (const VerdictRecord& verdict : outcome.verdicts) SPRINT_RETURN_IF_ERROR(CheckVerdict(verdict));
    fresh.insert(outcome.cell);
  }
  for (const VerdictRecord& verdict : batch.verdicts) {
    if (!durable(verdict.cell)) return NotThere(verdict.cell, "the outcome of its verdict");
    SPRINT_RETURN_IF_ERROR(CheckVerdict(verdict));
  }
  for (const FailureRecord& failure : batch.failures) {
    if (!disk_->Knows(failure.cell)) return NotThere(failure.cell, "its run, question or arm");
    if (!known_worker(failure.worker)) return NotThere(failure.cell, "its worker");
  }
  for (const AlarmRecord& alarm : batch.alarms) {
    if (!durable(alarm.cell)) return NotThere(alarm.cell, "the outcome of its alarm");
  }
  return absl::OkStatus();
}

// The counters move by the difference that the verdict makes to each experiment.
void MemoryStore::Judge(const CellKey& cell, const VerdictRecord& verdict) {
  MemoryDisk::Verdicts& verdicts = disk_->verdicts[cell];
  const MemoryDisk::Verdicts before = verdicts;
  VerdictRecord& stored = verdicts[{verdict.gold, verdict.judge_version}];
  stored = verdict;
  stored.cell = cell;
  for (auto& [id, experiment] : disk_->experiments) {
    ArmCounters* const counters = experiment.CountersOf(cell);
    if (counters == nullptr) continue;
    const auto [was_judged, was_correct] = experiment.Verdict(cell.question, before);
    const auto [is_judged, is_correct] = experiment.Verdict(cell.question, verdicts);
    counters->judged += int64_t{is_judged} - int64_t{was_judged};
    counters->correct += int64_t{is_correct} - int64_t{was_correct};
  }
}

absl::Status MemoryStore::Commit(const WriteBatch& batch) {
  const MutexLock lock(&disk_->mutex);
  if (batch.empty()) return absl::OkStatus();
  SPRINT_RETURN_IF_ERROR(CheckOwner());
  SPRINT_RETURN_IF_ERROR(CheckBatch(batch));
  for (const OutcomeRecord& outcome : batch.outcomes) {
    disk_->outcomes[outcome.cell] = outcome;
    for (auto& [id, experiment] : disk_->experiments) {
      ArmCounters* const counters = experiment.CountersOf(outcome.cell);
      if (counters == nullptr) continue;
      counters->done += 1;
      counters->tokens += static_cast<int64_t>(outcome.tokens.size());
      counters->truncated += IsTruncated(outcome.finish) ? 1 : 0;
    }
    for (const HiddenState& hidden : outcome.hidden) disk_->AddFeature(outcome.cell, hidden);
    for (const VerdictRecord& verdict : outcome.verdicts) Judge(outcome.cell, verdict);
  }
  for (const VerdictRecord& verdict : batch.verdicts) Judge(verdict.cell, verdict);
  for (const CellKey& cell : batch.failures_cleared) disk_->failures.erase(cell);
  for (const FailureRecord& failure : batch.failures) disk_->failures[failure.cell] = failure;
  for (const StateChange& change : batch.states) {
    const auto found = disk_->experiments.find(change.experiment);
    if (found != disk_->experiments.end()) found->second.head.state = change.state;
  }
  disk_->alarms.insert(disk_->alarms.end(), batch.alarms.begin(), batch.alarms.end());
  return absl::OkStatus();
}

absl::StatusOr<Store::DurableAnswer> MemoryStore::FindAnswer(const CellKey& cell) {
  const MutexLock lock(&disk_->mutex);
  const auto found = disk_->outcomes.find(cell);
  if (found == disk_->outcomes.end())
    return absl::NotFoundError(absl::StrCat(ToString(cell), " has no outcome"));
  return DurableAnswer{found->second.tokens, found->second.numerics};
}

absl::StatusOr<std::vector<GoldEntry>> MemoryStore::Golds(ExperimentId id) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_ASSIGN_OR_RETURN(const MemoryDisk::Experiment* experiment, FindExperiment(id));
  std::set<GoldId> ids;
  for (const auto& [question, golds] : experiment->golds) ids.insert(golds.begin(), golds.end());
  std::vector<GoldEntry> entries;
  for (const GoldId gold : ids) entries.push_back(disk_->golds[static_cast<size_t>(gold.value() - 1)]);
  return entries;
}

absl::StatusOr<std::vector<UnjudgedAnswer>> MemoryStore::Unjudged(ExperimentId id, int32_t judge_version,
                                                                  int64_t limit) {
  const MutexLock lock(&disk_->mutex);
  SPRINT_ASSIGN_OR_RETURN(const MemoryDisk::Experiment* experiment, FindExperiment(id));
  std::vector<UnjudgedAnswer> found;
  experiment->ForEachDone(*disk_, [&](const OutcomeRecord& outcome) {
    const auto golds = experiment->golds.find(outcome.cell.question);
    if (golds == experiment->golds.end()) return;
    for (const GoldId gold : golds->second) {
      const auto verdicts = disk_->verdicts.find(outcome.cell);
      const bool judged =
          verdicts != disk_->verdicts.end() && verdicts->second.contains({gold, judge_version});
      if (judged || static_cast<int64_t>(found.size()) >= limit) continue;
      found.push_back(
          {outcome.cell, gold, disk_->golds[static_cast<size_t>(gold.value() - 1)].text, outcome.text});
    }
  });
  return found;
}

}  // namespace

std::shared_ptr<MemoryDisk> MakeMemoryDisk() {
  auto disk = std::make_shared<MemoryDisk>();
  disk->grant_key = RandomBytes(32);
  return disk;
}

std::unique_ptr<Store> OpenMemoryStore(std::shared_ptr<MemoryDisk> disk) {
  return std::make_unique<MemoryStore>(std::move(disk));
}

std::vector<OutcomeRecord> AllOutcomes(const MemoryDisk& disk) {
  const MutexLock lock(&disk.mutex);
  std::vector<OutcomeRecord> all;
  for (const auto& [cell, outcome] : disk.outcomes) {
    all.push_back(outcome);
    all.back().verdicts.clear();
    const auto verdicts = disk.verdicts.find(cell);
    if (verdicts == disk.verdicts.end()) continue;
    for (const auto& [key, verdict] : verdicts->second) all.back().verdicts.push_back(verdict);
  }
  return all;
}

std::vector<AlarmRecord> AllAlarms(const MemoryDisk& disk) {
  const MutexLock lock(&disk.mutex);
  return disk.alarms;
}

std::vector<FailureRecord> AllFailures(const MemoryDisk& disk) {
  const MutexLock lock(&disk.mutex);
  std::vector<FailureRecord> all;
  for (const auto& [cell, failure] : disk.failures) all.push_back(failure);
  return all;
}

std::vector<ArmCounters> RecountCounters(const MemoryDisk& disk, ExperimentId id) {
  const MutexLock lock(&disk.mutex);
  const auto found = disk.experiments.find(id);
  if (found == disk.experiments.end()) return {};
  MemoryDisk::Experiment copy = found->second;
  copy.Recount(disk);
  return copy.head.counters;
}

}  // namespace sprint
