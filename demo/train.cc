// sprint-demo-train: trains the demo model, measures it on held-out problems, writes both.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "base/status.h"
#include "demo/evaluate.h"
#include "demo/net.h"
#include "demo/problems.h"
#include "demo/trainer.h"
#include "demo/vocabulary.h"
#include "model/tokenizer.h"

namespace sprint::demo {
namespace {

struct Flags {
  TrainOptions train;
  std::string variant = "natural";
  std::string out;
  std::string evaluate;
  std::string write_problems;
  int threads = 2;
  int problems = kHeldOutCount;
  uint64_t held_out_seed = kHeldOutSeed;
  int check_every = 600;
};

// Every 100 steps a line; every `check_every` steps also the unpruned model on 120 held-out problems.
class Reporter {
 public:
  Reporter(const Flags& flags, const Tokenizer& tokenizer, const std::vector<Problem>& held_out)
      : flags_(flags),
        tokenizer_(tokenizer),
        some_(held_out.begin(), held_out.begin() + std::min<std::ptrdiff_t>(120, std::ssize(held_out))),
        start_(std::chrono::steady_clock::now()) {}

  void operator()(const Net& net, const TrainProgress& progress) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
    const double left = spent.count() / progress.step * (flags_.train.steps - progress.step);
    std::string line = absl::StrFormat(
        "step %d/%d  loss %.4f  %.0f tokens/s  %.0f s spent, %.0f s left", progress.step, flags_.train.steps,
        progress.loss, static_cast<double>(progress.tokens) / spent.count(), spent.count(), left);
    if (progress.step % flags_.check_every == 0) {
      absl::StrAppendFormat(&line, "  held-out %.3f",
                            BaselineAccuracy(MeasureHeldOut(net, tokenizer_, some_, /*every_head=*/false)));
    }
    std::printf("%s\n", line.c_str());
    if (progress.step % flags_.check_every == 0) {
      for (size_t p = 0; p < 3; ++p) {
        std::printf("  wanted %s\n  got   %s\n", some_[p].solution.c_str(),
                    GreedyAnswer(net, tokenizer_, some_[p]).c_str());
      }
    }
    std::fflush(stdout);
  }

 private:
  const Flags& flags_;
  const Tokenizer& tokenizer_;
  const std::vector<Problem> some_;
  const std::chrono::steady_clock::time_point start_;
};

void PrintMeasure(const Net& net, const Tokenizer& tokenizer, const std::vector<Problem>& held_out) {
  std::printf("%s",
              MeasureReport(MeasureHeldOut(net, tokenizer, held_out, /*every_head=*/true), held_out).c_str());
}

absl::Status TrainAndWrite(const Flags& flags, const std::vector<Problem>& held_out) {
  const std::string tokenizer_json = BuildTokenizerJson();
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, ParseTokenizerJson(tokenizer_json));
  NetShape shape;
  shape.vocab = tokenizer->vocab_size();
  Reporter reporter(flags, *tokenizer, held_out);
  Net net = Train(flags.train, shape, *tokenizer, held_out, 100, std::ref(reporter));
  net.RoundToBf16();
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(flags.out + "/config.json", net.ConfigJson()));
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(flags.out + "/model.safetensors", net.Safetensors()));
  SPRINT_RETURN_IF_ERROR(WriteFileAtomically(flags.out + "/tokenizer.json", tokenizer_json));
  std::printf("%d parameters, written to %s\n", static_cast<int>(net.ParameterCount()), flags.out.c_str());
  PrintMeasure(net, *tokenizer, held_out);
  return absl::OkStatus();
}

absl::Status Evaluate(const Flags& flags, const std::vector<Problem>& held_out) {
  SPRINT_ASSIGN_OR_RETURN(const std::string tokenizer_json, ReadFile(flags.evaluate + "/tokenizer.json"));
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer, ParseTokenizerJson(tokenizer_json));
  SPRINT_ASSIGN_OR_RETURN(const Net net, Net::Load(flags.evaluate));
  PrintMeasure(net, *tokenizer, held_out);
  return absl::OkStatus();
}

absl::Status Run(Flags flags) {
  SPRINT_ASSIGN_OR_RETURN(flags.train.variant, ParseVariant(flags.variant));
  UseThreads(flags.threads);
  const std::vector<Problem> held_out = HeldOutProblems(flags.held_out_seed, flags.problems);
  if (!flags.write_problems.empty()) {
    std::string rows;
    for (const Problem& problem : held_out) absl::StrAppend(&rows, ProblemJson(problem), "\n");
    SPRINT_RETURN_IF_ERROR(WriteFileAtomically(flags.write_problems, rows));
  }
  if (!flags.evaluate.empty()) return Evaluate(flags, held_out);
  if (!flags.out.empty()) return TrainAndWrite(flags, held_out);
  return absl::OkStatus();
}

}  // namespace
}  // namespace sprint::demo

int main(int argc, char** argv) {
  sprint::demo::Flags flags;
  CLI::App app{"Trains the demo model on generated arithmetic problems and measures it on held-out ones."};
  app.add_option("--out", flags.out, "Train, and write the model to this existing folder");
  app.add_option("--evaluate", flags.evaluate, "Measure the model of this folder instead of training");
  app.add_option("--write-problems", flags.write_problems, "Write the held-out problems to this JSONL file");
  app.add_option("--variant", flags.variant, "natural, or planted (a positive control)")
      ->capture_default_str();
  app.add_option("--seed", flags.train.seed, "Of weights, problems and head dropout")->capture_default_str();
  app.add_option("--steps", flags.train.steps, "Training steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "Threads")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--problems", flags.problems, "Held-out problems")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--held-out-seed", flags.held_out_seed, "Of the held-out problems")->capture_default_str();
  app.add_option("--check-every", flags.check_every, "Steps between measures of the unpruned model")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (flags.out.empty() && flags.evaluate.empty() && flags.write_problems.empty()) {
    std::fprintf(stderr, "sprint-demo-train: give --out, --evaluate or --write-problems; --help says more\n");
    return 2;
  }
  const absl::Status status = sprint::demo::Run(flags);
  if (!status.ok()) {
    std::fprintf(stderr, "sprint-demo-train: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
