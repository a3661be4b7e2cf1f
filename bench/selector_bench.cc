// Training and using a selector, beside the same model in PyTorch on the same data, in the same run.
//   epoch    epochs a second: 784 arms x 7,500 questions x 384 features, batches of 64
//   latency  microseconds from a question's features to its 8 arms, at 784 arms
//   memory   bytes that the training takes at most beyond what the process had before, data included
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "bench/measure.h"
#include "selector/policies.h"
#include "selector/trainer.h"
#include "worker/engine/parallel.h"

namespace sprint {
namespace {

constexpr int64_t kArms = 784;
constexpr int64_t kFeatures = 384;
constexpr int64_t kValidation = 16;  // too few to count

struct Options {
  std::vector<std::string> figures;
  int64_t questions = 7500;
  int32_t epochs = 12;
  int32_t threads = UsableCpus();
  std::string peers, peer_scripts;
  bool Wants(const std::string& figure) const {
    return figures.empty() || std::find(figures.begin(), figures.end(), figure) != figures.end();
  }
};

[[noreturn]] void Fail(absl::string_view message) {
  std::fprintf(stderr, "sprint-bench-selector: %s\n", std::string(message).c_str());
  std::exit(1);
}

int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

// Questions of 30 kinds, each with arms of its own that answer it more often.
Snapshot MakeSnapshot(int64_t questions, FeatureMatrix& features) {
  Snapshot snapshot;
  snapshot.name = "bench";
  for (int64_t a = 0; a < kArms; ++a)
    snapshot.arms.push_back(a == 0 ? "baseline" : absl::StrCat("L", a / 28, "H", a % 28));
  CounterRng rng(1, 1);
  std::vector<float> centres;
  for (int64_t i = 0; i < 30 * kFeatures; ++i) centres.push_back(static_cast<float>(rng.NextNormal()));
  features.rows = questions + kValidation;
  features.dim = kFeatures;
  for (int64_t q = 0; q < features.rows; ++q) {
    SnapshotProblem problem;
    problem.id = absl::StrCat("q", q);
    problem.split = q < questions ? Split::kTrain : Split::kValidation;
    snapshot.problems.push_back(problem);
    const auto kind = static_cast<int64_t>(rng.NextBelow(30));
    for (int64_t i = 0; i < kFeatures; ++i)
      features.values.push_back(centres[static_cast<size_t>(kind * kFeatures + i)] +
                                static_cast<float>(rng.NextDouble() - 0.5));
    for (int64_t a = 0; a < kArms; ++a) {
      const bool right = rng.NextUint32() < (a % 30 == kind ? 2600000000U : 2000000000U);
      snapshot.outcomes.push_back({static_cast<int8_t>(right ? 1 : 0), right ? 0 : 1, 10});
    }
  }
  return snapshot;
}

struct Measured {
  double epoch_seconds = 0;  // the median of those after the first
  double loss = 0;           // of the last
  double latency_seconds = 0;
  double peak_bytes = 0;
};

Measured MeasureOurs(const Options& options, const Snapshot& snapshot, const FeatureMatrix& features) {
  TrainOptions train;
  train.epochs = options.epochs;
  train.patience = 0;
  std::vector<double> seconds;
  Measured measured;
  absl::Time before = absl::Now();
  auto trained =
      TrainSelector(snapshot, features, snapshot.Of(Split::kTrain), snapshot.Of(Split::kValidation), train,
                    {options.threads, "", 0}, [&](const TrainProgress& progress) {
                      const absl::Time now = absl::Now();
                      if (progress.epoch > 1) seconds.push_back(absl::ToDoubleSeconds(now - before));
                      before = now;
                      measured.loss = progress.train_loss;
                      return true;
                    });
  if (!trained.ok()) Fail(trained.status().message());
  std::sort(seconds.begin(), seconds.end());
  measured.epoch_seconds = seconds[seconds.size() / 2];
  std::vector<double> latencies;
  for (size_t round = 0; round < 2000; ++round) {
    const absl::Time start = absl::Now();
    const auto arms = ChooseArms(trained->selector, features.Row(round % 100), 8, PolicyOptions());
    latencies.push_back(absl::ToDoubleSeconds(absl::Now() - start));
    if (arms.size() != 8) Fail("a choice of other than 8 arms");
  }
  std::sort(latencies.begin(), latencies.end());
  measured.latency_seconds = latencies[latencies.size() / 2];
  return measured;
}

void WriteRaw(const std::string& path, const void* data, size_t size) {
  if (!WriteFileAtomically(path, absl::string_view(static_cast<const char*>(data), size)).ok())
    Fail(absl::StrCat("cannot write ", path));
}

// Runs the peer; false where there is none.
bool MeasurePeer(const Options& options, const Snapshot& snapshot, const FeatureMatrix& features,
                 const TemporaryFolder& folder, Measured& peer) {
  const std::string python = options.peers + "/torch/bin/python";
  if (options.peers.empty() || !FileExists(python)) return false;
  std::string right;
  for (const FrozenOutcome& cell : snapshot.outcomes) right.push_back(static_cast<char>(cell.right));
  WriteRaw(folder.File("features"), features.values.data(), features.values.size() * sizeof(float));
  WriteRaw(folder.File("right"), right.data(), right.size());
  const std::string command = absl::StrCat("'", python, "' '", options.peer_scripts, "/selector.py' '",
                                           folder.File("features"), "' '", folder.File("right"), "' ",
                                           options.questions, " ", options.epochs, " ", options.threads);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return false;
  char line[256];
  std::map<std::string, double> values;
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const std::vector<std::string> words = absl::StrSplit(absl::StripAsciiWhitespace(line), ' ');
    double value = 0;
    if (words.size() == 2 && absl::SimpleAtod(words[1], &value)) values[words[0]] = value;
  }
  if (pclose(pipe) != 0 || values.count("epoch_seconds") == 0) return false;
  peer = {values["epoch_seconds"], values["loss"], values["latency_seconds"], values["peak_bytes"]};
  return true;
}

void Print(const char* figure, double ratio, double ours, double reference, const char* unit) {
  std::printf("selector/%s: ratio=%.3f ours=%.6g reference=%.6g unit=%s\n", figure, ratio, ours, reference,
              unit);
}

int Run(const Options& options) {
  const TemporaryFolder folder;
  FeatureMatrix features;
  const int64_t empty = PeakBytes();
  const Snapshot snapshot = MakeSnapshot(options.questions, features);
  Measured ours = MeasureOurs(options, snapshot, features);
  ours.peak_bytes = static_cast<double>(PeakBytes() - empty);
  Measured peer;
  const bool has_peer = MeasurePeer(options, snapshot, features, folder, peer);
  std::printf(
      "# %lld questions, %lld arms, %lld features, %d epochs, %d threads; the last epoch's loss: ours %.4f",
      static_cast<long long>(options.questions), static_cast<long long>(kArms),
      static_cast<long long>(kFeatures), options.epochs, options.threads, ours.loss);
  if (has_peer) {
    std::printf(", PyTorch's %.4f\n", peer.loss);
  } else {
    std::printf("\n# no PyTorch to measure against; ours: %.3f epochs/s, %.1f us a question, %.0f MiB\n",
                1 / ours.epoch_seconds, ours.latency_seconds * 1e6, ours.peak_bytes / (1 << 20));
    return 0;
  }
  if (options.Wants("epoch"))
    Print("epoch", peer.epoch_seconds / ours.epoch_seconds, 1 / ours.epoch_seconds, 1 / peer.epoch_seconds,
          "epochs/s");
  if (options.Wants("latency"))
    Print("latency", peer.latency_seconds / ours.latency_seconds, ours.latency_seconds * 1e6,
          peer.latency_seconds * 1e6, "us");
  if (options.Wants("memory"))
    Print("memory", peer.peak_bytes / ours.peak_bytes, ours.peak_bytes / (1 << 20),
          peer.peak_bytes / (1 << 20), "MiB");
  return 0;
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--questions" && has_value && absl::SimpleAtoi(argv[i + 1], &options.questions) &&
        options.questions >= 100) {
      ++i;
    } else if (argument == "--epochs" && has_value && absl::SimpleAtoi(argv[i + 1], &options.epochs) &&
               options.epochs >= 3) {
      ++i;
    } else if (argument == "--threads" && has_value && absl::SimpleAtoi(argv[i + 1], &options.threads) &&
               options.threads >= 1) {
      ++i;
    } else if (argument == "--peers" && has_value) {
      options.peers = argv[++i];
    } else if (argument == "--peer-scripts" && has_value) {
      options.peer_scripts = argv[++i];
    } else if (argument.rfind("--", 0) != 0) {
      options.figures.push_back(argument);
    } else {
      std::fprintf(
          stderr,
          "usage: sprint-bench-selector [epoch latency memory] [--questions N] [--epochs N] [--threads N] "
          "[--peers DIR] [--peer-scripts DIR]\n");
      return 2;
    }
  }
  return Run(options);
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) { return sprint::Main(argc, argv); }
