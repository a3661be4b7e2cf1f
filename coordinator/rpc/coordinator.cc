#include "coordinator/rpc/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace sprint {
namespace {

std::unique_ptr<Core> MakeCore(const Store& store, const CoordinatorOptions& options) {
  CoreOptions core;
  core.epoch = store.epoch();
  core.grant_key = store.grant_key();
  core.lease = options.lease;
  core.heartbeat = options.heartbeat;
  return std::make_unique<Core>(core);
}

constexpr absl::Duration kSecond = absl::Seconds(1);
// A log that readers hold back is reported from this size on.
constexpr int64_t kLargeWal = int64_t{256} << 20;

}  // namespace

Coordinator::Coordinator(std::unique_ptr<Store> store, std::unique_ptr<Core> core,
                         const CoordinatorOptions& options)
    : options_(options),
      epoch_(store->epoch()),
      watches_([this](ExperimentId id) { return StatusOf(id); }),
      loop_(std::move(store), std::move(core),
            EventLoopOptions{options.clock, options.linger, absl::Milliseconds(100), absl::Seconds(5)},
            Hooks()),
      pool_(options.judge_threads) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Start(std::unique_ptr<Store> store,
                                                                const CoordinatorOptions& options) {
  std::unique_ptr<Core> core = MakeCore(*store, options);
  auto coordinator =
      std::unique_ptr<Coordinator>(new Coordinator(std::move(store), std::move(core), options));
  SPRINT_RETURN_IF_ERROR(coordinator->LoadUnfinished());
  coordinator->busy_ = options.clock->Now();
  coordinator->loop_.Start();
  return coordinator;
}

Coordinator::~Coordinator() { Stop(); }

// Before the loop starts, so on the caller's thread.
absl::Status Coordinator::LoadUnfinished() {
  SPRINT_ASSIGN_OR_RETURN(const std::vector<ExperimentId> ids, loop_.store().UnfinishedExperiments());
  for (const ExperimentId id : ids) {
    SPRINT_RETURN_IF_ERROR(Load(id));
    JudgeStored(id, {});
  }
  SPRINT_ASSIGN_OR_RETURN(const std::vector<TrainingRecord> trainings, loop_.store().Trainings());
  for (const TrainingRecord& training : trainings) trainings_.Add(training);
  SPRINT_LOG(kInfo) << "epoch " << epoch_ << ": " << ids.size() << " unfinished experiments";
  return absl::OkStatus();
}

EventLoopHooks Coordinator::Hooks() {
  EventLoopHooks hooks;
  hooks.send = [this](const Outgoing& outgoing) { Deliver(outgoing); };
  hooks.committed = [this](const WriteBatch& batch, absl::Duration took) { Committed(batch, took); };
  hooks.trouble = [this](const absl::Status& status) { Trouble(status); };
  hooks.round = [this](const auto& changed, absl::Time now) { return Round(changed, now); };
  hooks.ended = [this](const absl::Status& status) {
    const absl::Status end = absl::UnavailableError("the coordinator is ending");
    watches_.EndAll(end);
    for (const auto& [worker, stream] : streams_) stream->Close(end);
    SetDone(status);
  };
  return hooks;
}

void Coordinator::Committed(const WriteBatch& batch, absl::Duration took) {
  const absl::Time now = loop_.Now();
  for (const OutcomeRecord& outcome : batch.outcomes) {
    for (const ExperimentId experiment : outcome.experiments) {
      rates_.Add(experiment, 1, static_cast<int64_t>(outcome.tokens.size()), now);
    }
  }
  if (options_.metrics != nullptr) options_.metrics->Committed(batch, took);
}

void Coordinator::Trouble(const absl::Status& status) {
  if (status.ok()) {
    SPRINT_LOG(kWarning) << "the database takes writes again; all that waited is written";
    notices_.erase("database");
    return;
  }
  std::string& notice = notices_["database"];
  if (notice.empty()) {
    SPRINT_LOG(kError) << status.message()
                       << "; the same commit is tried again until it passes, nothing is lost";
  }
  notice = absl::StrCat("nothing can be written now and results wait in memory: ", status.message());
}

