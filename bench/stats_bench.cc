// sprint-bench-stats [FIGURE…] [--sweeps N] [--questions N] [--peers DIR] [--peer-scripts DIR]: whether the
// statistics keep their promises, on simulated sweeps with known truth.
//
//   stats/null-any   share of sweeps of 270 arms that do nothing in which any has q < 0.05; reference: 0.05
//                    and twice its binomial error, which it must not exceed
//   stats/fdr        realised false discovery rate with 5 arms of +6 points among 270; reference: 0.05 and
//                    twice its error
//   stats/power      share of those 5 that are found; reference: statsmodels' exact McNemar test and
//                    Benjamini-Hochberg on the same sweeps
//   stats/table      processor seconds from a database of 784 arms x 7,500 questions to the whole table;
//                    reference: the view v_flips alone
//
// A simulated sweep has 500 questions of unlike difficulty, which its arms share; an arm's answer is the
// baseline's, or, where the arm changes the text, drawn anew at the question's difficulty. So arms are
// correlated through the baseline, as pruned models are.
// A line a figure: `name: ratio=R ours=A reference=B unit=U`; a larger ratio is better.
#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/rng.h"
#include "bench/measure.h"
#include "cli/stats.h"
#include "eval/statistics/multiple_testing.h"
#include "eval/statistics/paired_tests.h"
#include "storage/sqlite_store.h"

namespace sprint {
namespace {

constexpr int kArms = 270;
constexpr int kPlanted = 5;
constexpr double kEffect = 0.06;
constexpr int kQuestions = 500;
constexpr double kLevel = 0.05;
// How often an arm changes the text so that its answer is drawn anew.
constexpr double kChanged = 0.5;

struct Options {
  std::vector<std::string> figures;
  int64_t sweeps = 1000;
  int64_t questions = 7500;
  std::string peers;         // a folder with the venv of stats_peers.sh
  std::string peer_scripts;  // bench/peers
  bool Wants(const std::string& figure) const {
    return figures.empty() || std::find(figures.begin(), figures.end(), figure) != figures.end() ||
           std::find(figures.begin(), figures.end(), "stats/" + figure) != figures.end();
  }
};

void Print(const std::string& figure, double ratio, double ours, double reference, const std::string& unit) {
  std::printf("stats/%s: ratio=%.3f ours=%.4g reference=%.4g unit=%s\n", figure.c_str(), ratio, ours,
              reference, unit.c_str());
  std::fflush(stdout);
}

[[noreturn]] void Fail(absl::string_view message) {
  std::fprintf(stderr, "sprint-bench-stats: %s\n", std::string(message).c_str());
  std::exit(1);
}

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) Fail(result.status().message());
  return *std::move(result);
}

struct Flips {
  int32_t fixed = 0;
  int32_t broken = 0;
};

// One sweep: the flips of each arm; the first `planted` are better than the baseline by kEffect.
std::vector<Flips> SimulateSweep(uint64_t seed, int planted) {
  CounterRng rng(seed, 0);
  std::vector<Flips> arms(kArms);
  double wrong = 0;
  std::vector<double> difficulty(kQuestions);
  for (double& share : difficulty) {
    share = 1 / (1 + std::exp(-0.8 - 1.5 * rng.NextNormal()));
    wrong += (1 - share) / kQuestions;
  }
  const double turned = kEffect / wrong;  // of the wrong answers of a planted arm
  for (const double share : difficulty) {
    const bool baseline = rng.NextDouble() < share;
    for (int arm = 0; arm < kArms; ++arm) {
      bool right = rng.NextDouble() < kChanged ? rng.NextDouble() < share : baseline;
      if (arm < planted && !right) right = rng.NextDouble() < turned;
      arms[static_cast<size_t>(arm)].fixed += right && !baseline ? 1 : 0;
      arms[static_cast<size_t>(arm)].broken += !right && baseline ? 1 : 0;
    }
  }
  return arms;
}

// What the q-values of one sweep call an effect.
struct Discoveries {
  int real = 0;
  int false_ones = 0;
};
Discoveries Discover(const std::vector<Flips>& arms, int planted) {
  std::vector<double> p_values;
  p_values.reserve(arms.size());
  for (const Flips& arm : arms) p_values.push_back(McNemarExact(arm.fixed, arm.broken));
  const std::vector<double> q_values = QValues(p_values);
  Discoveries found;
  for (size_t arm = 0; arm < arms.size(); ++arm) {
    if (q_values[arm] >= kLevel) continue;
    const bool real = static_cast<int>(arm) < planted && arms[arm].fixed > arms[arm].broken;
    ++(real ? found.real : found.false_ones);
  }
  return found;
}

