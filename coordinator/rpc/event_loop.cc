#include "coordinator/rpc/event_loop.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sprint {
namespace {

// A round takes no more waiting when so many tasks are queued.
constexpr size_t kEnoughTasks = 512;

// Whether the same commit may pass later.
bool IsPassing(const absl::Status& status) {
  return status.code() == absl::StatusCode::kResourceExhausted ||
         status.code() == absl::StatusCode::kUnavailable;
}

bool Nothing(const Effects& effects) {
  return effects.records.empty() && effects.messages.empty() && effects.comparisons.empty() &&
         effects.changed.empty();
}

}  // namespace

EventLoop::EventLoop(std::unique_ptr<Store> store, std::unique_ptr<Core> core,
                     const EventLoopOptions& options, EventLoopHooks hooks)
    : options_(options), hooks_(std::move(hooks)), store_(std::move(store)), core_(std::move(core)) {}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void EventLoop::Stop() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void EventLoop::Post(Task task) {
  MutexLock lock(&mutex_);
  if (closed_) return;
  tasks_.push_back(std::move(task));
  wake_.Signal();
}

void EventLoop::PostQuery(Task task) {
  MutexLock lock(&mutex_);
  if (closed_) return;
  queries_.push_back(std::move(task));
  wake_.Signal();
}

size_t EventLoop::QueueLength() const {
  MutexLock lock(&mutex_);
  return tasks_.size() + queries_.size();
}

void EventLoop::Run() {
  absl::Status status;
  while (status.ok()) {
    {
      MutexLock lock(&mutex_);
      if (stop_) break;
    }
    status = Round();
  }
  std::vector<Task> dropped;
  {
    MutexLock lock(&mutex_);
    closed_ = true;
    dropped.swap(tasks_);
    for (Task& query : queries_) dropped.push_back(std::move(query));
    queries_.clear();
  }
  dropped.clear();  // outside the lock: a task's captures may call back
  replies_.clear();
  hooks_.ended(status);
}

absl::Status EventLoop::Round() {
  std::vector<Task> tasks = Take();
  for (Task& task : tasks) {
    task();
    task = nullptr;
    SPRINT_RETURN_IF_ERROR(failed_);
  }
  if (Now() >= core_wakeup_) Apply(Tick{});
  SPRINT_RETURN_IF_ERROR(Flush());
  RunQueries();
  round_wakeup_ = hooks_.round(changed_, Now());
  changed_.clear();
  return failed_;
}

std::vector<EventLoop::Task> EventLoop::Take() {
  const absl::Duration patience = UntilWakeup();
  MutexLock lock(&mutex_);
  if (tasks_.empty() && queries_.empty() && !stop_ && patience > absl::ZeroDuration()) {
    wake_.WaitWithTimeout(&mutex_, patience);
  }
  absl::Duration linger = options_.linger - (absl::Now() - last_commit_);
  while (linger > absl::ZeroDuration() && !tasks_.empty() && tasks_.size() < kEnoughTasks && !stop_) {
    wake_.WaitWithTimeout(&mutex_, linger);
    linger = options_.linger - (absl::Now() - last_commit_);
  }
  return std::exchange(tasks_, {});
}

absl::Duration EventLoop::UntilWakeup() { return std::min(core_wakeup_, round_wakeup_) - Now(); }

void EventLoop::Apply(const Event& event) {
  Effects effects = core_->Apply(event, Now());
  core_wakeup_ = effects.wakeup;
  pending_.Append(std::move(effects));
}

void EventLoop::EndIfFatal(const absl::Status& status) {
  const bool fatal =
      ReasonOf(status) == Reason::kDatabaseFenced || ReasonOf(status) == Reason::kDatabaseCorrupt;
  if (fatal && failed_.ok()) failed_ = status;
}

absl::Status EventLoop::Flush() {
  while (failed_.ok() && (!Nothing(pending_) || !replies_.empty())) {
    const Effects effects = std::exchange(pending_, Effects());
    std::vector<Task> replies;
    replies.swap(replies_);
    if (!effects.records.empty()) failed_ = Commit(effects.records);
    if (!failed_.ok()) break;  // unsaid: what was not made durable is not acknowledged
    for (const Outgoing& outgoing : effects.messages) hooks_.send(outgoing);
    for (Task& reply : replies) reply();
    for (const Comparison& comparison : effects.comparisons) {
      failed_ = Compare(comparison);
      if (!failed_.ok()) break;
    }
    changed_.insert(effects.changed.begin(), effects.changed.end());
  }
  return failed_;
}

absl::Status EventLoop::Commit(const WriteBatch& records) {
  absl::Duration backoff = options_.retry_min;
  bool failing = false;
  while (true) {
    const absl::Time start = absl::Now();
    const absl::Status status = store_->Commit(records);
    last_commit_ = absl::Now();
    if (status.ok()) {
      if (failing) hooks_.trouble(status);
      hooks_.committed(records, last_commit_ - start);
      return status;
    }
    if (!IsPassing(status)) return status;
    failing = true;
    hooks_.trouble(status);
    if (!WaitToRetry(backoff)) return status;
    backoff = std::min(2 * backoff, options_.retry_max);
  }
}

// False when the loop is to end instead.
bool EventLoop::WaitToRetry(absl::Duration backoff) {
  const absl::Time until = absl::Now() + backoff;
  while (absl::Now() < until) {
    {
      MutexLock lock(&mutex_);
      if (!stop_ && queries_.empty()) wake_.WaitWithTimeout(&mutex_, until - absl::Now());
      if (stop_) return false;
    }
    RunQueries();
  }
  return true;
}

void EventLoop::RunQueries() {
  std::vector<Task> queries;
  {
    MutexLock lock(&mutex_);
    queries.swap(queries_);
  }
  for (Task& query : queries) query();
}

absl::Status EventLoop::Compare(const Comparison& comparison) {
  const absl::StatusOr<Store::DurableAnswer> durable = store_->FindAnswer(comparison.late.cell);
  if (absl::IsNotFound(durable.status())) return absl::OkStatus();
  if (!durable.ok()) return IsPassing(durable.status()) ? absl::OkStatus() : durable.status();
  const Outcome& late = comparison.late;
  if (durable->numerics != comparison.numerics || durable->tokens == late.tokens) return absl::OkStatus();
  SPRINT_LOG(kWarning) << "determinism alarm: " << ToString(late.cell) << " from worker "
                       << comparison.worker.value() << " differs from the durable answer of the same "
                       << "numerics class: " << late.numerics;
  Apply(
      LateOutcomeDiffers{{late.cell, comparison.worker, comparison.numerics, late.tokens, late.text, Now()}});
  return absl::OkStatus();
}

}  // namespace sprint
