// How fast the engine is: against llama.cpp, transformers' loop, the machine's own ceiling, and products that
// keep no promise.
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/engine_figures.h"
#include "worker/engine/gemm.h"

namespace sprint::bench {

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

// Of transformers' loop one arm is timed. The ceiling is the rate that the best products would reach without
// anything shared.
absl::Status ModelBench::Sweep(Dtype dtype) {
  const std::string name(DtypeName(dtype));
  if (!Wanted("sweep-" + name) && !Wanted("ceiling-" + name)) return absl::OkStatus();
  const Workload workload = SweepOf(options_.questions, options_.arms, options_.max_new_tokens);
  TorchEngineOptions engine_options = EngineOptions(dtype, options_.lanes * options_.batch);
  engine_options.lanes = options_.lanes;
  SPRINT_ASSIGN_OR_RETURN(const auto engine, LoadTorchEngine(model_, engine_options));
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

namespace {

// Seconds that the library takes for one step's products of `rows` rows, the least of some tries.
double LibrarySeconds(const ModelConfig& config, Dtype dtype, int64_t rows, int threads) {
  at::set_num_threads(threads);
  const torch::InferenceMode guard;
  const auto type = dtype == Dtype::kF32 ? torch::kFloat32 : torch::kBFloat16;
  const int64_t q = static_cast<int64_t>(config.heads) * config.head_dim;
  const int64_t kv = static_cast<int64_t>(config.kv_heads) * config.head_dim;
  const int64_t hidden = config.hidden;
  const int64_t wide = config.intermediate;
  // As many matrices as the model has, so that none is in the cache when its turn comes.
  std::vector<at::Tensor> weights;
  for (int32_t layer = 0; layer < config.layers; ++layer) {
    for (const auto& [out, in] :
         {std::pair{q + 2 * kv, hidden}, {hidden, q}, {2 * wide, hidden}, {hidden, wide}})
      weights.push_back(torch::randn({out, in}, torch::kFloat32).to(type));
  }
  weights.push_back(torch::randn({config.vocab, hidden}, torch::kFloat32).to(type));
  const int64_t widest = std::max({hidden, q, wide});
  const at::Tensor x = torch::randn({rows, widest}, torch::kFloat32).to(type);
  double best = 0;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const double start = Now();
    for (const at::Tensor& weight : weights) at::linear(x.narrow(1, 0, weight.size(1)), weight);
    const double seconds = Now() - start;
    if (attempt == 1 || (attempt > 1 && seconds < best)) best = seconds;  // the first warms up
  }
  return best;
}

}  // namespace

// The reference is our own step with its products' time exchanged for the library's.
absl::Status ModelBench::Invariance(Dtype dtype) {
  const std::string figure = absl::StrCat("invariance-", DtypeName(dtype));
  if (!Wanted(figure)) return absl::OkStatus();
  SPRINT_ASSIGN_OR_RETURN(const auto engine, Load(dtype, options_.batch));
  std::vector<double> ours, library;
  for (int i = 0; i < options_.repetitions; ++i) {
    const double gemm = engine->stats().gemm_seconds;
    const int64_t steps = engine->stats().steps;
    SPRINT_ASSIGN_OR_RETURN(
        const RunResult run,
        RunBatched(*engine, RandomPrompts(model_->config, options_.batch, 1), options_.tokens));
    const auto count = static_cast<double>(engine->stats().steps - steps);
    const double step = run.seconds / count;
    const double products = (engine->stats().gemm_seconds - gemm) / count;
    const double other = LibrarySeconds(model_->config, dtype, options_.batch, options_.peers.threads);
    ours.push_back(options_.batch / step);
    library.push_back(options_.batch / (step - products + other));
  }
  Print(figure, Median(ours), Median(library), "tokens/s");
  return absl::OkStatus();
}

}  // namespace sprint::bench
