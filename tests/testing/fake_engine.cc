#include "tests/testing/fake_engine.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/status.h"

namespace sprint::testing {
namespace {

constexpr int32_t kStop = 2;

uint64_t SeedOf(const std::vector<int32_t>& prompt, const Arm& arm, const std::string& salt) {
  const Hash256 hash =
      Hasher("fake/1").AddInts("prompt", prompt).Add("arm", arm.Name()).Add("salt", salt).Finish();
  uint64_t seed = 0;
  for (int i = 0; i < 8; ++i) seed = seed << 8 | hash.bytes[static_cast<size_t>(i)];
  return seed;
}

bool Named(const std::vector<std::string>& names, const SequenceRequest& request) {
  const std::string arm = request.arm.Name();
  const std::string at = absl::StrCat(arm, "@", request.prompt[0]);
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name == arm || name == at; });
}

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(FakeEngineOptions options) : options_(std::move(options)) {}

  int Capacity() const override { return options_.capacity - static_cast<int>(running_.size()); }

  absl::Status Submit(SequenceRequest request) override {
    if (request.prompt.empty()) return absl::InvalidArgumentError("the prompt is empty");
    if (Capacity() <= 0) return absl::ResourceExhaustedError("the fake engine is full");
    if (Named(options_.failing, request))
      return absl::InvalidArgumentError("the fake engine refuses this cell");
    Sequence sequence;
    sequence.poison = Named(options_.poison, request);
    sequence.result.id = request.id;
    sequence.result.tokens = FakeTokens(request.prompt, request.arm, request.decoding, options_);
    const bool stopped = sequence.result.tokens.back() == kStop;
    sequence.result.finish = stopped ? FinishReason::kStop : FinishReason::kLength;
    for (const int32_t token : sequence.result.tokens) {
      sequence.result.logprobs.push_back(-static_cast<float>(token % 97) / 97.0F);
    }
    for (const int32_t layer : request.hidden_after)
      sequence.result.hidden.push_back(FakeHidden(request.prompt, request.arm, layer, options_));
    running_.emplace(request.id, std::move(sequence));
    return absl::OkStatus();
  }

  void Cancel(SequenceId id) override { running_.erase(id); }

  absl::StatusOr<std::vector<SequenceResult>> Step() override {
    std::vector<SequenceResult> finished;
    if (running_.empty()) return finished;
    if (options_.step > absl::ZeroDuration()) absl::SleepFor(options_.step);
    ++stats_.steps;
    for (auto it = running_.begin(); it != running_.end();) {
      Sequence& sequence = it->second;
      ++sequence.done;
      ++stats_.generated;
      const auto length = static_cast<int>(sequence.result.tokens.size());
      if (sequence.poison && 2 * sequence.done >= length) std::abort();
      if (sequence.done < length) {
        ++it;
        continue;
      }
      finished.push_back(std::move(sequence.result));
      it = running_.erase(it);
    }
    stats_.running = static_cast<int64_t>(running_.size());
    stats_.tokens = stats_.generated;
    return finished;
  }

  bool Idle() const override { return running_.empty(); }
  const StepStats& stats() const override { return stats_; }
  std::string NumericsDescription() const override { return options_.numerics; }

 private:
  struct Sequence {
    SequenceResult result;
    int done = 0;  // tokens
    bool poison = false;
  };
  const FakeEngineOptions options_;
  std::map<SequenceId, Sequence> running_;
  StepStats stats_;
};

class FakeLoader : public ModelLoader {
 public:
  explicit FakeLoader(FakeEngineOptions options) : options_(std::move(options)) {}
  absl::StatusOr<LoadedModel> Load(const RunDescription&) override {
    if (!options_.refuse.empty()) {
      return Error(absl::StatusCode::kFailedPrecondition, Reason::kModelMismatch, options_.refuse);
    }
    return LoadedModel{MakeFakeEngine(options_), FakeDecode};
  }

 private:
  const FakeEngineOptions options_;
};

}  // namespace

double PlantedAnswers::Probability(int32_t first_token, const Arm& arm) const {
  if (arm.edits().size() != 1) return base;
  const int32_t number = 10 * arm.edits()[0].layer + arm.edits()[0].head;
  return number / good == first_token % clusters ? base + effect : base;
}

