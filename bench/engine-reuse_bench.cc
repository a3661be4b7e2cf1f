// What the engine saves by sharing work between arms and questions: each saving alone, on against off.
//
//   sprint-bench-engine-reuse [FIGURE…] [--model MODEL]… [--dtype f32|bf16] [--threads N] [--questions N]
//                             [--arms N] [--tokens N]
//
// Figures: resume (prompts from the pruned layer upwards), prefix (an 8-shot prompt before every
// question), drafts (known answers of a question draft the next), drafts-batch1 (the same, one arm after
// another). Runs the demo model, and the file that SPRINT_SMOLLM2_GGUF names. On and off take turns in
// one process, on one workload, and must give the same numbers of tokens.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/engine_workload.h"
#include "model/model_files.h"
#include "worker/engine/torch_engine.h"

namespace sprint::bench {
namespace {

constexpr int kShots = 8;
constexpr int kRounds = 2;

struct Options {
  std::vector<std::string> figures = {"resume", "prefix", "drafts", "drafts-batch1"};
  std::vector<std::string> models;
  std::string dtype = "f32";
  TorchEngineOptions engine;
  int questions = 8;
  int arms = 12;
  int tokens = 64;
};

// The figure's engine with the saving, and its workload; the reference differs in the saving alone.
struct Setting {
  TorchEngineOptions on;
  TorchEngineOptions off;
  Workload workload;
};

Setting SettingOf(const std::string& figure, const ModelFiles& model, const Options& options) {
  Setting setting;
  setting.workload.prompts = WordProblems(model, options.questions);
  setting.workload.arms = SpreadArms(model.config, options.arms);
  setting.workload.max_new_tokens = options.tokens;
  setting.workload.stop_tokens = model.config.eos_tokens;
  setting.off = options.engine;
  setting.off.prefix_reuse = setting.off.layer_resume = false;
  setting.off.max_draft = 0;
  if (figure == "drafts-batch1") setting.off.max_sequences = 1;
  setting.on = setting.off;
  if (figure == "resume") setting.on.layer_resume = true;
  if (figure == "drafts" || figure == "drafts-batch1") setting.on.max_draft = 16;
  if (figure != "prefix") return setting;
  setting.on.prefix_reuse = true;
  std::vector<int32_t> shots;
  const std::vector<std::vector<int32_t>> problems = WordProblems(model, options.questions + kShots);
  for (auto shot = problems.end() - kShots; shot != problems.end(); ++shot) {
    shots.insert(shots.end(), shot->begin(), shot->end());
  }
  size_t longest = 0;
  for (const std::vector<int32_t>& prompt : setting.workload.prompts)
    longest = std::max(longest, prompt.size());
  // A model with a short context sees fewer shots.
  const int64_t most = model.config.context - options.tokens - static_cast<int64_t>(longest);
  shots.resize(std::min(shots.size(), static_cast<size_t>(std::max<int64_t>(0, most))));
  for (std::vector<int32_t>& prompt : setting.workload.prompts) {
    prompt.insert(prompt.begin(), shots.begin(), shots.end());
  }
  return setting;
}

absl::Status MeasureFigure(const std::string& figure, const std::shared_ptr<const ModelFiles>& model,
                           const std::string& label, const Options& options) {
  const Setting setting = SettingOf(figure, *model, options);
  double on_seconds = std::numeric_limits<double>::infinity();
  double off_seconds = on_seconds;
  double generations = 0;
  StepStats saved;
  StepStats plain;
  for (int round = 0; round < kRounds; ++round) {
    // New engines each time: none remembers an earlier round.
    RunResult with;
    RunResult without;
    for (const bool saving : {round % 2 == 0, round % 2 != 0}) {
      SPRINT_ASSIGN_OR_RETURN(const auto engine, LoadTorchEngine(model, saving ? setting.on : setting.off));
      SPRINT_ASSIGN_OR_RETURN((saving ? with : without), RunSweep(*engine, setting.workload));
      (saving ? saved : plain) = engine->stats();
    }
    if (with.generated != without.generated) {
      return absl::InternalError(absl::StrCat(figure, ": ", with.generated, " tokens with the saving, ",
                                              without.generated, " without it"));
    }
    on_seconds = std::min(on_seconds, with.seconds);
    off_seconds = std::min(off_seconds, without.seconds);
    generations = static_cast<double>(with.generations);
  }
  std::printf("engine-reuse/%s-%s: ratio=%.3f ours=%.4g reference=%.4g unit=generations/s\n", figure.c_str(),
              label.c_str(), off_seconds / on_seconds, generations / on_seconds, generations / off_seconds);
  std::printf(
      "  tokens computed %lld against %lld; reused %lld, resumed %lld, drafted %lld of which right %lld\n",
      static_cast<long long>(saved.tokens), static_cast<long long>(plain.tokens),
      static_cast<long long>(saved.reused), static_cast<long long>(saved.resumed),
      static_cast<long long>(saved.drafted), static_cast<long long>(saved.accepted));
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Run(Options options) {
  SPRINT_ASSIGN_OR_RETURN(options.engine.dtype, ParseDtype(options.dtype));
  options.engine.self_test = false;
  options.engine.memory_bytes = int64_t{3} << 30;
  if (options.models.empty()) {
    options.models = {"demo/model"};
    if (const char* file = std::getenv("SPRINT_SMOLLM2_GGUF"); file != nullptr) {
      options.models.push_back(file);
    } else {
      std::printf("engine-reuse: SPRINT_SMOLLM2_GGUF names no file; the demo model runs alone\n");
    }
  }
  for (const std::string& path : options.models) {
    SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(path));
    const std::string label = path == "demo/model" ? "demo" : "smollm2";
    for (const std::string& figure : options.figures) {
      SPRINT_RETURN_IF_ERROR(MeasureFigure(figure, model, label, options));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace sprint::bench

int main(int argc, char** argv) {
  sprint::bench::Options options;
  CLI::App app("What the engine saves by sharing work between arms and questions");
  std::vector<std::string> figures;
  app.add_option("figures", figures, "resume, prefix, drafts, drafts-batch1; none: all")
      ->check(CLI::IsMember({"resume", "prefix", "drafts", "drafts-batch1"}));
  app.add_option("--model", options.models, "instead of the demo model and SPRINT_SMOLLM2_GGUF");
  app.add_option("--dtype", options.dtype, "f32 or bf16");
  app.add_option("--threads", options.engine.threads, "CPU threads; 0: all");
  app.add_option("--questions", options.questions)->check(CLI::Range(1, 100000));
  app.add_option("--arms", options.arms)->check(CLI::Range(1, 100000));
  app.add_option("--tokens", options.tokens)->check(CLI::Range(1, 100000));
  CLI11_PARSE(app, argc, argv);
  if (!figures.empty()) options.figures = figures;
  const absl::Status status = sprint::bench::Run(std::move(options));
  if (status.ok()) return 0;
  std::fprintf(stderr, "sprint-bench-engine-reuse: %s\n", std::string(status.message()).c_str());
  return 1;
}
