// sprint-bench-core [FIGURE…]: what the coordinator's core can do, without sockets and without a disk.
//
//   core/outcomes  cells granted, taken and acknowledged per second of one thread, in a grid of 784 arms x
//                  7,500 questions on 64 workers, answers of 200 tokens; reference: outcomes that the store
//                  commits in batches of 1,024, per second of its thread, in the same run. Above 1 the core
//                  is not what limits a coordinator.
//   core/fleet     seconds of a fleet that one second of the thread serves: 10,000 workers, 10 s an outcome,
//                  a heartbeat each 5 s; reference: 1, a thread that just keeps up
//   core/memory    MiB of state per million missing cells of that grid; reference: a hash set of the cells
//
// A line a figure: `name: ratio=R ours=A reference=B unit=U`; a larger ratio is better.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/measure.h"
#include "coordinator/core/core.h"
#include "storage/payload.h"
#include "storage/sqlite_store.h"

namespace sprint {
namespace {

constexpr int32_t kArms = 784;
constexpr int32_t kQuestions = 7500;
constexpr double kMiB = 1 << 20;

void Print(const std::string& figure, double ratio, double ours, double reference, const std::string& unit) {
  std::printf("core/%s: ratio=%.3f ours=%.4g reference=%.4g unit=%s\n", figure.c_str(), ratio, ours,
              reference, unit.c_str());
  std::fflush(stdout);
}

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "sprint-bench-core: %s\n", why.c_str());
  std::exit(1);
}

Arm ArmOf(int32_t arm) {
  return arm == 0 ? Arm() : Arm::Create({{arm / 28, arm % 28, HeadOp::kZero}}).value_or(Arm());
}

ExperimentRecord Grid() {
  ExperimentRecord record;
  record.id = ExperimentId(1);
  record.name = "grid";
  StoredRun run;
  run.id = RunId(1);
  record.runs = {run};
  BlockRecord block;
  block.run = run.id;
  for (int32_t q = 1; q <= kQuestions; ++q) {
    record.questions.push_back({QuestionId(q), std::vector<int32_t>(120, q)});
    block.questions.push_back(QuestionId(q));
  }
  for (int32_t a = 0; a < kArms; ++a) {
    record.arms.push_back({ArmId(a + 1), ArmOf(a)});
    record.counters.push_back({ArmId(a + 1), kQuestions});
    block.arms.push_back(ArmId(a + 1));
  }
  record.blocks = {block};
  return record;
}

JudgedOutcome AnswerOf(const CellKey& cell, LeaseId lease) {
  JudgedOutcome judged;
  judged.outcome.cell = cell;
  judged.outcome.lease = lease;
  judged.outcome.tokens.assign(200, 7);
  judged.outcome.text.assign(800, 't');
  judged.outcome.logprobs_hash.assign(32, 'h');
  judged.numerics = NumericsId(1);
  judged.verdicts = {{cell, GoldId(1), 1, true, "42", "boxed", "equal"}};
  judged.encoded_tokens.assign(300, 'e');
  judged.encoded_text.assign(350, 'e');
  return judged;
}

// A core and the workers around it. Only Apply's time counts.
class Coordination {
 public:
  Coordination(const ExperimentRecord& record, int workers) {
    CoreOptions options;
    options.epoch = 1;
    options.grant_key = "a key of thirty-two bytes, about";
    core_ = std::make_unique<Core>(options);
    workers_.resize(static_cast<size_t>(workers));
    Apply(ExperimentAdded{record});
    for (int w = 0; w < workers; ++w) {
      Hello hello;
      hello.instance = absl::StrCat(w);
      hello.name = hello.instance;
      Apply(WorkerConnected{WorkerId(w + 1), NumericsId(), hello});
    }
  }

