#include "worker/worker_shell.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace sprint {

WorkerShell::WorkerShell(const WorkerShellOptions& options, std::unique_ptr<ModelLoader> loader)
    : options_(options),
      agent_(options.agent),
      engine_(std::move(loader), options.clock, [this](AgentEvent event) { Post(0, std::move(event)); }) {}

// Streams that were let go may still call back: their calls must not outlive this.
WorkerShell::~WorkerShell() {
  if (stream_ != nullptr) stream_->Abort();
  stream_.reset();
  MutexLock lock(&mutex_);
  while (open_streams_ > 0) wake_.Wait(&mutex_);
}

void WorkerShell::Drain() { Post(0, DrainRequested{}); }

void WorkerShell::Post(int64_t stream, AgentEvent event) {
  MutexLock lock(&mutex_);
  happened_.push_back({stream, std::move(event)});
  wake_.SignalAll();
}

absl::Status WorkerShell::Run() {
  Handle(AgentStarted{});
  while (!exit_.has_value()) {
    std::deque<Happened> events;
    Take(events);
    for (const Happened& happened : events) {
      if (happened.stream != 0 && happened.stream != stream_number_) continue;  // of a stream let go
      if (std::get_if<StreamClosed>(&happened.event) != nullptr) stream_.reset();
      LogWhatIsSettled(happened.event);
      Handle(happened.event);
      if (exit_.has_value()) return *exit_;
    }
    if (options_.clock->Now() >= wakeup_) Handle(AgentTick{});
  }
  return *exit_;
}

void WorkerShell::Handle(const AgentEvent& event) {
  AgentEffects effects = agent_.Apply(event, options_.clock->Now());
  wakeup_ = effects.wakeup;
  Do(std::move(effects));
}

// Waits until something happened or it is time to tick.
void WorkerShell::Take(std::deque<Happened>& events) {
  MutexLock lock(&mutex_);
  const absl::Duration patience = wakeup_ - options_.clock->Now();
  if (happened_.empty() && patience > absl::ZeroDuration()) wake_.WaitWithTimeout(&mutex_, patience);
  events.swap(happened_);
}

void WorkerShell::Do(AgentEffects effects) {
  for (EngineCommand& command : effects.commands) engine_.Send(std::move(command));
  if (effects.connect) Open();
  if (stream_ != nullptr) {
    for (const WorkerMessage& message : effects.messages) stream_->Send(message);
  }
  if (effects.close && stream_ != nullptr) {
    stream_->Finish();
    // What it still says concerns nobody.
    if (!effects.exit.has_value()) ++stream_number_;
  }
  if (!effects.exit.has_value()) return;
  exit_ = effects.exit;
  if (stream_ == nullptr || !effects.close) return;
  // The last words have to arrive before the process ends.
  const absl::Time until = absl::Now() + absl::Seconds(5);
  MutexLock lock(&mutex_);
  while (open_streams_ > 0 && absl::Now() < until) wake_.WaitWithTimeout(&mutex_, until - absl::Now());
}

void WorkerShell::Open() {
  if (stream_ != nullptr) stream_->Abort();
  const int64_t number = ++stream_number_;
  {
    MutexLock lock(&mutex_);
    ++open_streams_;
  }
  StreamCallbacks callbacks;
  callbacks.opened = [this, number] { Post(number, StreamOpened{}); };
  callbacks.message = [this, number](CoordinatorMessage message) {
    Post(number, FromCoordinator{std::move(message)});
  };
  callbacks.closed = [this, number](absl::Status status) {
    SPRINT_LOG(kDebug) << "stream closed: " << status.message();
    MutexLock lock(&mutex_);
    happened_.push_back({number, StreamClosed{std::move(status)}});
    --open_streams_;
    wake_.SignalAll();
  };
  stream_ = OpenStream(options_.channel, std::move(callbacks));
}

void WorkerShell::LogWhatIsSettled(const AgentEvent& event) {
  const auto* from = std::get_if<FromCoordinator>(&event);
  if (from == nullptr) return;
  if (const auto* welcome = std::get_if<Welcome>(&from->message)) {
    SPRINT_LOG(kInfo) << "connected as worker " << welcome->worker.value() << ", epoch " << welcome->epoch;
  }
  if (const auto* ack = std::get_if<Ack>(&from->message)) {
    for (const CellKey& cell : ack->cells) SPRINT_LOG(kInfo) << "ack " << CellForLog(cell);
  }
  if (const auto* revoke = std::get_if<Revoke>(&from->message)) {
    for (const CellKey& cell : revoke->cells) SPRINT_LOG(kInfo) << "revoke " << CellForLog(cell);
  }
}

}  // namespace sprint
