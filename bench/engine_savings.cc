// What the engine saves by sharing work between arms and questions: each saving alone, on against off. On and
// off take turns in one process, on one workload, and must give the same tokens.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bench/engine_figures.h"

namespace sprint::bench {
namespace {

constexpr int kShots = 8;
constexpr int kRounds = 2;

// The figure's engine with the saving, and its workload; the reference differs in the saving alone.
struct Setting {
  TorchEngineOptions on;
  TorchEngineOptions off;
  Workload workload;
};

// Puts the same worked examples before every question. A model with a short context sees fewer.
void AddShots(const ModelFiles& model, Workload& workload) {
  std::vector<int32_t> shots;
  const auto questions = static_cast<int>(workload.prompts.size());
  const std::vector<std::vector<int32_t>> problems = WordProblems(model, questions + kShots);
  for (auto shot = problems.end() - kShots; shot != problems.end(); ++shot) {
    shots.insert(shots.end(), shot->begin(), shot->end());
  }
  size_t longest = 0;
  for (const std::vector<int32_t>& prompt : workload.prompts) longest = std::max(longest, prompt.size());
  const int64_t most = model.config.context - workload.max_new_tokens - static_cast<int64_t>(longest);
  shots.resize(std::min(shots.size(), static_cast<size_t>(std::max<int64_t>(0, most))));
  for (std::vector<int32_t>& prompt : workload.prompts) {
    prompt.insert(prompt.begin(), shots.begin(), shots.end());
  }
}

// A saving changes no token, and but for the screened head's no bit of a log-probability.
absl::Status ExpectSame(const std::string& figure, const RunResult& with, const RunResult& without) {
  for (size_t i = 0; i < with.tokens.size(); ++i) {
    if (with.tokens[i] != without.tokens[i])
      return absl::InternalError(absl::StrCat(figure, ": the tokens of generation ", i, " differ"));
    if (figure != "head" && with.logprobs[i] != without.logprobs[i])
      return absl::InternalError(
          absl::StrCat(figure, ": the log-probabilities of generation ", i, " differ"));
  }
  return absl::OkStatus();
}

struct LogprobDifference {
  int64_t tokens = 0;
  double mean = 0;  // of the absolute differences
  double largest = 0;
};
// Of the tokens up to where each two answers part.
LogprobDifference CompareLogprobs(const RunResult& a, const RunResult& b) {
  LogprobDifference out;
  for (size_t i = 0; i < a.tokens.size(); ++i) {
    const size_t most = std::min(a.tokens[i].size(), b.tokens[i].size());
    for (size_t t = 0; t < most && a.tokens[i][t] == b.tokens[i][t]; ++t) {
      const double difference = std::abs(double{a.logprobs[i][t]} - b.logprobs[i][t]);
      ++out.tokens;
      out.mean += difference;
      out.largest = std::max(out.largest, difference);
    }
  }
  out.mean /= static_cast<double>(std::max<int64_t>(1, out.tokens));
  return out;
}

}  // namespace

absl::Status ModelBench::Saving(const std::string& figure) {
  if (!Wanted(figure)) return absl::OkStatus();
  Setting setting;
  setting.workload = SweepOf(options_.saving_questions, options_.arms, options_.saving_tokens);
  setting.off = EngineOptions(figure == "head" ? Dtype::kBF16 : Dtype::kF32,
                              figure == "drafts-batch1" ? 1 : options_.batch);
  setting.off.self_test = setting.off.prefix_reuse = setting.off.layer_resume = false;
  setting.off.screened_head = false;
  setting.off.max_draft = 0;
  setting.on = setting.off;
  setting.on.layer_resume = figure == "resume";
  setting.on.screened_head = figure == "head";
  setting.on.prefix_reuse = figure == "prefix";
  if (figure == "prefix") AddShots(*model_, setting.workload);
  if (figure == "drafts" || figure == "drafts-batch1") setting.on.max_draft = 16;

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
      SPRINT_ASSIGN_OR_RETURN(const auto engine, LoadTorchEngine(model_, saving ? setting.on : setting.off));
      SPRINT_ASSIGN_OR_RETURN((saving ? with : without), RunSweep(*engine, setting.workload));
      (saving ? saved : plain) = engine->stats();
    }
    SPRINT_RETURN_IF_ERROR(ExpectSame(figure, with, without));
    on_seconds = std::min(on_seconds, with.seconds);
    off_seconds = std::min(off_seconds, without.seconds);
    generations = static_cast<double>(with.generations);
  }
  std::fprintf(
      stderr,
      "  tokens computed %lld against %lld; reused %lld, resumed %lld and %lld, drafted %lld, right %lld\n",
      static_cast<long long>(saved.tokens), static_cast<long long>(plain.tokens),
      static_cast<long long>(saved.reused), static_cast<long long>(saved.resumed),
      static_cast<long long>(saved.followed), static_cast<long long>(saved.drafted),
      static_cast<long long>(saved.accepted));
  Print(figure, generations / on_seconds, generations / off_seconds, "generations/s");
  return absl::OkStatus();
}

absl::Status ModelBench::HeadError() {
  if (!Wanted("head-logprob")) return absl::OkStatus();
  const Workload workload = SweepOf(options_.saving_questions, options_.arms, options_.saving_tokens);
  TorchEngineOptions settings[] = {EngineOptions(Dtype::kBF16, options_.batch),
                                   EngineOptions(Dtype::kBF16, options_.batch),
                                   EngineOptions(Dtype::kF32, options_.batch)};
  settings[0].screened_head = false;
  std::vector<RunResult> runs;
  for (const TorchEngineOptions& setting : settings) {
    SPRINT_ASSIGN_OR_RETURN(const auto engine, LoadTorchEngine(model_, setting));
    SPRINT_ASSIGN_OR_RETURN(runs.emplace_back(), RunSweep(*engine, workload));
  }
  const LogprobDifference ours = CompareLogprobs(runs[1], runs[0]);
  std::fprintf(stderr, "  the largest difference of %lld log-probabilities: %.2g\n",
               static_cast<long long>(ours.tokens), ours.largest);
  PrintCost("head-logprob", ours.mean, CompareLogprobs(runs[2], runs[0]).mean, "nat");
  return absl::OkStatus();
}

}  // namespace sprint::bench