  // The worker asks for as many cells as it has free places.
  void Offer(int w, int32_t places) {
    Worker& worker = workers_[static_cast<size_t>(w)];
    const auto free = places - static_cast<int32_t>(worker.cells.size());
    Apply(CreditOffered{WorkerId(w + 1), {std::max(0, free), worker.last_lease}});
  }
  void Beat(int w) {
    Heartbeat heartbeat;
    for (const Held& held : workers_[static_cast<size_t>(w)].cells) {
      if (heartbeat.leases.empty() || heartbeat.leases.back() != held.lease) {
        heartbeat.leases.push_back(held.lease);
      }
      heartbeat.started.push_back(held.cell);
    }
    Apply(HeartbeatReceived{WorkerId(w + 1), heartbeat});
  }
  // The worker says its oldest `count` cells; how many it had.
  int64_t Answer(int w, size_t count) {
    Worker& worker = workers_[static_cast<size_t>(w)];
    OutcomesArrived event;
    event.worker = WorkerId(w + 1);
    while (!worker.cells.empty() && event.outcomes.size() < count) {
      event.outcomes.push_back(AnswerOf(worker.cells.front().cell, worker.cells.front().lease));
      worker.cells.pop_front();
    }
    const auto said = static_cast<int64_t>(event.outcomes.size());
    if (said > 0) Apply(event);
    return said;
  }
  void Pass(absl::Duration time) {
    now_ += time;
    if (now_ >= wakeup_) Apply(Tick{});
  }

  double cpu() const { return cpu_; }
  int64_t taken() const { return taken_; }
  int64_t acknowledged() const { return acknowledged_; }
  const Core& core() const { return *core_; }

 private:
  struct Held {
    CellKey cell;
    LeaseId lease;
  };
  struct Worker {
    std::deque<Held> cells;
    LeaseId last_lease;
  };

  void Apply(const Event& event) {
    const double start = ThreadCpuSeconds();
    const Effects effects = core_->Apply(event, now_);
    cpu_ += ThreadCpuSeconds() - start;
    wakeup_ = effects.wakeup;
    taken_ += static_cast<int64_t>(effects.records.outcomes.size());
    for (const Outgoing& outgoing : effects.messages) {
      if (const auto* ack = std::get_if<Ack>(&outgoing.message)) {
        acknowledged_ += static_cast<int64_t>(ack->cells.size());
      }
      const auto* grant = std::get_if<Grant>(&outgoing.message);
      if (grant == nullptr) continue;
      Worker& worker = workers_[static_cast<size_t>(outgoing.to.value() - 1)];
      worker.last_lease = grant->lease;
      for (const CellKey& cell : grant->Cells()) worker.cells.push_back({cell, grant->lease});
    }
  }

  std::unique_ptr<Core> core_;
  std::vector<Worker> workers_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  absl::Time wakeup_ = absl::InfiniteFuture();
  double cpu_ = 0;
  int64_t taken_ = 0;
  int64_t acknowledged_ = 0;
};

// Outcomes that the store commits per second of its thread: what the core is to be faster than.
double StoreRate() {
  const TemporaryFolder folder;
  SqliteStoreOptions options;
  options.path = folder.File("bench.db");
  ExperimentPlan plan;
  plan.name = "bench";
  RunRecord run;
  run.dtype = "f32";
  run.engine_mode = "exact";
  plan.runs = {run};
  BlockPlan block;
  for (int32_t q = 0; q < 50; ++q) {
    plan.questions.push_back({std::vector<int32_t>(120, q), "a question"});
    plan.problems.push_back({absl::StrCat(q), q, "text", "42", "", ""});
    block.questions.push_back(q);
  }
  for (int32_t a = 0; a < kArms; ++a) {
    plan.arms.push_back(ArmOf(a));
    block.arms.push_back(a);
  }
  plan.blocks = {block};
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options);
  if (!store.ok()) Fail(std::string(store.status().message()));
  const auto created = (*store)->CreateExperiment(plan, absl::Now());
  if (!created.ok()) Fail(std::string(created.status().message()));
  const auto record = (*store)->LoadExperiment(created->id);
  if (!record.ok()) Fail(std::string(record.status().message()));
  double spent = 0;
  int64_t rows = 0;
  WriteBatch batch;
  for (const StoredQuestion& question : record->questions) {
    for (const StoredArm& arm : record->arms) {
      OutcomeRecord outcome;
      outcome.cell = {record->runs[0].id, question.id, arm.id, 0};
      outcome.tokens.assign(200, static_cast<int32_t>(rows));
      outcome.text.assign(800, 't');
      EncodePayload(outcome);
      outcome.experiments = {record->id};
      batch.outcomes.push_back(std::move(outcome));
      ++rows;
      if (batch.outcomes.size() < 1024) continue;
      const double start = ThreadCpuSeconds();
      const absl::Status status = (*store)->Commit(batch);
      spent += ThreadCpuSeconds() - start;
      if (!status.ok()) Fail(std::string(status.message()));
      batch.outcomes.clear();
    }
  }
  rows -= static_cast<int64_t>(batch.outcomes.size());
  return static_cast<double>(rows) / spent;
}

