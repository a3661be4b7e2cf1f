#include "tests/simulation/sim_coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "conversation/codec.h"
#include "storage/memory_store.h"
#include "tests/simulation/world.h"

namespace sprint::sim {

void SimCoordinator::Start() {
  if (core_ != nullptr) return;
  ++incarnation_;
  store_ = OpenMemoryStore(world_.disk());
  CoreOptions options;
  options.epoch = store_->epoch();
  options.grant_key = store_->grant_key();
  options.max_suspects = 2;  // of workers with few places
  core_ = std::make_unique<Core>(options);
  const auto unfinished = store_->UnfinishedExperiments();
  if (!unfinished.ok()) return world_.Complain(std::string(unfinished.status().message()));
  for (const ExperimentId id : *unfinished) Load(id);
}

void SimCoordinator::Crash() {
  if (core_ == nullptr) return;
  world_.CountCrash();
  core_.reset();
  store_.reset();
  pending_ = Effects();
  commit_due_ = false;
  streams_.clear();
  worker_of_.clear();
  instances_.clear();
  golds_.clear();
  world_.network().BreakEverything();
  world_.loop().After(world_.Between(absl::Milliseconds(100), absl::Seconds(60)), [this] { Start(); });
}

void SimCoordinator::Later(absl::Duration delay, std::function<void()> what) {
  world_.loop().After(delay, [this, incarnation = incarnation_, what = std::move(what)] {
    if (core_ != nullptr && incarnation_ == incarnation) what();
  });
}

void SimCoordinator::Load(ExperimentId id) {
  const auto record = store_->LoadExperiment(id);
  const auto golds = store_->Golds(id);
  if (!record.ok() || !golds.ok()) return world_.Complain("an experiment cannot be loaded");
  for (const GoldEntry& gold : *golds) {
    std::vector<GoldEntry>& known = golds_[gold.question];
    const bool there =
        std::any_of(known.begin(), known.end(), [&](const GoldEntry& k) { return k.gold == gold.gold; });
    if (!there) known.push_back(gold);
  }
  Apply(ExperimentAdded{*record});
}

bool SimCoordinator::Submit(const ExperimentPlan& plan) {
  if (core_ == nullptr || !Commit()) return false;
  if (!pending_.records.empty()) return false;  // the disk is full
  const auto created = store_->CreateExperiment(plan, world_.loop().now());
  if (!created.ok()) {
    world_.Complain(std::string(created.status().message()));
    return false;
  }
  Load(created->id);
  return true;
}

void SimCoordinator::Command(ExperimentId experiment, sprint::Command command) {
  if (core_ == nullptr) return;
  // A finished one is not loaded by a restart.
  if (!core_->Experiment(experiment).has_value() && store_->LoadExperiment(experiment).ok()) Load(experiment);
  if (core_ != nullptr) Apply(ExperimentCommand{experiment, command});
}

void SimCoordinator::DrainWorkers() {
  if (core_ != nullptr) Apply(DrainAll{});
}

bool SimCoordinator::Finished() const {
  if (core_ == nullptr) return false;
  const auto unfinished = store_->UnfinishedExperiments();
  return unfinished.ok() && unfinished->empty();
}

std::string SimCoordinator::Describe() const {
  if (core_ == nullptr) return "no coordinator";
  std::string text;
  for (const ExperimentStatus& status : core_->Experiments()) {
    absl::StrAppend(&text, "experiment ", status.id.value(), " state ", static_cast<int>(status.state), ": ",
                    status.done, " of ", status.cells, ", leased ", status.leased, ", quarantined ",
                    status.quarantined, "; ", absl::StrJoin(status.notes, " / "), "\n");
  }
  for (const WorkerStatus& status : core_->Workers()) {
    absl::StrAppend(&text, "worker ", status.id.value(), " ", status.hello.instance, " connected ",
                    status.connected, " leased ", status.leased, " credit ", status.credit, "\n");
  }
  return text;
}

void SimCoordinator::OnBytes(const std::shared_ptr<Stream>& stream, const std::string& bytes) {
  if (core_ == nullptr || stream->incarnation != incarnation_) return;
  v1::WorkerMessage proto;
  if (!proto.ParseFromString(bytes)) return world_.Complain("a worker's message does not parse");
  const auto message = FromProto(proto);
  if (!message.ok()) return world_.Complain(std::string(message.status().message()));
  if (const Hello* hello = std::get_if<Hello>(&*message)) return OnHello(stream, *hello);
  const auto worker = worker_of_.find(stream);
  if (worker != worker_of_.end()) OnMessage(worker->second, *message);
}

void SimCoordinator::OnHello(const std::shared_ptr<Stream>& stream, const Hello& hello) {
  WorkerRecord record;
  record.instance = hello.instance;
  record.name = hello.name;
  record.first_seen = world_.loop().now();
  const auto worker = store_->InternWorker(record);
  if (!worker.ok()) return world_.Complain(std::string(worker.status().message()));
  NumericsId numerics;
  if (!hello.numerics.empty()) numerics = store_->InternNumerics(hello.numerics).value_or(NumericsId());
  streams_[*worker] = stream;
  worker_of_[stream] = *worker;
  instances_[hello.instance] = *worker;
  Apply(WorkerConnected{*worker, numerics, hello});
}

void SimCoordinator::OnMessage(WorkerId worker, const WorkerMessage& message) {
  if (const Credit* credit = std::get_if<Credit>(&message)) Apply(CreditOffered{worker, *credit});
  if (const Heartbeat* heartbeat = std::get_if<Heartbeat>(&message))
    Apply(HeartbeatReceived{worker, *heartbeat});
  if (const CellFailed* failed = std::get_if<CellFailed>(&message))
    Apply(CellFailureReported{worker, *failed});
  if (const RunRefused* refused = std::get_if<RunRefused>(&message))
    Apply(RunRefusedReported{worker, *refused});
  if (std::holds_alternative<Goodbye>(message)) Apply(WorkerLeft{worker});
  if (const RunReady* ready = std::get_if<RunReady>(&message)) {
    Apply(
        RunReadyReported{worker, ready->run, store_->InternNumerics(ready->numerics).value_or(NumericsId())});
  }
  if (const Outcomes* outcomes = std::get_if<Outcomes>(&message)) {
    OutcomesArrived event{worker, {}, outcomes->grants};
    for (const Outcome& outcome : outcomes->outcomes) event.outcomes.push_back(Judge(outcome));
    // On a pool of judges: whatever comes meanwhile overtakes it.
    const absl::Duration longest = world_.Mishap(0.02) ? absl::Seconds(40) : absl::Milliseconds(20);
    Later(world_.Between(absl::ZeroDuration(), longest), [this, event] { Apply(event); });
  }
}

JudgedOutcome SimCoordinator::Judge(const Outcome& outcome) {
  JudgedOutcome judged;
  judged.outcome = outcome;
  judged.numerics = store_->InternNumerics(outcome.numerics).value_or(NumericsId());
  for (const GoldEntry& gold : golds_[outcome.cell.question]) {
    VerdictRecord verdict;
    verdict.cell = outcome.cell;
    verdict.gold = gold.gold;
    verdict.judge_version = 1;
    verdict.correct = World::IsCorrect(outcome.text, gold.text);
    judged.verdicts.push_back(verdict);
  }
  return judged;
}

void SimCoordinator::OnClosed(const std::shared_ptr<Stream>& stream) {
  if (core_ == nullptr || stream->incarnation != incarnation_) return;
  const auto worker = worker_of_.find(stream);
  if (worker == worker_of_.end()) return;
  const WorkerId id = worker->second;
  const auto current = streams_.find(id);
  if (current == streams_.end() || current->second != stream) return;  // replaced by a later Hello
  streams_.erase(current);
  Apply(WorkerDisconnected{id});
}

void SimCoordinator::OnProcessEnded(const std::string& instance) {
  Later(world_.Between(absl::Milliseconds(1), absl::Seconds(2)), [this, instance] {
    const auto worker = instances_.find(instance);
    if (worker != instances_.end()) Apply(WorkerDied{worker->second});
  });
}

void SimCoordinator::Apply(const Event& event) {
  Effects effects = core_->Apply(event, world_.loop().now());
  const std::string broken = core_->CheckInvariants();
  if (!broken.empty()) world_.Complain(broken);
  CheckGrants(effects);
  const absl::Time wakeup = effects.wakeup;
  pending_.Append(std::move(effects));
  if (!commit_due_) {
    commit_due_ = true;
    Later(world_.Between(absl::ZeroDuration(), absl::Milliseconds(5)), [this] {
      commit_due_ = false;
      Commit();
    });
  }
  if (wakeup == absl::InfiniteFuture()) return;
  const int64_t number = ++wakeups_;
  Later(wakeup - world_.loop().now(), [this, number] {
    if (number == wakeups_) Apply(Tick{});
  });
}

bool SimCoordinator::Commit() {
  if (world_.Mishap(0.002)) {
    Crash();
    return false;
  }
  if (!pending_.records.empty() && world_.Mishap(0.01)) {
    // The disk is full: all of it waits, the messages too.
    commit_due_ = true;
    Later(absl::Seconds(2), [this] {
      commit_due_ = false;
      Commit();
    });
    return true;
  }
  const Effects effects = std::exchange(pending_, Effects());
  if (!effects.records.empty()) {
    const absl::Status status = store_->Commit(effects.records);
    if (!status.ok()) world_.Complain(absl::StrCat("a commit failed: ", std::string(status.message())));
  }
  if (world_.Mishap(0.002)) {
    Crash();
    return false;
  }
  if (!Send(effects.messages)) return false;
  Compare(effects.comparisons);
  return true;
}

bool SimCoordinator::Send(const std::vector<Outgoing>& messages) {
  for (const Outgoing& outgoing : messages) {
    if (world_.Mishap(0.0005)) {
      Crash();
      return false;
    }
    if (const Ack* ack = std::get_if<Ack>(&outgoing.message)) {
      for (const CellKey& cell : ack->cells) {
        if (!store_->FindAnswer(cell).ok())
          world_.Complain(absl::StrCat(ToString(cell), " acknowledged, not durable"));
      }
    }
    const auto stream = streams_.find(outgoing.to);
    if (stream != streams_.end())
      world_.network().SendDown(stream->second, ToProto(outgoing.message).SerializeAsString());
  }
  return true;
}

// What is durable, or about to be, is never given out again.
void SimCoordinator::CheckGrants(const Effects& effects) {
  for (const Outgoing& outgoing : effects.messages) {
    const Grant* grant = std::get_if<Grant>(&outgoing.message);
    if (grant == nullptr) continue;
    for (const CellKey& cell : grant->Cells()) {
      const bool pending = std::any_of(pending_.records.outcomes.begin(), pending_.records.outcomes.end(),
                                       [&](const OutcomeRecord& outcome) { return outcome.cell == cell; });
      if (pending || store_->FindAnswer(cell).ok()) {
        world_.Complain(absl::StrCat(ToString(cell), " granted though it is durable"));
      }
    }
  }
}

void SimCoordinator::Compare(const std::vector<Comparison>& comparisons) {
  for (const Comparison& comparison : comparisons) {
    const auto durable = store_->FindAnswer(comparison.late.cell);
    if (!durable.ok()) return world_.Complain("a late outcome of a cell that is not durable");
    if (durable->tokens == comparison.late.tokens || durable->numerics != comparison.numerics) continue;
    AlarmRecord alarm;
    alarm.cell = comparison.late.cell;
    alarm.worker = comparison.worker;
    alarm.numerics = comparison.numerics;
    alarm.tokens = comparison.late.tokens;
    alarm.text = comparison.late.text;
    alarm.at = world_.loop().now();
    Apply(LateOutcomeDiffers{alarm});
  }
}

}  // namespace sprint::sim
