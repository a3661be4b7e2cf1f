// A real model: SmolLM2-135M-Instruct's GGUF against transformers' greedy texts, in f32.
// Runs when SPRINT_SMOLLM2_GGUF names the file; takes minutes.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/testing/testing.h"
#include "tests/worker/engine/parity.h"

namespace sprint::testing {
namespace {

struct Generation {
  Arm arm;
  int batch = 0;
  size_t question = 0;
  std::vector<int32_t> ids;
};

std::vector<nlohmann::json> ReadLines(const std::string& path) {
  std::vector<nlohmann::json> out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
  return out;
}

// Where `got` leaves `expected`, and the logits of both tokens there.
void ReportDifference(Engine& engine, const std::vector<int32_t>& prompt, const Generation& expected,
                      const std::vector<int32_t>& got, double* gap) {
  size_t at = 0;
  while (at < got.size() && at < expected.ids.size() && got[at] == expected.ids[at]) ++at;
  ASSERT_LT(at, std::min(got.size(), expected.ids.size())) << "one text is the beginning of the other";
  std::vector<int32_t> text = prompt;
  text.insert(text.end(), got.begin(), got.begin() + static_cast<std::ptrdiff_t>(at));
  ASSERT_OK_AND_ASSIGN(const ForwardResult result, Forward(engine, text, expected.arm, false));
  const size_t vocab = result.logits.size() / text.size();
  const float* last = result.logits.data() + (text.size() - 1) * vocab;
  *gap = last[got[at]] - last[expected.ids[at]];
  std::printf(
      "question %zu, arm %s, batch %d: token %zu of %zu is %d (logit %.6f), transformers' is %d (%.6f)\n",
      expected.question, expected.arm.Name().c_str(), expected.batch, at, expected.ids.size(), got[at],
      last[got[at]], expected.ids[at], last[expected.ids[at]]);
}

TEST(SmolLm2Test, GreedyTextsAreTransformersInF32) {
  const char* gguf = std::getenv("SPRINT_SMOLLM2_GGUF");
  if (gguf == nullptr) GTEST_SKIP() << "SPRINT_SMOLLM2_GGUF names no file";
  const auto fixture = SharedPath("fixtures/smollm2");
  if (!fixture) GTEST_SKIP() << "shared/fixtures/smollm2 is absent";

  ASSERT_OK_AND_ASSIGN(const auto model, OpenModel(gguf, {.need_tokenizer = false}));
  std::vector<std::vector<int32_t>> prompts;
  for (const auto& line : ReadLines(*fixture + "/prompts.jsonl")) prompts.push_back(line.at("ids"));
  std::vector<Generation> generations;
  for (const auto& line : ReadLines(*fixture + "/generations.jsonl")) {
    Generation generation;
    if (!line.at("arm").is_null()) {
      ASSERT_OK_AND_ASSIGN(generation.arm,
                           Arm::Create({HeadEdit{line.at("arm")[0], line.at("arm")[1], HeadOp::kZero}}));
    }
    generation.batch = line.at("batch");
    generation.question = line.at("question");
    generation.ids = line.at("ids").get<std::vector<int32_t>>();
    generations.push_back(std::move(generation));
  }
  TorchEngineOptions options;
  options.memory_bytes = int64_t{6} << 30;
  options.threads = std::getenv("SPRINT_THREADS") != nullptr ? std::atoi(std::getenv("SPRINT_THREADS")) : 2;
  ASSERT_OK_AND_ASSIGN(const auto engine, TestEngine(model, options));
  std::printf("%s\n", engine->NumericsDescription().c_str());

  const auto start = std::chrono::steady_clock::now();
  std::map<SequenceId, SequenceResult> results;
  size_t next = 0;
  while (next < generations.size() || !engine->Idle()) {
    for (; next < generations.size() && engine->Capacity() > 0; ++next) {
      SequenceRequest request;
      request.id = static_cast<SequenceId>(next);
      request.prompt = prompts.at(generations[next].question);
      request.arm = generations[next].arm;
      request.decoding.max_new_tokens = 256;
      request.decoding.stop_tokens = model->config.eos_tokens;
      ASSERT_OK(engine->Submit(std::move(request)));
    }
    ASSERT_OK_AND_ASSIGN(auto finished, engine->Step());
    for (SequenceResult& result : finished) results[result.id] = std::move(result);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  // Batch 16 is the fixture of 192 (baseline and 11 arms); batch 1 repeats the baseline.
  int same[2] = {0, 0};
  int total[2] = {0, 0};
  for (size_t i = 0; i < generations.size(); ++i) {
    const int kind = generations[i].batch == 1 ? 1 : 0;
    ++total[kind];
    const std::vector<int32_t>& got = results.at(static_cast<SequenceId>(i)).tokens;
    if (got == generations[i].ids) {
      ++same[kind];
      continue;
    }
    double gap = 1;
    ReportDifference(*engine, prompts.at(generations[i].question), generations[i], got, &gap);
    EXPECT_LT(gap, 1e-3) << "more than a near-tie";
  }
  std::printf(
      "%d of %d texts of batch 16 are identical, %d of %d of batch 1; %.0f s, %.1f tokens/s generated\n",
      same[0], total[0], same[1], total[1], seconds,
      static_cast<double>(engine->stats().generated) / seconds);
  EXPECT_GE(same[0], total[0] * 190 / 192);
}

}  // namespace
}  // namespace sprint::testing
