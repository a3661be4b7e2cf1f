// The engine's speed, memory and rounding, against what users run instead and against the machine's own
// ceiling.
//
//   sprint-bench-engine [FIGURE…] [--model GGUF] [--demo FOLDER] [--peers FOLDER] …
//
// A line a figure: engine/FIGURE: ratio=R ours=A reference=B unit=U. Ours and the reference run in turns in
// one process tree. Figures of the demo model begin with "demo-". A reference that is missing is a line on
// standard error.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/engine_figures.h"

namespace sprint::bench {
namespace {

std::string MachineLoad() {
  std::ifstream file("/proc/loadavg");
  std::string one, five;
  file >> one >> five;
  return absl::StrCat("load ", one, " ", five);
}

void PrintFigure(const std::string& name, double ratio, double ours, double reference,
                 absl::string_view unit) {
  std::printf("engine/%s: ratio=%.3f ours=%.4g reference=%.4g unit=%s\n", name.c_str(), ratio, ours,
              reference, std::string(unit).c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "  (%s)\n", MachineLoad().c_str());
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void ModelBench::Print(const std::string& figure, double ours, double reference,
                       absl::string_view unit) const {
  PrintFigure(prefix_ + figure, reference > 0 ? ours / reference : 0, ours, reference, unit);
}

void ModelBench::PrintCost(const std::string& figure, double ours, double reference,
                           absl::string_view unit) const {
  PrintFigure(prefix_ + figure, ours > 0 ? reference / ours : 0, ours, reference, unit);
}

void ModelBench::Skip(const std::string& figure, const absl::Status& status) const {
  std::fprintf(stderr, "engine/%s%s: no reference: %s\n", prefix_.c_str(), figure.c_str(),
               std::string(status.message()).c_str());
}

TorchEngineOptions ModelBench::EngineOptions(Dtype dtype, int sequences) const {
  TorchEngineOptions engine;
  engine.dtype = dtype;
  engine.device = "cpu";
  engine.threads = options_.peers.threads;
  engine.max_sequences = sequences;
  engine.shared_folder = options_.shared_weights;
  engine.shared_key = "bench";
  return engine;
}

absl::StatusOr<std::unique_ptr<Engine>> ModelBench::Load(Dtype dtype, int sequences) const {
  return LoadTorchEngine(model_, EngineOptions(dtype, sequences));
}

Workload ModelBench::SweepOf(int questions, int arms, int max_new_tokens) const {
  Workload workload;
  workload.prompts = WordProblems(*model_, questions);
  workload.arms = SpreadArms(model_->config, arms);
  workload.max_new_tokens = max_new_tokens;
  workload.stop_tokens = model_->config.eos_tokens;
  return workload;
}

absl::Status ModelBench::Run() {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
    SPRINT_RETURN_IF_ERROR(Batched(dtype));
    SPRINT_RETURN_IF_ERROR(Sweep(dtype));
    SPRINT_RETURN_IF_ERROR(Invariance(dtype));
    SPRINT_RETURN_IF_ERROR(Memory(dtype));
  }
  for (const char* figure : {"resume", "prefix", "drafts", "drafts-batch1", "head"}) {
    SPRINT_RETURN_IF_ERROR(Saving(figure));
  }
  SPRINT_RETURN_IF_ERROR(HeadError());
  SPRINT_RETURN_IF_ERROR(Growth());
  return RoundingError();
}

namespace {

absl::Status Run(const EngineBenchOptions& options) {
  SPRINT_RETURN_IF_ERROR(RunGpuFigures(options));
  if (!options.demo.empty()) {
    EngineBenchOptions small = options;
    small.questions = std::min(options.questions, 16);
    small.max_new_tokens = std::min(options.max_new_tokens, 64);
    SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(options.demo));
    SPRINT_RETURN_IF_ERROR(ModelBench(small, model, "demo-").Run());
  }
  if (options.model.empty()) {
    std::fprintf(stderr, "no real model: name a GGUF file by --model or SPRINT_SMOLLM2_GGUF\n");
    return absl::OkStatus();
  }
  SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(options.model));
  return ModelBench(options, model, "").Run();
}

}  // namespace
}  // namespace sprint::bench

int main(int argc, char** argv) {
  sprint::bench::EngineBenchOptions options;
  std::vector<std::string> figures;
  if (const char* model = std::getenv("SPRINT_SMOLLM2_GGUF")) options.model = model;
  CLI::App app("How fast the engine is");
  app.add_option("figure", figures, "all when none is named");
  app.add_option("--model", options.model, "a GGUF file or model folder; default $SPRINT_SMOLLM2_GGUF");
  app.add_option("--demo", options.demo, "the demo model's folder");
  app.add_option("--peers", options.peers.folder, "what engine_peers.sh prepared");
  app.add_option("--peer-scripts", options.peers.scripts, "the folder of sweep.py");
  app.add_option("--threads", options.peers.threads, "of ours and the references");
  app.add_option("--repetitions", options.repetitions)->check(CLI::Range(1, 99));
  app.add_option("--batch", options.batch, "sequences at once")->check(CLI::Range(1, 4096));
  app.add_option("--lanes", options.lanes, "lanes of the sweep's engine, each of so many sequences")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--prompt", options.prompt, "tokens of a random prompt")->check(CLI::Range(1, 100000));
  app.add_option("--tokens", options.tokens, "decoded by each sequence")->check(CLI::Range(2, 100000));
  app.add_option("--questions", options.questions, "of the sweep")->check(CLI::Range(1, 100000));
  app.add_option("--arms", options.arms, "of the sweep, the baseline included")->check(CLI::Range(1, 100000));
  app.add_option("--saving-questions", options.saving_questions, "of resume, prefix and drafts")
      ->check(CLI::Range(1, 100000));
  app.add_option("--saving-tokens", options.saving_tokens, "new ones, of the same")
      ->check(CLI::Range(1, 100000));
  app.add_option("--shared-weights", options.shared_weights, "a folder where the weights are shared");
  app.add_option("--gpu-device", options.gpu_device, "of gpu-1.5b and gpu-7b");
  app.add_option("--gpu-batch", options.gpu_batch, "sequences at once, of the same")
      ->check(CLI::Range(1, 4096));
  app.add_flag("--gpu-tiny", options.gpu_tiny,
               "a tiny shape in their place, to check their path: with --gpu-device cpu-aten on any machine");
  std::string child;
  app.add_option("--memory-child", child,
                 "for itself: run a sweep in this dtype and say how much memory it took");
  app.add_option("--max-new-tokens", options.max_new_tokens)->check(CLI::Range(1, 100000));
  CLI11_PARSE(app, argc, argv);
  options.figures.insert(figures.begin(), figures.end());
  const absl::Status status = child.empty() ? sprint::bench::Run(options)
                                            : sprint::bench::RunMemoryChild(options, options.model, child);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sprint-bench-engine: %s\n", std::string(status.message()).c_str());
  return 1;
}
