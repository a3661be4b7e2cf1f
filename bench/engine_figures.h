// The figures of the engine's benchmark, one function a group; engine_bench.cc runs those that are wanted.
//
// A figure is printed as engine/[demo-]FIGURE: ratio=R ours=A reference=B unit=U. A reference that is missing
// is a line on standard error. Errors are those of the engine.
#ifndef SPRINT_BENCH_ENGINE_FIGURES_H_
#define SPRINT_BENCH_ENGINE_FIGURES_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/engine_peers.h"
#include "bench/engine_workload.h"
#include "model/model_files.h"
#include "worker/engine/torch_engine.h"

namespace sprint::bench {

struct EngineBenchOptions {
  std::set<std::string> figures;  // empty: all
  std::string model;
  std::string demo = "demo/model";
  Peers peers;
  int repetitions = 3;
  int batch = 64;
  int lanes = 2;  // of the sweep's engine, `batch` sequences each
  int prompt = 95;
  int tokens = 64;
  int questions = 64;
  int arms = 12;
  int max_new_tokens = 256;
  int saving_questions = 8;  // of the savings' figures, which run twice
  int saving_tokens = 128;
  std::string shared_weights;  // folder; empty: own
  std::string gpu_device = "cuda";
  int gpu_batch = 256;    // sequences at once, of the GPU's figures
  bool gpu_tiny = false;  // a small shape in place of the GPU's: a check of the path
};

// One model's figures.
class ModelBench {
 public:
  ModelBench(const EngineBenchOptions& options, std::shared_ptr<const ModelFiles> model, std::string prefix)
      : options_(options), model_(std::move(model)), prefix_(std::move(prefix)) {}

  absl::Status Run();
  // engine_gpu.cc: the sweep of a model in `folder` against transformers' loop on the same device, and the
  // shares of the device's bandwidth and of its products' rate.
  absl::Status Gpu(const std::string& folder);

 private:
  bool Wanted(const std::string& figure) const {
    return options_.figures.empty() || options_.figures.count(prefix_ + figure) > 0;
  }
  // `reference` 0: there is none.
  void Print(const std::string& figure, double ours, double reference, absl::string_view unit) const;
  // As Print, for what is better when it is less: the ratio is reference / ours.
  void PrintCost(const std::string& figure, double ours, double reference, absl::string_view unit) const;
  void Skip(const std::string& figure, const absl::Status& status) const;
  absl::StatusOr<std::unique_ptr<Engine>> Load(Dtype dtype, int sequences) const;
  TorchEngineOptions EngineOptions(Dtype dtype, int sequences) const;
  Workload SweepOf(int questions, int arms, int max_new_tokens) const;

  // engine_speed.cc
  absl::Status Batched(Dtype dtype);  // decode, prompt, best: against llama.cpp
  absl::Status Sweep(Dtype dtype);  // sweep: against transformers' loop; ceiling: against the products' rate
  absl::Status Invariance(Dtype dtype);  // against the library's products, whose bits follow the batch
  double GemmPeak(Dtype dtype) const;
  // engine_savings.cc: resume, prefix, drafts, drafts-batch1, head: each alone, on against off.
  absl::Status Saving(const std::string& figure);
  absl::Status HeadError();  // what the screened head does to log-probabilities, against what bf16 does
  // engine_limits.cc
  absl::Status Growth();             // rates at more tokens and more arms, against the fewest
  absl::Status Memory(Dtype dtype);  // the highest use, against what was predicted
  absl::Status RoundingError();      // logits in bf16, against transformers'

  const EngineBenchOptions& options_;
  const std::shared_ptr<const ModelFiles> model_;
  const std::string prefix_;
};

// What the child process of the memory figure does: a sweep, then a line with its highest resident size.
absl::Status RunMemoryChild(const EngineBenchOptions& options, const std::string& model,
                            const std::string& dtype);

// The figures gpu-1.5b and gpu-7b; without the device one line on standard error each.
absl::Status RunGpuFigures(const EngineBenchOptions& options);

double Median(std::vector<double> values);

}  // namespace sprint::bench

#endif  // SPRINT_BENCH_ENGINE_FIGURES_H_