absl::Time Coordinator::Round(const absl::flat_hash_set<ExperimentId>& changed, absl::Time now) {
  absl::Time next = watches_.Round(changed, now);
  if (is_draining_) CheckDrained();
  const bool ends_idle = options_.idle_grace < absl::InfiniteDuration();
  if (now >= gauged_ + kSecond) {
    gauged_ = now;
    Gauge();
    if (ends_idle && !is_draining_) CheckIdle(now);
  }
  if (ends_idle || options_.metrics != nullptr || !streams_.empty()) next = std::min(next, gauged_ + kSecond);
  return next;
}

void Coordinator::CheckIdle(absl::Time now) {
  bool running = watches_.size() > 0 || trainings_.busy();
  if (!running) {
    for (const ExperimentStatus& status : loop_.core().Experiments()) {
      running |= status.state == ExperimentState::kRunning;
    }
  }
  worked_ |= running;
  if (running) busy_ = now;
  if (now - busy_ < options_.idle_grace * (worked_ ? 1 : 10)) return;
  SPRINT_LOG(kInfo) << "no experiment runs and nobody watches: ending";
  is_draining_ = true;
  Drain();
}

void Coordinator::CheckDrained() {
  for (const WorkerStatus& worker : loop_.core().Workers()) {
    if (worker.connected) return;
  }
  SetDone(absl::OkStatus());
}

void Coordinator::Gauge() {
  const WalStatus wal = loop_.store().wal_status();
  if (wal.held_back && wal.bytes > kLargeWal) {
    notices_["wal"] =
        absl::StrCat("a program that reads the database keeps its log from being folded in; it has ",
                     wal.bytes >> 20, " MiB and grows: end long queries on ", options_.database);
  } else {
    notices_.erase("wal");
  }
  if (options_.metrics == nullptr) return;
  MetricLevels levels;
  levels.wal_bytes = wal.bytes;
  levels.queue_length = static_cast<int64_t>(loop_.QueueLength());
  for (const WorkerStatus& worker : loop_.core().Workers()) {
    levels.workers += worker.connected ? 1 : 0;
    levels.leased_cells += worker.leased;
  }
  options_.metrics->SetLevels(levels);
}

void Coordinator::SetNotice(const std::string& key, const std::string& text) {
  loop_.PostQuery([this, key, text] {
    if (text.empty()) {
      notices_.erase(key);
    } else {
      notices_[key] = text;
    }
  });
}

void Coordinator::Drain() {
  {
    MutexLock lock(&mutex_);
    draining_ = true;
  }
  loop_.Post([this] {
    is_draining_ = true;
    loop_.Apply(DrainAll{});
  });
}

void Coordinator::Finish() { SetDone(absl::OkStatus()); }

void Coordinator::SetDone(const absl::Status& why) {
  MutexLock lock(&mutex_);
  if (!done_) why_ = why;
  done_ = true;
  done_changed_.SignalAll();
}

bool Coordinator::WaitDone(absl::Duration patience, absl::Status* why) {
  const absl::Time until = absl::Now() + patience;
  MutexLock lock(&mutex_);
  while (!done_ && absl::Now() < until) done_changed_.WaitWithTimeout(&mutex_, until - absl::Now());
  if (done_) *why = why_;
  return done_;
}

bool Coordinator::draining() const {
  MutexLock lock(&mutex_);
  return draining_ || done_;
}

void Coordinator::HangUp() {
  loop_.PostQuery([this] {
    const absl::Status end = absl::UnavailableError("the coordinator is ending");
    watches_.EndAll(end);
    for (const auto& [worker, stream] : streams_) stream->Close(end);
  });
}

void Coordinator::Stop() {
  pool_.Close();
  loop_.Stop();
}

}  // namespace sprint
