// sprint-bench-storage [FIGURE…] [--seconds N] [--rate N]: what the store can do, through Store and Reader.
//
//   storage/commit-batch    outcomes per second in batches of 1,024, their answers compressed beforehand on
//                           other threads, as the coordinator does; reference: the 50,000 we promise
//   storage/commit-plain    the same, the store compresses; reference: the same
//   storage/commit-single   outcomes per second, one a commit; reference: how often a second this disk
//                           makes an appended page durable (fdatasync), in turns with the commits
//   storage/create          seconds to create an experiment of 784 arms x 7,500 questions
//   storage/commit-p99      the 99th percentile of a commit while 1,000 outcomes/s come in, with 200 queries
//                           of the views and a reader of ours open throughout; reference: without them
//   storage/wal-peak        the log's largest size meanwhile; reference: with a foreign reader that never
//                           ends its snapshot, for as long
//
// A line a figure: `name: ratio=R ours=A reference=B unit=U`; a larger ratio is better.
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/rng.h"
#include "base/status.h"
#include "bench/measure.h"
#include "storage/payload.h"
#include "storage/reader.h"
#include "storage/sqlite_store.h"

namespace sprint {
namespace {

constexpr int32_t kArms = 784;
constexpr int kQueries = 200;
constexpr int kTurns = 10;
// The coordinator commits what came in since the last commit, this often.
constexpr absl::Duration kCommitEvery = absl::Milliseconds(30);
constexpr double kPromisedBatchRate = 50'000;

struct Options {
  std::vector<std::string> figures;
  double seconds = 300;
  double rate = 1000;
  bool Wants(const std::string& figure) const {
    return figures.empty() || std::find(figures.begin(), figures.end(), figure) != figures.end() ||
           std::find(figures.begin(), figures.end(), "storage/" + figure) != figures.end();
  }
};

void Print(const std::string& figure, double ratio, double ours, double reference, const std::string& unit) {
  std::printf("storage/%s: ratio=%.3f ours=%.4g reference=%.4g unit=%s\n", figure.c_str(), ratio, ours,
              reference, unit.c_str());
  std::fflush(stdout);
}

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "sprint-bench-storage: %s\n", std::string(result.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(result);
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "sprint-bench-storage: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

ExperimentPlan Plan(int32_t questions) {
  ExperimentPlan plan;
  plan.name = "bench";
  RunRecord run;
  run.weights_hash = Sha256("bench");
  run.dtype = "f32";
  run.engine_mode = "exact";
  plan.runs = {run};
  BlockPlan block;
  for (int32_t q = 0; q < questions; ++q) {
    QuestionRecord question;
    for (int32_t i = 0; i < 120; ++i) question.tokens.push_back(q + i * 7);
    question.prompt = absl::StrCat("A question of some length, number ", q);
    plan.questions.push_back(std::move(question));
    plan.problems.push_back(
        {absl::StrCat("q", q), q, "text", absl::StrCat(q), absl::StrCat("subject ", q % 7), "1"});
    block.questions.push_back(q);
  }
  for (int32_t a = 0; a < kArms; ++a) {
    plan.arms.push_back(a == 0 ? Arm() : Must(Arm::Create({{a / 28, a % 28, HeadOp::kZero}})));
    block.arms.push_back(a);
  }
  plan.blocks = {block};
  return plan;
}

// Hands out the outcomes of a sweep, question by question, with answers of about 200 tokens.
class Outcomes {
 public:
  Outcomes(Store& store, ExperimentId id)
      : record_(Must(store.LoadExperiment(id))), golds_(Must(store.Golds(id))) {
    worker_ = Must(store.InternWorker({"bench", "bench", "cpu", "1", absl::Now()}));
    numerics_ = Must(store.InternNumerics("bench"));
  }
  int64_t size() const { return static_cast<int64_t>(record_.questions.size() * record_.arms.size()); }
  OutcomeRecord Next() {
    const size_t question = next_ / record_.arms.size();
    const size_t arm = next_ % record_.arms.size();
    CounterRng rng(1, next_++);
    OutcomeRecord outcome;
    outcome.cell = {record_.runs[0].id, record_.questions[question].id, record_.arms[arm].id, 0};
    const uint64_t length = 120 + rng.NextBelow(160);
    for (uint64_t i = 0; i < length; ++i) {
      const auto token = static_cast<int32_t>(rng.NextBelow(2000));
      outcome.tokens.push_back(token);
      absl::StrAppend(&outcome.text, kWords[token % kWords.size()], " ");
    }
    outcome.logprobs_hash = std::string(32, 'h');
    outcome.worker = worker_;
    outcome.numerics = numerics_;
    outcome.started = absl::FromUnixSeconds(1'700'000'000);
    outcome.finished = outcome.started + absl::Seconds(8);
    outcome.verdicts = {
        {outcome.cell, golds_[question].gold, 1, rng.NextBelow(2) == 0, "42", "boxed", "equal"}};
    outcome.experiments = {record_.id};
    return outcome;
  }

 private:
  const std::vector<std::string> kWords = {"the", "sum",  "of",   "three",  "and",    "four",   "is",
                                           "so",  "each", "box",  "holds",  "twelve", "apples", "which",
                                           "we",  "then", "must", "divide", "by",     "two"};
  ExperimentRecord record_;
  std::vector<GoldEntry> golds_;
  WorkerId worker_;
  NumericsId numerics_;
  size_t next_ = 0;
};

// Only Commit is timed. The processor time tells a slow store from a busy machine or disk.
double Rate(size_t batch_size, int64_t total, bool encoded) {
  const TemporaryFolder folder;
  SqliteStoreOptions store_options;
  store_options.path = folder.File("bench.db");
  const std::unique_ptr<Store> store = Must(OpenSqliteStore(store_options));
  const auto created = Must(store->CreateExperiment(Plan(200), absl::Now()));
  Outcomes outcomes(*store, created.id);
  total = std::min(total, outcomes.size());
  absl::Duration spent;
  double cpu = 0;
  for (int64_t done = 0; done < total;) {
    WriteBatch batch;
    while (batch.outcomes.size() < batch_size && done < total) {
      batch.outcomes.push_back(outcomes.Next());
      if (encoded) EncodePayload(batch.outcomes.back());
      ++done;
    }
    const absl::Time start = absl::Now();
    const double cpu_start = ThreadCpuSeconds();
    Must(store->Commit(batch));
    cpu += ThreadCpuSeconds() - cpu_start;
    spent += absl::Now() - start;
  }
  std::printf("# batches of %zu: %.1f us of processor time and %.1f us in all per outcome\n", batch_size,
              1e6 * cpu / static_cast<double>(total),
              absl::ToDoubleMicroseconds(spent) / static_cast<double>(total));
  return static_cast<double>(total) / absl::ToDoubleSeconds(spent);
}

// Appends a page and makes it durable, `times` times: what no durable commit can do without.
absl::Duration SyncPages(int fd, int times) {
  const std::string page(4096, 'p');
  const absl::Time start = absl::Now();
  for (int i = 0; i < times; ++i) {
    if (write(fd, page.data(), page.size()) != static_cast<ssize_t>(page.size()) || fdatasync(fd) != 0) {
      Must(absl::InternalError("a page cannot be written"));
    }
  }
  return absl::Now() - start;
}

// Commits and bare syncs take turns, so that whatever else the disk does meets both alike.
void MeasureSingle() {
  constexpr int kRounds = 20;
  constexpr int kEach = 100;
  const TemporaryFolder folder;
  SqliteStoreOptions store_options;
  store_options.path = folder.File("bench.db");
  const std::unique_ptr<Store> store = Must(OpenSqliteStore(store_options));
  Outcomes outcomes(*store, Must(store->CreateExperiment(Plan(20), absl::Now())).id);
  const int fd = open((folder.File("bench.db") + ".sync").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  absl::Duration commits;
  absl::Duration syncs;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<WriteBatch> batches(kEach);
    for (WriteBatch& batch : batches) {
      batch.outcomes.push_back(outcomes.Next());
      EncodePayload(batch.outcomes.back());
    }
    const absl::Time start = absl::Now();
    for (const WriteBatch& batch : batches) Must(store->Commit(batch));
    commits += absl::Now() - start;
    syncs += SyncPages(fd, kEach);
  }
  close(fd);
  const double ours = kRounds * kEach / absl::ToDoubleSeconds(commits);
  const double reference = kRounds * kEach / absl::ToDoubleSeconds(syncs);
  Print("commit-single", ours / reference, ours, reference, "outcomes/s");
}

double CreateSeconds() {
  const TemporaryFolder folder;
  SqliteStoreOptions store_options;
  store_options.path = folder.File("bench.db");
  const std::unique_ptr<Store> store = Must(OpenSqliteStore(store_options));
  const ExperimentPlan plan = Plan(7500);
  const absl::Time start = absl::Now();
  Must(store->CreateExperiment(plan, absl::Now()).status());
  return absl::ToDoubleSeconds(absl::Now() - start);
}

struct Paced {
  std::vector<double> commit_ms;
  int64_t outcomes = 0;
  int64_t wal_peak = 0;
  int queries = 0;
  double P(double quantile) {
    if (commit_ms.empty()) return 0;
    std::sort(commit_ms.begin(), commit_ms.end());
    return commit_ms[static_cast<size_t>(quantile * static_cast<double>(commit_ms.size() - 1))];
  }
};

// A sweep in the making: its store, and what was measured of it so far.
struct Sweep {
  TemporaryFolder folder;
  std::unique_ptr<Store> store;
  std::unique_ptr<Outcomes> outcomes;
  Paced paced;

  explicit Sweep(const Options& options) {
    SqliteStoreOptions store_options;
    store_options.path = folder.File("bench.db");
    store = Must(OpenSqliteStore(store_options));
    const auto questions = static_cast<int32_t>(options.rate * options.seconds * 1.1 / kArms) + 2;
    outcomes =
        std::make_unique<Outcomes>(*store, Must(store->CreateExperiment(Plan(questions), absl::Now())).id);
  }

  // Commits at `rate` for `seconds` of real time: what comes in meanwhile waits for the next commit.
  void Write(double rate, double seconds) {
    const int64_t before = paced.outcomes;
    const absl::Time start = absl::Now();
    absl::Time next = start;
    while (absl::Now() - start < absl::Seconds(seconds)) {
      next = std::max(next + kCommitEvery, absl::Now());
      absl::SleepFor(next - absl::Now());
      const auto due = before + static_cast<int64_t>(rate * absl::ToDoubleSeconds(absl::Now() - start));
      WriteBatch batch;
      while (paced.outcomes < std::min(due, outcomes->size())) {
        batch.outcomes.push_back(outcomes->Next());
        ++paced.outcomes;
      }
      const absl::Time begin = absl::Now();
      Must(store->Commit(batch));
      paced.commit_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
      paced.wal_peak = std::max(paced.wal_peak, store->wal_status().bytes);
    }
  }
};

// `count` queries of the views, one after another, spread over `seconds`.
void RunQueries(Reader& reader, int count, double seconds) {
  const std::vector<std::string> queries = {
      "SELECT * FROM v_progress",
      "SELECT * FROM v_arm_accuracy",
      "SELECT * FROM v_flips ORDER BY fixed - broken DESC",
      "SELECT arm, subject, accuracy FROM v_subject_accuracy WHERE arm = 'L3H5'",
      "SELECT avg(any_right), avg(baseline_right) FROM v_coverage",
      "SELECT problem, arm, correct, answer, tokens FROM v_outcome LIMIT 2000"};
  const absl::Time start = absl::Now();
  for (int i = 0; i < count; ++i) {
    absl::SleepFor(start + absl::Seconds(seconds) * i / count - absl::Now());
    Must(reader.ForEachRow(queries[static_cast<size_t>(i) % queries.size()], {},
                           [](const auto&, const auto&) { return true; }));
  }
}

// A reader that stays open and looks again and again.
void Watch(Reader& reader, const std::atomic<bool>& stop) {
  while (!stop.load()) {
    Must(reader.ForEachRow("SELECT arm_id, sum(correct) FROM v_judged WHERE question_id < 20 GROUP BY arm_id",
                           {}, [](const auto&, const auto&) { return true; }));
    absl::SleepFor(absl::Milliseconds(200));
  }
}

void Describe(const char* what, Paced& paced) {
  std::printf(
      "# %s: %lld outcomes in %zu commits, p50 %.2f ms, p99 %.2f ms, max %.2f ms, log %.1f MiB at most, "
      "%d queries\n",
      what, static_cast<long long>(paced.outcomes), paced.commit_ms.size(), paced.P(0.5), paced.P(0.99),
      paced.P(1), static_cast<double>(paced.wal_peak) / (1 << 20), paced.queries);
  std::fflush(stdout);
}

// The two sweeps take turns, so that whatever else the machine does meets both alike.
Paced MeasureWithAndWithoutReaders(const Options& options) {
  Sweep alone(options);
  Sweep watched(options);
  const std::unique_ptr<Reader> queries = Must(Reader::Open(watched.folder.File("bench.db")));
  const std::unique_ptr<Reader> open_throughout = Must(Reader::Open(watched.folder.File("bench.db")));
  const double seconds = options.seconds / kTurns;
  for (int turn = 0; turn < kTurns; ++turn) {
    alone.Write(options.rate, seconds);
    std::atomic<bool> stop = false;
    std::thread query_thread([&] { RunQueries(*queries, kQueries / kTurns, seconds); });
    std::thread watch_thread([&] { Watch(*open_throughout, stop); });
    watched.Write(options.rate, seconds);
    query_thread.join();
    stop = true;
    watch_thread.join();
    watched.paced.queries += kQueries / kTurns;
  }
  Describe("without readers", alone.paced);
  Describe("with queries of the views and a reader open throughout", watched.paced);
  const double reference = alone.paced.P(0.99);
  const double ours = watched.paced.P(0.99);
  Print("commit-p99", reference / ours, ours, reference, "ms");
  return std::move(watched.paced);
}

void CompareLogs(const Options& options, const Paced& watched) {
  Sweep sweep(options);
  sqlite3* foreign = nullptr;
  sqlite3_stmt* snapshot = nullptr;
  sqlite3_open_v2(sweep.folder.File("bench.db").c_str(), &foreign, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_prepare_v2(foreign, "SELECT * FROM question", -1, &snapshot, nullptr);
  const bool reads = sqlite3_step(snapshot) == SQLITE_ROW;  // and never to the end
  sweep.Write(options.rate, options.seconds);
  sqlite3_finalize(snapshot);
  sqlite3_close(foreign);
  if (!reads) Must(absl::InternalError("the foreign reader could not read"));
  Describe("with a foreign snapshot held throughout", sweep.paced);
  constexpr double kMiB = 1 << 20;
  Print("wal-peak", static_cast<double>(sweep.paced.wal_peak) / static_cast<double>(watched.wal_peak),
        static_cast<double>(watched.wal_peak) / kMiB, static_cast<double>(sweep.paced.wal_peak) / kMiB,
        "MiB");
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    double* const number = argument == "--seconds" ? &options.seconds
                           : argument == "--rate"  ? &options.rate
                                                   : nullptr;
    if (number == nullptr && argument.rfind("--", 0) != 0) {
      options.figures.push_back(argument);
    } else if (number == nullptr || i + 1 >= argc || !absl::SimpleAtod(argv[++i], number) || *number <= 0) {
      std::fprintf(stderr, "usage: sprint-bench-storage [FIGURE…] [--seconds N] [--rate N]\n");
      return 2;
    }
  }
  if (options.Wants("commit-batch")) {
    const double rate = Rate(1024, 150'000, true);
    Print("commit-batch", rate / kPromisedBatchRate, rate, kPromisedBatchRate, "outcomes/s");
  }
  if (options.Wants("commit-plain")) {
    const double rate = Rate(1024, 150'000, false);
    Print("commit-plain", rate / kPromisedBatchRate, rate, kPromisedBatchRate, "outcomes/s");
  }
  if (options.Wants("commit-single")) MeasureSingle();
  if (options.Wants("create")) {
    const double seconds = CreateSeconds();
    Print("create", 5 / seconds, seconds, 5, "s");
  }
  if (options.Wants("commit-p99") || options.Wants("wal-peak")) {
    const Paced watched = MeasureWithAndWithoutReaders(options);
    if (options.Wants("wal-peak")) CompareLogs(options, watched);
  }
  return 0;
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) { return sprint::Main(argc, argv); }