std::vector<int32_t> FakeTokens(const std::vector<int32_t>& prompt, const Arm& arm, const Decoding& decoding,
                                const FakeEngineOptions& options) {
  CounterRng rng(SeedOf(prompt, arm, options.salt), 0);
  const auto spread = static_cast<uint64_t>(options.max_tokens - options.min_tokens + 1);
  const auto length = std::max(2, options.min_tokens + static_cast<int>(rng.NextBelow(spread)));
  std::vector<int32_t> tokens;
  for (int i = 0; i + 2 < length; ++i) tokens.push_back(10 + static_cast<int32_t>(rng.NextBelow(1000)));
  const bool right = options.planted.clusters > 0
                         ? rng.NextDouble() < options.planted.Probability(prompt[0], arm)
                         : rng.NextBelow(3) > 0;
  tokens.push_back(right ? prompt[0] : 10 + static_cast<int32_t>(rng.NextBelow(1000)));
  tokens.push_back(kStop);
  const auto most = static_cast<size_t>(std::max(1, decoding.max_new_tokens));
  if (tokens.size() > most) tokens.resize(most);
  return tokens;
}

std::vector<float> FakeHidden(const std::vector<int32_t>& prompt, const Arm& arm, int32_t layer,
                              const FakeEngineOptions& options) {
  CounterRng rng(SeedOf(prompt, arm, absl::StrCat("hidden ", options.salt)), static_cast<uint64_t>(layer));
  std::vector<float> values;
  for (int i = 0; i < kFakeWidth; ++i) values.push_back(static_cast<float>(rng.NextDouble() - 0.5));
  return values;
}

std::string FakeDecode(const std::vector<int32_t>& tokens) {
  std::vector<int32_t> words(tokens);
  if (!words.empty() && words.back() == kStop) words.pop_back();
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    absl::StrAppend(&text, i > 0 ? " " : "", last ? "\\boxed{" : "", words[i], last ? "}" : "");
  }
  return text;
}

std::unique_ptr<Engine> MakeFakeEngine(const FakeEngineOptions& options) {
  return std::make_unique<FakeEngine>(options);
}
std::unique_ptr<ModelLoader> MakeFakeLoader(const FakeEngineOptions& options) {
  return std::make_unique<FakeLoader>(options);
}

absl::StatusOr<FakeEngineOptions> ParseFakeEngineOptions(const std::string& text) {
  FakeEngineOptions options;
  for (const absl::string_view item : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::vector<std::string> pair = absl::StrSplit(item, absl::MaxSplits('=', 1));
    const std::string value = pair.size() > 1 ? pair[1] : "";
    const std::vector<std::string> range = absl::StrSplit(value, '-');
    double number = 0;
    bool ok = true;
    if (pair[0] == "capacity") {
      ok = absl::SimpleAtoi(value, &options.capacity);
    } else if (pair[0] == "step-ms") {
      ok = absl::SimpleAtod(value, &number);
      options.step = absl::Milliseconds(number);
    } else if (pair[0] == "tokens") {
      ok = absl::SimpleAtoi(range[0], &options.min_tokens) &&
           absl::SimpleAtoi(range.back(), &options.max_tokens) && options.min_tokens <= options.max_tokens;
    } else if (pair[0] == "poison") {
      options.poison = absl::StrSplit(value, '/', absl::SkipEmpty());
    } else if (pair[0] == "failing") {
      options.failing = absl::StrSplit(value, '/', absl::SkipEmpty());
    } else if (pair[0] == "numerics") {
      options.numerics = value;
    } else if (pair[0] == "salt") {
      options.salt = value;
    } else if (pair[0] == "planted") {
      int base = 0;
      int effect = 0;
      ok = range.size() == 4 && absl::SimpleAtoi(range[0], &options.planted.clusters) &&
           absl::SimpleAtoi(range[1], &options.planted.good) && absl::SimpleAtoi(range[2], &base) &&
           absl::SimpleAtoi(range[3], &effect) && options.planted.good > 0;
      options.planted.base = base / 100.0;
      options.planted.effect = effect / 100.0;
    } else if (pair[0] == "refuse") {
      options.refuse = value;
    } else {
      ok = false;
    }
    if (!ok) return absl::InvalidArgumentError(absl::StrCat("fake engine: \"", std::string(item), "\""));
  }
  return options;
}

}  // namespace sprint::testing
