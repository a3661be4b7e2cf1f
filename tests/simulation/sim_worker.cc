#include "tests/simulation/sim_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "conversation/codec.h"
#include "tests/simulation/world.h"

namespace sprint::sim {

void SimWorker::Start() {
  if (left_ || agent_ != nullptr) return;
  ++life_;
  terminated_ = false;
  instance_ = absl::StrCat("worker ", index_, " life ", life_);
  slots_ = 3 + index_ % 3;
  AgentOptions options;
  options.instance = instance_;
  options.name = absl::StrCat("w", index_);
  options.seed = static_cast<uint64_t>(life_ * 1000 + index_);
  options.patience = absl::Hours(10);
  agent_ = std::make_unique<Agent>(options);
  Apply(AgentStarted{});
}

void SimWorker::Later(absl::Duration delay, std::function<void()> what) {
  world_.loop().After(delay, [this, life = life_, what = std::move(what)] {
    if (agent_ != nullptr && life_ == life) what();
  });
}

void SimWorker::Kill() {
  if (agent_ == nullptr) return;
  world_.CountCrash();
  std::set<CellKey> running;
  for (const auto& [cell, since] : running_) running.insert(cell);
  world_.CountDeath(owed_, running);
  agent_.reset();
  running_.clear();
  acknowledged_.clear();
  owed_.clear();
  stream_.reset();
  // What the process had written mostly arrives.
  world_.network().BreakAll(index_, /*lose=*/world_.Mishap(0.2));
  if (index_ % 2 == 0) world_.coordinator().OnProcessEnded(instance_);
  world_.loop().After(world_.Between(absl::Milliseconds(100), absl::Seconds(20)), [this] { Start(); });
}

void SimWorker::Terminate() {
  if (agent_ == nullptr) return;
  terminated_ = true;
  Apply(DrainRequested{});
}

void SimWorker::Exit(const absl::Status& status) {
  if (!status.ok()) world_.Complain(absl::StrCat(instance_, " gave up: ", std::string(status.message())));
  if (agent_->unacknowledged() > 0)
    world_.Complain(absl::StrCat(instance_, " left with outcomes unacknowledged"));
  agent_.reset();
  running_.clear();
  acknowledged_.clear();
  owed_.clear();
  stream_.reset();
  world_.network().BreakAll(index_, /*lose=*/false);
  if (terminated_) {
    world_.loop().After(absl::Seconds(5), [this] { Start(); });
  } else {
    left_ = true;
  }
}

void SimWorker::OnConnectFailed(int64_t life) {
  if (agent_ != nullptr && life == life_) Apply(StreamClosed{absl::UnavailableError("nobody answers")});
}

void SimWorker::OnOpened(const std::shared_ptr<Stream>& stream) {
  if (agent_ == nullptr || stream->life != life_ || stream->broken) {
    world_.network().Break(stream);
    return;
  }
  stream_ = stream;
  Apply(StreamOpened{});
}

void SimWorker::OnBytes(const std::shared_ptr<Stream>& stream, const std::string& bytes) {
  if (agent_ == nullptr || stream != stream_) return;
  v1::CoordinatorMessage proto;
  if (!proto.ParseFromString(bytes)) return world_.Complain("a coordinator's message does not parse");
  const auto message = FromProto(proto);
  if (!message.ok()) return world_.Complain(std::string(message.status().message()));
  if (const Ack* ack = std::get_if<Ack>(&*message)) {
    acknowledged_.insert(ack->cells.begin(), ack->cells.end());
    for (const CellKey& cell : ack->cells) owed_.erase(cell);
  }
  if (const Revoke* revoke = std::get_if<Revoke>(&*message)) {
    for (const CellKey& cell : revoke->cells) owed_.erase(cell);
  }
  Apply(FromCoordinator{*message});
}

void SimWorker::OnClosed(const std::shared_ptr<Stream>& stream) {
  if (agent_ == nullptr || stream->life != life_ || (stream_ != nullptr && stream != stream_)) return;
  stream_.reset();
  Apply(StreamClosed{absl::UnavailableError("the stream broke")});
}

void SimWorker::Apply(const AgentEvent& event) {
  const int64_t life = life_;
  AgentEffects effects = agent_->Apply(event, world_.loop().now());
  const std::string broken = agent_->CheckInvariants();
  if (!broken.empty()) world_.Complain(absl::StrCat(instance_, ": ", broken));
  for (const WorkerMessage& message : effects.messages) {
    if (stream_ != nullptr) world_.network().SendUp(stream_, ToProto(message).SerializeAsString());
  }
  std::vector<CellKey> started;
  for (const EngineCommand& command : effects.commands) Obey(command, started);
  if (!started.empty()) {
    Later(world_.Between(absl::Microseconds(1), absl::Milliseconds(20)), [this, started] {
      Apply(EngineStarted{started, Capacity()});
    });
  }
  if (effects.exit.has_value()) return Exit(*effects.exit);
  if (effects.close && stream_ != nullptr) {
    world_.network().Break(std::exchange(stream_, nullptr), /*lose=*/false);
  }
  if (effects.connect) world_.network().Connect(index_);
  if (effects.wakeup == absl::InfiniteFuture()) return;
  const int64_t wakeup = ++wakeups_;
  world_.loop().At(effects.wakeup, [this, life, wakeup] {
    if (agent_ != nullptr && life == life_ && wakeup == wakeups_) Apply(AgentTick{});
  });
}

int32_t SimWorker::Capacity() const { return slots_ - static_cast<int32_t>(running_.size()); }

void SimWorker::Obey(const EngineCommand& command, std::vector<CellKey>& started) {
  if (const LoadRun* load = std::get_if<LoadRun>(&command)) Load(load->run);
  if (const StartCell* start = std::get_if<StartCell>(&command)) {
    if (Capacity() <= 0) world_.Complain("a cell for an engine that is full");
    if (acknowledged_.contains(start->cell)) {
      world_.Complain(
          absl::StrCat(ToString(start->cell), " computed again by the worker that was told it is durable"));
    }
    running_[start->cell] = world_.loop().now();
    owed_.insert(start->cell);
    started.push_back(start->cell);
    Compute(start->cell);
  }
  if (const CancelCells* cancel = std::get_if<CancelCells>(&command)) {
    for (const CellKey& cell : cancel->cells) running_.erase(cell);
  }
}

void SimWorker::Load(const RunDescription& run) {
  if (!running_.empty()) world_.Complain("another model is loaded while cells run");
  Later(world_.Between(absl::Milliseconds(100), absl::Seconds(40)), [this, id = run.run] {
    // One worker in four cannot hold the second run's model.
    if (id == RunId(2) && index_ % 4 == 3) {
      Apply(EngineRefused{id, Reason::kOutOfMemory, "it does not fit"});
      return;
    }
    const bool other = world_.options().two_classes && index_ % 2 == 1;
    Apply(EngineReady{id, other ? "class B" : "class A", Capacity()});
  });
}

void SimWorker::Compute(const CellKey& cell) {
  world_.CountComputed();
  if (world_.poison().contains(cell)) {
    Later(world_.Between(absl::Microseconds(1), absl::Milliseconds(200)), [this] { Kill(); });
    return;
  }
  // Some answers take longer than a lease.
  const absl::Duration longest = world_.Chance(0.05) ? absl::Seconds(90) : absl::Seconds(15);
  Later(world_.Between(absl::Milliseconds(100), longest), [this, cell, since = world_.loop().now()] {
    const auto found = running_.find(cell);
    if (found != running_.end() && found->second == since) Finish(cell);
  });
}

void SimWorker::Finish(const CellKey& cell) {
  const absl::Time started = running_.at(cell);
  running_.erase(cell);
  if (world_.broken_cells().contains(cell)) {
    Apply(EngineFailed{cell, "NaN logits", Capacity()});
    return;
  }
  Outcome outcome;
  outcome.cell = cell;
  outcome.text = world_.TextOf(cell);
  if (world_.options().nondeterministic)
    absl::StrAppend(&outcome.text, " ", world_.rng().NextBelow(1'000'000));
  for (const char c : outcome.text) outcome.tokens.push_back(static_cast<unsigned char>(c));
  outcome.numerics = world_.options().two_classes && index_ % 2 == 1 ? "class B" : "class A";
  outcome.started = started;
  outcome.finished = world_.loop().now();
  Apply(EngineFinished{{outcome}, Capacity()});
}

}  // namespace sprint::sim