void MeasureOutcomes() {
  constexpr int kWorkers = 64;
  constexpr int32_t kPlaces = 80;  // 64 and a quarter ahead
  constexpr int64_t kEnough = 1'000'000;
  Coordination coordination(Grid(), kWorkers);
  const double before = coordination.cpu();
  while (coordination.taken() < kEnough) {
    for (int w = 0; w < kWorkers; ++w) {
      coordination.Offer(w, kPlaces);
      coordination.Answer(w, 64);
      coordination.Pass(absl::Milliseconds(1));
    }
  }
  if (coordination.acknowledged() != coordination.taken()) Fail("an outcome was taken and not acknowledged");
  const double ours = static_cast<double>(coordination.taken()) / (coordination.cpu() - before);
  const double reference = StoreRate();
  Print("outcomes", ours / reference, ours, reference, "outcomes/s");
}

void MeasureFleet() {
  constexpr int kWorkers = 10'000;
  constexpr int kSeconds = 40;
  constexpr int32_t kPlaces = 2;  // one runs, one waits
  Coordination coordination(Grid(), kWorkers);
  for (int w = 0; w < kWorkers; ++w) coordination.Offer(w, kPlaces);
  const double before = coordination.cpu();
  const int64_t taken = coordination.taken();
  for (int second = 0; second < kSeconds; ++second) {
    for (int w = 0; w < kWorkers; ++w) {
      if (w % 10 == second % 10) {
        coordination.Answer(w, 1);
        coordination.Offer(w, kPlaces);
      }
      if (w % 5 == second % 5) {
        coordination.Beat(w);
        coordination.Offer(w, kPlaces);
      }
      coordination.Pass(absl::Seconds(1) / kWorkers);
    }
  }
  if (coordination.taken() - taken != int64_t{kWorkers} / 10 * kSeconds) Fail("the fleet lost an outcome");
  const double ours = kSeconds / (coordination.cpu() - before);
  Print("fleet", ours, ours, 1, "s/s");
}

double HeapMiB() { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd) / kMiB; }

void MeasureMemory() {
  constexpr double kMillions = static_cast<double>(kArms) * kQuestions / 1e6;
  double ours = 0;
  {
    const ExperimentRecord record = Grid();
    const double before = HeapMiB();
    const Coordination coordination(record, 1);
    ours = (HeapMiB() - before) / kMillions;
    std::printf("# the core's own count: %.3f MiB per million cells\n",
                static_cast<double>(coordination.core().StateBytes()) / kMiB / kMillions);
  }
  const double before = HeapMiB();
  absl::flat_hash_set<CellKey> cells;
  for (int32_t q = 1; q <= kQuestions; ++q) {
    for (int32_t a = 1; a <= kArms; ++a) cells.insert({RunId(1), QuestionId(q), ArmId(a), 0});
  }
  const double reference = (HeapMiB() - before) / kMillions;
  Print("memory", reference / ours, ours, reference, "MiB/1e6 cells");
}

int Main(int argc, char** argv) {
  const std::vector<std::string> figures(argv + 1, argv + argc);
  const auto wants = [&figures](const std::string& figure) {
    return figures.empty() || std::find(figures.begin(), figures.end(), figure) != figures.end() ||
           std::find(figures.begin(), figures.end(), "core/" + figure) != figures.end();
  };
  for (const std::string& figure : figures) {
    if (figure.rfind("--", 0) != 0) continue;
    std::fprintf(stderr, "usage: sprint-bench-core [outcomes] [fleet] [memory]\n");
    return 2;
  }
  if (wants("outcomes")) MeasureOutcomes();
  if (wants("fleet")) MeasureFleet();
  if (wants("memory")) MeasureMemory();
  return 0;
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) { return sprint::Main(argc, argv); }
