// The engine's speed against what users run instead, and against the machine's own ceiling.
//
//   sprint-bench-engine [FIGURE…] [--model GGUF] [--demo FOLDER] [--peers FOLDER] …
//
// A line a figure: engine/FIGURE: ratio=R ours=A reference=B unit=U. Ours and the reference run in
// turns, the median of the repetitions counts. Figures of the demo model begin with "demo-".
// A reference that is missing is a line on standard error.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "bench/engine_peers.h"
#include "bench/engine_workload.h"
#include "model/model_files.h"
#include "worker/engine/gemm.h"
#include "worker/engine/torch_engine.h"

namespace sprint::bench {
namespace {

struct Options {
  std::set<std::string> figures;  // empty: all
  std::string model;
  std::string demo = "demo/model";
  Peers peers;
  int repetitions = 3;
  int batch = 64;
  int prompt = 95;
  int tokens = 64;
  int questions = 64;
  int arms = 12;
  int max_new_tokens = 256;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

std::string MachineLoad() {
  std::ifstream file("/proc/loadavg");
  std::string one, five;
  file >> one >> five;
  return absl::StrCat("load ", one, " ", five);
}

// One model's figures.
class ModelBench {
 public:
  ModelBench(const Options& options, std::shared_ptr<const ModelFiles> model, std::string prefix)
      : options_(options), model_(std::move(model)), prefix_(std::move(prefix)) {}

  absl::Status Run() {
    for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
      SPRINT_RETURN_IF_ERROR(Batched(dtype));
      SPRINT_RETURN_IF_ERROR(Sweep(dtype));
    }
    return absl::OkStatus();
  }

 private:
  bool Wanted(const std::string& figure) const {
    return options_.figures.empty() || options_.figures.count(prefix_ + figure) > 0;
  }
  void Print(const std::string& figure, double ours, double reference, absl::string_view unit) const {
    std::printf("engine/%s%s: ratio=%.3f ours=%.2f reference=%.2f unit=%s\n", prefix_.c_str(), figure.c_str(),
                reference > 0 ? ours / reference : 0, ours, reference, std::string(unit).c_str());
    std::fprintf(stderr, "  (%s)\n", MachineLoad().c_str());
    std::fflush(stdout);
  }
  void Skip(const std::string& figure, const absl::Status& status) const {
    std::fprintf(stderr, "engine/%s%s: no reference: %s\n", prefix_.c_str(), figure.c_str(),
                 std::string(status.message()).c_str());
  }
  absl::StatusOr<std::unique_ptr<Engine>> Load(Dtype dtype, int sequences) const {
    TorchEngineOptions engine;
    engine.dtype = dtype;
    engine.device = "cpu";
    engine.threads = options_.peers.threads;
    engine.max_sequences = sequences;
    return LoadTorchEngine(model_, engine);
  }
  absl::Status Batched(Dtype dtype);
  absl::Status Sweep(Dtype dtype);
  double GemmPeak(Dtype dtype) const;

