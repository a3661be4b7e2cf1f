// sprint-try: one prompt under the baseline and under an arm, as JSON on stdout. `sprint try` shows it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/chat_format.h"
#include "model/model_files.h"
#include "worker/engine/torch_engine.h"

namespace sprint {
namespace {

struct TryOptions {
  std::string model;
  std::string prompt;
  std::string arm;
  std::string format = "raw";
  std::string system;
  std::string dtype = "f32";
  std::string device = "auto";
  int32_t max_new_tokens = 128;
  int threads = 0;
};

using Json = nlohmann::ordered_json;

// Both sequences at once: in one step they share every GEMM.
absl::StatusOr<std::map<SequenceId, SequenceResult>> Generate(Engine& engine,
                                                              const std::vector<int32_t>& prompt,
                                                              const std::vector<Arm>& arms,
                                                              const Decoding& decoding) {
  for (size_t i = 0; i < arms.size(); ++i) {
    SPRINT_RETURN_IF_ERROR(engine.Submit({static_cast<SequenceId>(i), prompt, arms[i], decoding}));
  }
  std::map<SequenceId, SequenceResult> results;
  while (!engine.Idle()) {
    SPRINT_ASSIGN_OR_RETURN(std::vector<SequenceResult> finished, engine.Step());
    for (SequenceResult& result : finished) results[result.id] = std::move(result);
  }
  if (results.size() != arms.size()) return absl::InternalError("the engine lost a sequence");
  return results;
}

Json AnswerJson(const Arm& arm, const SequenceResult& result, const Tokenizer& tokenizer) {
  double logprob_sum = 0;
  for (const float logprob : result.logprobs) logprob_sum += logprob;
  return {{"arm", arm.Name()},
          {"text", tokenizer.Decode(result.tokens, /*skip_special=*/true)},
          {"token_count", result.tokens.size()},
          {"tokens", result.tokens},
          {"finish", std::string(FinishReasonName(result.finish))},
          {"logprob_sum", logprob_sum}};
}

// The first token that differs, counted from 0; -1 when none does.
int64_t FirstDifference(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (a[i] != b[i]) return static_cast<int64_t>(i);
  }
  return a.size() == b.size() ? -1 : static_cast<int64_t>(std::min(a.size(), b.size()));
}

absl::StatusOr<Json> Try(const TryOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const ChatFormat format, ParseChatFormat(options.format));
  TorchEngineOptions engine_options;
  SPRINT_ASSIGN_OR_RETURN(engine_options.dtype, ParseDtype(options.dtype));
  engine_options.device = options.device;
  engine_options.threads = options.threads;
  SPRINT_ASSIGN_OR_RETURN(const Arm arm, Arm::Parse(options.arm));
  SPRINT_ASSIGN_OR_RETURN(const auto model, OpenModel(options.model));
  SPRINT_RETURN_IF_ERROR(arm.CheckFits(model->config.layers, model->config.heads));
  const std::vector<int32_t> prompt =
      EncodePrompt(*model->tokenizer, format, RenderPrompt(format, options.system, options.prompt));
  if (prompt.empty()) return absl::InvalidArgumentError("the prompt is empty");
  Decoding decoding;
  decoding.max_new_tokens = options.max_new_tokens;
  decoding.stop_tokens = model->config.eos_tokens;
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, LoadTorchEngine(model, engine_options));
  const std::vector<Arm> arms = {Arm(), arm};
  SPRINT_ASSIGN_OR_RETURN(const auto results, Generate(*engine, prompt, arms, decoding));
  Json json = {{"model", model->config.name},
               {"numerics", engine->NumericsDescription()},
               {"prompt_tokens", prompt.size()},
               {"first_difference", FirstDifference(results.at(0).tokens, results.at(1).tokens)}};
  json["answers"] = Json::array();
  for (size_t i = 0; i < arms.size(); ++i) {
    json["answers"].push_back(AnswerJson(arms[i], results.at(static_cast<SequenceId>(i)), *model->tokenizer));
  }
  return json;
}

int Run(int argc, char** argv) {
  TryOptions options;
  CLI::App app("Answers one prompt under the baseline and under an arm; prints JSON (see `sprint try`).",
               "sprint-try");
  app.add_option("MODEL", options.model, "A Hugging Face folder or a .gguf file")->required();
  app.add_option("--prompt", options.prompt, "The question")->required();
  app.add_option("--arm", options.arm, "What is pruned: 3:5, L3H0-8")->required();
  app.add_option("--format", options.format, "raw, chatml or llama3")->capture_default_str();
  app.add_option("--system", options.system, "The system text");
  app.add_option("--dtype", options.dtype, "f32 or bf16")->capture_default_str();
  app.add_option("--device", options.device, "cpu, cuda, cuda:1")->capture_default_str();
  app.add_option("--max-new-tokens", options.max_new_tokens, "Tokens an answer has at most")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "CPU threads; 0: all")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "sprint-try: %s\n", error.what());
    return 2;
  }
  const absl::StatusOr<Json> json = Try(options);
  if (!json.ok()) {
    std::fprintf(stderr, "sprint-try: %s\n", std::string(json.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", json->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return 0;
}

}  // namespace
}  // namespace sprint

int main(int argc, char** argv) {
  try {
    return sprint::Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sprint-try: unexpected: %s\n", error.what());
    return 1;
  }
}
