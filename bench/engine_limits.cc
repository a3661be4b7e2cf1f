// Where the engine's costs bend, what memory it takes, and how far bf16 is from f32.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "bench/engine_figures.h"

namespace sprint::bench {
namespace {

constexpr int kMemoryQuestions = 16;
constexpr int kMemoryTokens = 128;

// The highest resident size of this process so far, in bytes; 0 where the system does not say.
int64_t PeakResident() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    absl::string_view text = line;
    if (!absl::ConsumePrefix(&text, "VmHWM:")) continue;
    int64_t kib = 0;
    return absl::SimpleAtoi(absl::StripSuffix(text, " kB"), &kib) ? kib * 1024 : 0;
  }
  return 0;
}

int64_t LongestPrompt(const Workload& workload) {
  size_t longest = 0;
  for (const std::vector<int32_t>& prompt : workload.prompts) longest = std::max(longest, prompt.size());
  return static_cast<int64_t>(longest);
}

}  // namespace

absl::Status ModelBench::Growth() {
  const auto measure = [&](const std::string& figure, const Workload& workload,
                           double* first) -> absl::Status {
    if (!Wanted(figure)) return absl::OkStatus();
    SPRINT_ASSIGN_OR_RETURN(const auto engine, Load(Dtype::kF32, options_.batch));
    SPRINT_ASSIGN_OR_RETURN(const RunResult run, RunSweep(*engine, workload));
    const StepStats& stats = engine->stats();
    std::fprintf(
        stderr,
        "  %lld generations; products %.1f %%, attention %.1f %% of the steps' time; %lld preempted\n",
        static_cast<long long>(run.generations), 100 * stats.gemm_seconds / stats.step_seconds,
        100 * stats.attention_seconds / stats.step_seconds, static_cast<long long>(stats.preemptions));
    const double rate = static_cast<double>(run.generated) / run.seconds;
    if (*first == 0) *first = rate;
    Print(figure, rate, *first, "tokens/s");
    return absl::OkStatus();
  };
  // Ever more tokens of the unpruned model, 32 sequences that do not stop before.
  double first = 0;
  for (const int tokens : {128, 512, 2048}) {
    Workload workload = SweepOf(32, 1, std::min<int>(tokens, static_cast<int>(model_->config.context) - 200));
    workload.stop_tokens.clear();
    SPRINT_RETURN_IF_ERROR(measure(absl::StrCat("growth-tokens-", tokens), workload, &first));
  }
  // Ever more arms, about 270 generations in all.
  first = 0;
  for (const int arms : {1, 9, 36, 270}) {
    Workload workload = SweepOf(270 / arms, arms, 64);
    workload.stop_tokens.clear();
    SPRINT_RETURN_IF_ERROR(measure(absl::StrCat("growth-arms-", arms), workload, &first));
  }
  return absl::OkStatus();
}

absl::Status RunMemoryChild(const EngineBenchOptions& options, const std::string& path,
                            const std::string& name) {
  SPRINT_ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(name));
  SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(path));
  TorchEngineOptions engine_options;
  engine_options.dtype = dtype;
  engine_options.device = "cpu";
  engine_options.threads = options.peers.threads;
  engine_options.max_sequences = options.lanes * options.batch;
  engine_options.lanes = options.lanes;
  SPRINT_ASSIGN_OR_RETURN(const auto engine, LoadTorchEngine(model, engine_options));
  Workload workload;
  workload.prompts = WordProblems(*model, kMemoryQuestions);
  workload.arms = SpreadArms(model->config, options.arms);
  workload.max_new_tokens = kMemoryTokens;
  SPRINT_RETURN_IF_ERROR(RunSweep(*engine, workload).status());
  std::printf("peak %lld\n", static_cast<long long>(PeakResident()));
  return absl::OkStatus();
}

absl::Status ModelBench::Memory(Dtype dtype) {
  const std::string figure = absl::StrCat("memory-", DtypeName(dtype));
  if (!Wanted(figure)) return absl::OkStatus();
  const std::string command = absl::StrCat(
      "/exe --memory-child ", DtypeName(dtype), " --model '", model_->path, "' --batch ", options_.batch,
      " --lanes ", options_.lanes, " --arms ", options_.arms, " --threads ", options_.peers.threads);
  FILE* pipe = popen(absl::StrCat("exec /proc/", getpid(), command).c_str(), "r");
  long long peak = 0;
  const bool read = pipe != nullptr && std::fscanf(pipe, "peak %lld", &peak) == 1;
  if (pipe != nullptr) pclose(pipe);
  if (!read) return absl::InternalError(absl::StrCat("the child process of ", figure, " said nothing"));
  EngineShape shape;
  shape.sequences = options_.lanes * options_.batch;
  shape.lanes = options_.lanes;
  shape.prompt_tokens = LongestPrompt(SweepOf(kMemoryQuestions, 1, 1));
  shape.new_tokens = kMemoryTokens;
  const MemoryEstimate estimate = EstimateMemory(model_->config, dtype, shape);
  constexpr double kMib = 1 << 20;
  std::fprintf(stderr,
               "  predicted: weights %.0f, K/V %.0f, activations %.0f, traces %.0f, process %.0f MiB\n",
               static_cast<double>(estimate.weights) / kMib, static_cast<double>(estimate.kv()) / kMib,
               static_cast<double>(estimate.activations) / kMib, static_cast<double>(estimate.traces) / kMib,
               static_cast<double>(estimate.fixed) / kMib);
  PrintCost(figure, static_cast<double>(peak) / kMib, static_cast<double>(estimate.total()) / kMib, "MiB");
  return absl::OkStatus();
}

// Of the logits of some prompts: the root mean square of the difference to transformers' in f32.
absl::Status ModelBench::RoundingError() {
  if (!Wanted("bf16-error")) return absl::OkStatus();
  Workload workload = SweepOf(4, 1, 1);
  const absl::StatusOr<TransformersLogits> theirs =
      RunTransformersLogits(options_.peers, model_->path, workload);
  if (!theirs.ok()) {
    Skip("bf16-error", theirs.status());
    return absl::OkStatus();
  }
  SPRINT_ASSIGN_OR_RETURN(const auto engine, Load(Dtype::kBF16, 1));
  double ours = 0;
  double reference = 0;
  size_t at = 0;
  for (const std::vector<int32_t>& prompt : workload.prompts) {
    SPRINT_ASSIGN_OR_RETURN(const ForwardResult result, Forward(*engine, prompt, Arm(), false));
    for (const float logit : result.logits) {
      if (at >= theirs->f32.size()) return absl::InternalError("transformers gave too few logits");
      ours += std::pow(logit - theirs->f32[at], 2);
      reference += std::pow(theirs->bf16[at] - theirs->f32[at], 2);
      ++at;
    }
  }
  const auto count = static_cast<double>(at);
  PrintCost("bf16-error", std::sqrt(ours / count), std::sqrt(reference / count), "logit");
  return absl::OkStatus();
}

}  // namespace sprint::bench
