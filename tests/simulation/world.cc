#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/hash.h"

namespace sprint::sim {
namespace {

constexpr int64_t kMostSteps = 3'000'000;
constexpr int kExperiments = 2;

}  // namespace

World::World(Options options)
    : options_(options),
      rng_(options.seed, /*stream=*/1),
      disk_(MakeMemoryDisk()),
      network_(*this),
      coordinator_(*this) {
  chaos_until_ = loop_.now() + options_.chaos;
  for (int i = 0; i < options_.workers; ++i) workers_.push_back(std::make_unique<SimWorker>(*this, i));
  Poison();
}

absl::Duration World::Between(absl::Duration least, absl::Duration most) {
  return least + (most - least) * rng_.NextDouble();
}

void World::Complain(const std::string& what) {
  if (complaint_.empty())
    complaint_ = absl::StrCat("seed ", options_.seed, ", step ", loop_.steps(), ": ", what);
}

std::string World::TextOf(const CellKey& cell) const {
  CounterRng rng(
      static_cast<uint64_t>(cell.question.value() * 1'000'003 + cell.arm.value() * 1'009 + cell.sample),
      static_cast<uint64_t>(cell.run.value()));
  return absl::StrCat(ToString(cell), " says ", rng.NextBelow(10));
}

bool World::IsCorrect(const std::string& text, const std::string& gold) {
  return !text.empty() && !gold.empty() && text.back() % 3 == gold.back() % 3;
}

// The cells to spoil. Ids are given in the order of the first plan, so they are known before.
void World::Poison() {
  CounterRng rng(options_.seed, /*stream=*/2);
  const auto draw = [&] {
    return CellKey{
        RunId(1),
        QuestionId(1 + static_cast<int64_t>(rng.NextBelow(static_cast<uint64_t>(options_.questions)))),
        ArmId(1 + static_cast<int64_t>(rng.NextBelow(static_cast<uint64_t>(options_.arms)))), 0};
  };
  while (static_cast<int>(poison_.size()) < options_.poison) poison_.insert(draw());
  while (static_cast<int>(broken_.size()) < options_.broken) {
    const CellKey cell = draw();
    if (!poison_.contains(cell)) broken_.insert(cell);
  }
}

ExperimentPlan World::Plan(int first_question, int questions, int arms, int runs) const {
  ExperimentPlan plan;
  plan.name = absl::StrCat("from ", first_question);
  plan.mixed_numerics = false;
  for (int r = 0; r < runs; ++r) {
    RunRecord run;
    run.weights_hash = Sha256(absl::StrCat("weights ", r));
    run.tokenizer_hash = Sha256("tokenizer");
    run.dtype = "f32";
    run.engine_mode = "exact";
    run.model_name = absl::StrCat("model ", r);
    plan.runs.push_back(run);
  }
  for (int q = 0; q < questions; ++q) {
    const int32_t number = first_question + q;
    plan.questions.push_back({{number, number + 1}, absl::StrCat("question ", number)});
    ProblemRecord problem;
    problem.external_id = absl::StrCat("p", number);
    problem.question = q;
    problem.gold = absl::StrCat(number % 10);
    plan.problems.push_back(problem);
  }
  for (int a = 0; a < arms; ++a) {
    plan.arms.push_back(a == 0 ? Arm() : Arm::Create({{0, a - 1, HeadOp::kZero}}).value_or(Arm()));
  }
  for (int r = 0; r < runs; ++r) {
    BlockPlan block;
    block.run = r;
    block.samples = r + 1;
    for (int q = 0; q < questions; ++q) block.questions.push_back(q);
    for (int a = 0; a < arms; ++a) block.arms.push_back(a);
    plan.blocks.push_back(block);
  }
  return plan;
}

void World::Submit(std::vector<ExperimentPlan> plans) {
  absl::Duration delay = absl::Seconds(1);
  if (coordinator_.Submit(plans.front())) {
    ++submitted_;
    plans.erase(plans.begin());
    delay = Between(absl::Seconds(5), absl::Minutes(3));
  }
  if (!plans.empty()) loop_.After(delay, [this, plans] { Submit(plans); });
}

// People.
void World::Meddle() {
  const ExperimentId id(1 + static_cast<int64_t>(rng_.NextBelow(kExperiments)));
  if (!chaotic()) {
    for (int64_t i = 1; i <= kExperiments; ++i) coordinator_.Command(ExperimentId(i), Command::kResume);
    return;
  }
  coordinator_.Command(id, Chance(0.5) ? Command::kPause : Command::kCancel);
  loop_.After(Between(absl::Seconds(1), absl::Minutes(1)),
              [this, id] { coordinator_.Command(id, Command::kResume); });
  loop_.After(Between(absl::Minutes(1), absl::Minutes(10)), [this] { Meddle(); });
}

void World::Misfortune() {
  if (!chaotic()) return;
  const int worker = static_cast<int>(rng_.NextBelow(static_cast<uint64_t>(options_.workers)));
  switch (rng_.NextBelow(8)) {
    case 0:
      coordinator_.Crash();
      break;
    case 1:
      workers_[static_cast<size_t>(worker)]->Kill();
      break;
    case 2:
      workers_[static_cast<size_t>(worker)]->Terminate();
      break;
    case 3:
    case 4:
      network_.BreakAll(worker, /*lose=*/true);
      break;
    case 5:
      network_.Partition(worker, Between(absl::Seconds(1), absl::Seconds(90)));
      break;
    case 6:
      network_.Partition(worker, Between(absl::Seconds(1), absl::Seconds(90)));
      network_.BreakAll(worker, /*lose=*/true);
      break;
    case 7:
      for (int i = 0; i < options_.workers; ++i)
        network_.Partition(i, Between(absl::Seconds(1), absl::Seconds(50)));
      break;
  }
  loop_.After(Between(absl::Milliseconds(10), absl::Seconds(60)), [this] { Misfortune(); });
}

void World::CountDeath(const std::set<CellKey>& owed, const std::set<CellKey>& running) {
  for (const CellKey& cell : owed) {
    ++deaths_[cell].all;
    if (running.empty() || (running.size() == 1 && running.contains(cell))) ++deaths_[cell].alone;
  }
}

// A cell that bad luck has killed three times cannot be told from one that kills; but the last time
// it must have been alone. A neighbour of such a cell never is quarantined for it.
void World::CheckQuarantine() {
  for (const CellKey& cell : quarantined()) {
    const Deaths deaths = deaths_[cell];
    if (broken_.contains(cell) || (deaths.all >= 3 && deaths.alone >= 1)) continue;
    Complain(absl::StrCat(ToString(cell), " is quarantined after ", deaths.all, " deaths, ", deaths.alone,
                          " alone"));
  }
}

// Once all is finished, what is quarantined is tried again, in peace; then everyone is sent home.
// The coordinator may be down just then.
void World::Finish() {
  if (!chaotic() && submitted_ == kExperiments && coordinator_.Finished()) {
    if (!retried_) {
      CheckQuarantine();
      retried_ = true;
      for (int64_t i = 1; i <= kExperiments; ++i) coordinator_.Command(ExperimentId(i), Command::kRetry);
    } else {
      coordinator_.DrainWorkers();
    }
  }
  loop_.After(absl::Seconds(10), [this] { Finish(); });
}

std::string World::Run() {
  coordinator_.Start();
  for (auto& worker : workers_) {
    loop_.After(Between(absl::ZeroDuration(), absl::Seconds(5)), [&worker] { worker->Start(); });
  }
  const int half = options_.questions / 2;
  const ExperimentPlan first = Plan(0, options_.questions, options_.arms, 1);
  const ExperimentPlan second = Plan(half, options_.questions, options_.arms + 1, 2);
  loop_.After(absl::ZeroDuration(), [this, first, second] { Submit({first, second}); });
  if (options_.chaos > absl::ZeroDuration()) {
    Misfortune();
    loop_.After(absl::Minutes(1), [this] { Meddle(); });
    // The last commands may have met a coordinator that was down.
    for (int i = 1; i < 4; ++i) loop_.At(chaos_until_ + absl::Minutes(2 * i), [this] { Meddle(); });
  }
  Finish();
  const auto left = [](const std::unique_ptr<SimWorker>& worker) { return worker->left(); };
  while (complaint_.empty() && !std::all_of(workers_.begin(), workers_.end(), left)) {
    if (!loop_.Step() || loop_.steps() > kMostSteps)
      Complain(absl::StrCat("stuck:\n", coordinator_.Describe()));
  }
  cells_ = options_.questions * options_.arms;
  cells_ += static_cast<int64_t>(options_.questions) * (options_.arms + 1) * 3 -
            (options_.questions - half) * options_.arms;
  return complaint_;
}

Rows World::rows() const {
  Rows rows;
  for (const OutcomeRecord& outcome : AllOutcomes(*disk_)) {
    bool correct = false;
    for (const VerdictRecord& verdict : outcome.verdicts) correct = correct || verdict.correct;
    rows[outcome.cell] = {outcome.text, correct};
  }
  return rows;
}

int64_t World::alarms() const { return static_cast<int64_t>(AllAlarms(*disk_).size()); }

std::set<CellKey> World::quarantined() const {
  std::set<CellKey> cells;
  for (const FailureRecord& failure : AllFailures(*disk_)) {
    if (failure.quarantined) cells.insert(failure.cell);
  }
  return cells;
}

}  // namespace sprint::sim
