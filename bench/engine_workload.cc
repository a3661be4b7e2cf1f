#include "bench/engine_workload.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/rng.h"
#include "base/status.h"
#include "model/chat_format.h"

namespace sprint::bench {
namespace {

constexpr absl::string_view kNames[] = {"Amara", "Jonas", "Mei", "Tariq", "Elena", "Kofi", "Priya", "Lars"};
constexpr absl::string_view kThings[] = {"pencils", "apples",  "stickers", "marbles",
                                         "books",   "candles", "postcards"};
constexpr absl::string_view kPlaces[] = {"market", "school fair", "bakery", "library", "harbour"};

std::string WordProblem(CounterRng& rng) {
  const auto number = [&](uint64_t low, uint64_t high) { return low + rng.NextBelow(high - low + 1); };
  const absl::string_view name = kNames[rng.NextBelow(std::size(kNames))];
  const absl::string_view friend_name = kNames[rng.NextBelow(std::size(kNames))];
  const absl::string_view thing = kThings[rng.NextBelow(std::size(kThings))];
  const absl::string_view place = kPlaces[rng.NextBelow(std::size(kPlaces))];
  return absl::StrCat(
      name, " brings ", number(3, 12), " boxes of ", thing, " to the ", place, ", and every box holds ",
      number(6, 24), " of them. In the morning ", name, " sells ", number(10, 30), " ", thing, " for ",
      number(2, 9), " dollars each, and gives ", number(2, 9), " to ", friend_name,
      ". In the afternoon the price is halved and all the rest are sold. How many dollars does ", name,
      " earn in all?");
}

}  // namespace

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<std::vector<int32_t>> WordProblems(const ModelFiles& model, int n) {
  const bool chat = model.tokenizer->TokenId("<|im_start|>").has_value();
  const ChatFormat format = chat ? ChatFormat::kChatMl : ChatFormat::kRaw;
  CounterRng rng(/*seed=*/11, /*stream=*/0);
  std::vector<std::vector<int32_t>> prompts;
  for (int i = 0; i < n; ++i) {
    const std::string system = chat ? "Please reason step by step." : "";
    prompts.push_back(EncodePrompt(*model.tokenizer, format, RenderPrompt(format, system, WordProblem(rng))));
  }
  return prompts;
}

std::vector<std::vector<int32_t>> RandomPrompts(const ModelConfig& config, int n, int length) {
  CounterRng rng(/*seed=*/1, /*stream=*/0);
  std::vector<std::vector<int32_t>> prompts(static_cast<size_t>(n));
  for (std::vector<int32_t>& prompt : prompts) {
    for (int i = 0; i < length; ++i) {
      prompt.push_back(static_cast<int32_t>(rng.NextBelow(static_cast<uint64_t>(config.vocab))));
    }
  }
  return prompts;
}

std::vector<Arm> SpreadArms(const ModelConfig& config, int n) {
  std::vector<Arm> arms = {Arm()};
  for (int i = 0; i + 1 < n; ++i) {
    HeadEdit edit;
    edit.layer = static_cast<int32_t>(int64_t{i} * config.layers / std::max(1, n - 1));
    edit.head = i % config.heads;
    arms.push_back(*Arm::Create({edit}));
  }
  return arms;
}

absl::StatusOr<RunResult> RunSweep(Engine& engine, const Workload& workload) {
  std::vector<std::pair<size_t, size_t>> cells;  // (question, arm)
  for (size_t q = 0; q < workload.prompts.size(); ++q) {
    for (size_t a = 0; a < workload.arms.size(); ++a) cells.emplace_back(q, a);
  }
  RunResult result;
  result.tokens.resize(cells.size());
  result.logprobs.resize(cells.size());
  const double start = Now();
  size_t next = 0;
  while (next < cells.size() || !engine.Idle()) {
    for (; next < cells.size() && engine.Capacity() > 0; ++next) {
      SequenceRequest request;
      request.id = static_cast<SequenceId>(next);
      request.prompt = workload.prompts[cells[next].first];
      request.arm = workload.arms[cells[next].second];
      request.decoding.max_new_tokens = workload.max_new_tokens;
      request.decoding.stop_tokens = workload.stop_tokens;
      result.prompt_tokens += static_cast<int64_t>(request.prompt.size());
      SPRINT_RETURN_IF_ERROR(engine.Submit(std::move(request)));
    }
    SPRINT_ASSIGN_OR_RETURN(std::vector<SequenceResult> finished, engine.Step());
    for (SequenceResult& one : finished) {
      ++result.generations;
      result.generated += static_cast<int64_t>(one.tokens.size());
      result.tokens[static_cast<size_t>(one.id)] = std::move(one.tokens);
      result.logprobs[static_cast<size_t>(one.id)] = std::move(one.logprobs);
    }
  }
  result.seconds = Now() - start;
  return result;
}

absl::StatusOr<RunResult> RunBatched(Engine& engine, const std::vector<std::vector<int32_t>>& prompts,
                                     int tokens) {
  RunResult result;
  const double start = Now();
  for (size_t i = 0; i < prompts.size(); ++i) {
    SequenceRequest request;
    request.id = static_cast<SequenceId>(i);
    request.prompt = prompts[i];
    request.decoding.max_new_tokens = tokens + 1;
    result.prompt_tokens += static_cast<int64_t>(prompts[i].size());
    SPRINT_RETURN_IF_ERROR(engine.Submit(std::move(request)));
  }
  // Prompts are done once every sequence has a token; the few tokens that the first ones decode
  // meanwhile count as nothing.
  const int64_t before = engine.stats().tokens;
  while (engine.stats().tokens - before < result.prompt_tokens) {
    SPRINT_RETURN_IF_ERROR(engine.Step().status());
  }
  const double decode = Now();
  const int64_t generated = engine.stats().generated;
  while (!engine.Idle()) SPRINT_RETURN_IF_ERROR(engine.Step().status());
  result.generations = static_cast<int64_t>(prompts.size());
  result.seconds = Now() - start;
  result.prompt_seconds = decode - start;
  result.decode_seconds = Now() - decode;
  result.decoded = engine.stats().generated - generated;
  return result;
}

double FlopsPerToken(const ModelConfig& config, bool head) {
  const double hidden = config.hidden;
  const double q = static_cast<double>(config.heads) * config.head_dim;
  const double kv = static_cast<double>(config.kv_heads) * config.head_dim;
  const double layer = hidden * (q + 2 * kv) + q * hidden + 3 * hidden * config.intermediate;
  return 2 * (config.layers * layer + (head ? hidden * config.vocab : 0));
}

}  // namespace sprint::bench