void MeasureNull(const Options& options) {
  double any = 0;
  for (int64_t sweep = 0; sweep < options.sweeps; ++sweep)
    any += Discover(SimulateSweep(static_cast<uint64_t>(sweep), 0), 0).false_ones > 0 ? 1 : 0;
  const auto sweeps = static_cast<double>(options.sweeps);
  const double allowed = kLevel + 2 * std::sqrt(kLevel * (1 - kLevel) / sweeps);
  Print("null-any", allowed / std::max(any / sweeps, 1 / sweeps), any / sweeps, allowed, "share of sweeps");
}

// The power that statsmodels' procedure has on the flips in `path`; negative where it cannot be had.
double PeerPower(const Options& options, const std::string& path) {
  const std::string python = options.peers + "/statsmodels/bin/python";
  if (options.peers.empty() || !std::filesystem::exists(python)) {
    std::fprintf(
        stderr,
        "statsmodels is missing: the power has no peer beside it (scripts/bench stats makes its venv)\n");
    return -1;
  }
  const std::string command =
      absl::StrCat("'", python, "' '", options.peer_scripts, "/stats.py' '", path, "'");
  FILE* const pipe = popen(command.c_str(), "r");
  double power = -1;
  if (pipe == nullptr || std::fscanf(pipe, "%lf", &power) != 1) power = -1;
  if (pipe != nullptr) pclose(pipe);
  if (power < 0) std::fprintf(stderr, "statsmodels failed: the power has no peer beside it\n");
  return power;
}

void MeasurePlanted(const Options& options, const TemporaryFolder& folder) {
  const std::string path = folder.File("flips.tsv");
  std::ofstream file(path);
  double found = 0, rates = 0, squares = 0;
  for (int64_t sweep = 0; sweep < options.sweeps; ++sweep) {
    const std::vector<Flips> arms = SimulateSweep(static_cast<uint64_t>(1'000'000 + sweep), kPlanted);
    for (size_t arm = 0; arm < arms.size(); ++arm) {
      file << sweep << '\t' << (arm < kPlanted ? 1 : 0) << '\t' << arms[arm].fixed << '\t' << arms[arm].broken
           << '\n';
    }
    const Discoveries discoveries = Discover(arms, kPlanted);
    const double rate = discoveries.false_ones == 0 ? 0
                                                    : static_cast<double>(discoveries.false_ones) /
                                                          (discoveries.false_ones + discoveries.real);
    found += discoveries.real;
    rates += rate;
    squares += rate * rate;
  }
  file.close();
  const auto sweeps = static_cast<double>(options.sweeps);
  const double mean = rates / sweeps;
  const double error = std::sqrt(std::max(0.0, squares / sweeps - mean * mean) / sweeps);
  if (options.Wants("fdr"))
    Print("fdr", (kLevel + 2 * error) / std::max(mean, 1e-6), mean, kLevel + 2 * error, "share");
  if (!options.Wants("power")) return;
  const double power = found / (sweeps * kPlanted);
  const double peer = PeerPower(options, path);
  if (peer > 0) {
    Print("power", power / peer, power, peer, "share found");
  } else {
    std::printf("# power: %.4f of the planted arms are found; no peer\n", power);
  }
}