  const Options& options_;
  const std::shared_ptr<const ModelFiles> model_;
  const std::string prefix_;
};

// Own products at their best: the rate that the model's widest matrix reaches.
double ModelBench::GemmPeak(Dtype dtype) const {
  const ModelConfig& config = model_->config;
  constexpr int64_t kRows = 512;
  ThreadPool pool(options_.peers.threads);
  Gemm gemm(pool);
  const absl::StatusOr<Matrix> w = NewMatrix(2 * config.intermediate, config.hidden, dtype);
  if (!w.ok()) return 0;
  std::vector<float> x(static_cast<size_t>(kRows * config.hidden), 0.5f);
  std::vector<Bf16> rounded(x.size());
  kernels::F32ToBf16(x.data(), static_cast<int64_t>(x.size()), rounded.data());
  std::vector<float> y(static_cast<size_t>(kRows * w->rows));
  double best = 0;
  for (int i = 0; i < 30; ++i) {
    const double start = Now();
    if (dtype == Dtype::kF32) {
      gemm.Multiply(*w, x.data(), kRows, y.data());
    } else {
      gemm.Multiply(*w, rounded.data(), kRows, y.data());
    }
    best = std::max(best, 2.0 * kRows * static_cast<double>(w->rows * w->cols) / (Now() - start));
  }
  return best;
}

// decode, prompt: against llama.cpp at its batch; best: at the batch that suits us most.
absl::Status ModelBench::Batched(Dtype dtype) {
  const std::string name(DtypeName(dtype));
  const bool best = dtype == Dtype::kF32 && Wanted("best-f32");
  if (!Wanted("decode-" + name) && !Wanted("prompt-" + name) && !best) return absl::OkStatus();
  const int widest = best ? 4 * options_.batch : options_.batch;
  SPRINT_ASSIGN_OR_RETURN(const auto engine, Load(dtype, widest));
  std::vector<double> decode, prompt, wide, llama_decode, llama_prompt;
  absl::Status reference;
  for (int i = 0; i < options_.repetitions; ++i) {
    SPRINT_ASSIGN_OR_RETURN(
        const RunResult ours,
        RunBatched(*engine, RandomPrompts(model_->config, options_.batch, options_.prompt), options_.tokens));
    decode.push_back(static_cast<double>(ours.decoded) / ours.decode_seconds);
    prompt.push_back(static_cast<double>(ours.prompt_tokens) / ours.prompt_seconds);
    if (best) {
      SPRINT_ASSIGN_OR_RETURN(
          const RunResult more,
          RunBatched(*engine, RandomPrompts(model_->config, widest, options_.prompt), options_.tokens));
      wide.push_back(static_cast<double>(more.decoded) / more.decode_seconds);
    }
    if (!reference.ok()) continue;
    const absl::StatusOr<LlamaResult> llama =
        RunLlama(options_.peers, model_->path, dtype, options_.batch, options_.prompt, options_.tokens);
    reference = llama.status();
    if (!llama.ok()) continue;
    llama_decode.push_back(llama->decode_rate);
    llama_prompt.push_back(llama->prompt_rate);
  }
  if (!reference.ok()) Skip("decode-" + name, reference);
  if (Wanted("decode-" + name)) Print("decode-" + name, Median(decode), Median(llama_decode), "tokens/s");
  if (Wanted("prompt-" + name)) Print("prompt-" + name, Median(prompt), Median(llama_prompt), "tokens/s");
  if (best) Print("best-f32", std::max(Median(wide), Median(decode)), Median(llama_decode), "tokens/s");
  return absl::OkStatus();
}

// sweep: against transformers' loop, of which one arm is timed; ceiling: against the rate that the
// best products would reach without anything shared.
absl::Status ModelBench::Sweep(Dtype dtype) {
  const std::string name(DtypeName(dtype));
  if (!Wanted("sweep-" + name) && !Wanted("ceiling-" + name)) return absl::OkStatus();
  Workload workload;
  workload.prompts = WordProblems(*model_, options_.questions);
  workload.arms = SpreadArms(model_->config, options_.arms);
  workload.max_new_tokens = options_.max_new_tokens;
  workload.stop_tokens = model_->config.eos_tokens;
  SPRINT_ASSIGN_OR_RETURN(const auto engine, Load(dtype, options_.batch));
  SPRINT_ASSIGN_OR_RETURN(const RunResult ours, RunSweep(*engine, workload));
  const double rate = static_cast<double>(ours.generations) / ours.seconds;
  const double generations = static_cast<double>(ours.generations);
  std::fprintf(stderr, "  %.0f generations, %.1f prompt and %.1f new tokens each, %.1f new tokens/s\n",
               generations, static_cast<double>(ours.prompt_tokens) / generations,
               static_cast<double>(ours.generated) / generations,
               static_cast<double>(ours.generated) / ours.seconds);
  const StepStats& stats = engine->stats();
  std::fprintf(
      stderr,
      "  of the steps' %.1f s: products %.1f %%, attention %.1f %%, the rest %.1f %%; outside %.1f s\n",
      stats.step_seconds, 100 * stats.gemm_seconds / stats.step_seconds,
      100 * stats.attention_seconds / stats.step_seconds,
      100 * (1 - (stats.gemm_seconds + stats.attention_seconds) / stats.step_seconds),
      ours.seconds - stats.step_seconds);
  if (Wanted("ceiling-" + name)) {
    const double flops =
        (static_cast<double>(ours.prompt_tokens - ours.generations) * FlopsPerToken(model_->config, false) +
         static_cast<double>(ours.generated) * FlopsPerToken(model_->config, true)) /
        generations;
    Print("ceiling-" + name, rate, GemmPeak(dtype) / flops, "generations/s");
  }
  if (!Wanted("sweep-" + name)) return absl::OkStatus();
  Workload subset = workload;
  subset.arms = {workload.arms[workload.arms.size() / 2]};
  const absl::StatusOr<LoopResult> loop =
      RunTransformers(options_.peers, model_->path, dtype, subset, options_.batch);
  if (!loop.ok()) Skip("sweep-" + name, loop.status());
  Print("sweep-" + name, rate, loop.ok() ? static_cast<double>(loop->generations) / loop->seconds : 0,
        "generations/s");
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  if (!options.demo.empty()) {
    Options small = options;
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
  sprint::bench::Options options;
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
  app.add_option("--prompt", options.prompt, "tokens of a random prompt")->check(CLI::Range(1, 100000));
  app.add_option("--tokens", options.tokens, "decoded by each sequence")->check(CLI::Range(2, 100000));
  app.add_option("--questions", options.questions, "of the sweep")->check(CLI::Range(1, 100000));
  app.add_option("--arms", options.arms, "of the sweep, the baseline included")->check(CLI::Range(1, 100000));
  app.add_option("--max-new-tokens", options.max_new_tokens)->check(CLI::Range(1, 100000));
  CLI11_PARSE(app, argc, argv);
  options.figures.insert(figures.begin(), figures.end());
  const absl::Status status = sprint::bench::Run(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sprint-bench-engine: %s\n", std::string(status.message()).c_str());
  return 1;
}