// A finished sweep of 784 arms without its texts, written by SQL: verdicts that look drawn.
void MakeDatabase(const std::string& path, int32_t questions) {
  {
    ExperimentPlan plan;
    plan.name = "bench";
    plan.runs.resize(1);
    plan.runs[0].engine_mode = "exact";
    BlockPlan block;
    for (int32_t q = 0; q < questions; ++q) {
      plan.questions.push_back({{q}, ""});
      plan.problems.push_back({absl::StrCat("q", q), q, "", absl::StrCat(q), absl::StrCat("subject ", q % 7),
                               absl::StrCat(1 + q % 5)});
      block.questions.push_back(q);
    }
    for (int32_t a = 0; a < 784; ++a) {
      plan.arms.push_back(a == 0 ? Arm() : Must(Arm::Create({{a / 28, a % 28, HeadOp::kZero}})));
      block.arms.push_back(a);
    }
    plan.blocks = {block};
    SqliteStoreOptions options;
    options.path = path;
    Must(Must(OpenSqliteStore(options))->CreateExperiment(plan, absl::Now()));
  }
  sqlite3* database = nullptr;
  char* error = nullptr;
  constexpr char kFill[] = R"sql(
PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA foreign_keys = OFF;
BEGIN;
INSERT INTO answer VALUES (1, x'', x'', x'');
INSERT INTO numerics VALUES (1, 'bench');
CREATE TEMP TABLE cell AS SELECT q.question_id AS q, a.arm_id AS a,
  (q.question_id * 7919 + 11) % 100 AS ease,
  abs((q.question_id * 2654435761 + a.arm_id * 40503 * (1 + q.question_id % 97)) % 1009) AS draw
  FROM block_question q CROSS JOIN block_arm a ORDER BY 1, 2;
INSERT INTO outcome SELECT 1, q, a, 0, 1, 120 + draw % 160, draw % 50 = 0, -12.5, NULL, 1, 0, 8000000 FROM cell;
INSERT INTO verdict SELECT 1, q, a, 0, q, 1, CASE WHEN draw % 5 = 0 THEN draw % 100 < ease ELSE ease > 40 END,
  '42', 'boxed', '42 = 42' FROM cell;
UPDATE experiment_arm SET done = cells, judged = cells;
UPDATE experiment SET state = 3;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
)sql";
  if (sqlite3_open(path.c_str(), &database) != SQLITE_OK ||
      sqlite3_exec(database, kFill, nullptr, nullptr, &error) != SQLITE_OK)
    Fail(error != nullptr ? error : "cannot make the database");
  sqlite3_close(database);
}

void MeasureTable(const Options& options, const TemporaryFolder& folder) {
  const std::string path = folder.File("bench.db");
  MakeDatabase(path, static_cast<int32_t>(options.questions));
  const auto reader = Must(Reader::Open(path));
  const absl::Time start = absl::Now();
  const double cpu = ProcessCpuSeconds();
  const Stats stats = Must(LoadStats(*reader, ExperimentId(1)));
  const double read = ProcessCpuSeconds() - cpu;
  const std::string text = FormatStats(stats, {}) + StatsJson(stats);
  const double ours = ProcessCpuSeconds() - cpu;
  std::printf(
      "# table: %lld questions x 784 arms, %.1f s of the clock; %.1f s of the processor are reading and "
      "analysis, %zu bytes of output\n",
      static_cast<long long>(stats.statistics.questions), absl::ToDoubleSeconds(absl::Now() - start), read,
      text.size());
  const double before = ProcessCpuSeconds();
  const absl::Status flips = reader->ForEachRow("SELECT arm, fixed, broken FROM v_flips", {},
                                                [](const auto&, const auto&) { return true; });
  if (!flips.ok()) Fail(flips.message());
  const double reference = ProcessCpuSeconds() - before;
  Print("table", reference / ours, ours, reference, "processor s");
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--sweeps" && has_value && absl::SimpleAtoi(argv[i + 1], &options.sweeps) &&
        options.sweeps > 0) {
      ++i;
    } else if (argument == "--questions" && has_value && absl::SimpleAtoi(argv[i + 1], &options.questions) &&
               options.questions > 0) {
      ++i;
    } else if (argument == "--peers" && has_value) {
      options.peers = argv[++i];
    } else if (argument == "--peer-scripts" && has_value) {
      options.peer_scripts = argv[++i];
    } else if (argument == "--demo" && has_value) {
      ++i;  // given to every benchmark with peers
    } else if (argument.rfind("--", 0) != 0) {
      options.figures.push_back(argument);
    } else {
      std::fprintf(stderr,
                   "usage: sprint-bench-stats [FIGURE…] [--sweeps N] [--questions N] [--peers DIR] "
                   "[--peer-scripts DIR]\n");
      return 2;
    }
  }
  const TemporaryFolder folder;
  if (options.Wants("null-any")) MeasureNull(options);
  if (options.Wants("fdr") || options.Wants("power")) MeasurePlanted(options, folder);
  if (options.Wants("table")) MeasureTable(options, folder);
  return 0;
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) { return sprint::Main(argc, argv); }
