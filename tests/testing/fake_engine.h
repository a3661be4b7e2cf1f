// An engine without a model: what it generates is a function of (prompt, arm, decoding) alone, so that
// sweeps can be run, killed and compared in moments.
#ifndef SPRINT_TESTS_TESTING_FAKE_ENGINE_H_
#define SPRINT_TESTS_TESTING_FAKE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/model_loader.h"

namespace sprint::testing {

// Answers with structure: questions of `clusters` clusters, each with `good` heads of its own that are right
// more often. A question's cluster is its first token modulo `clusters`; head (layer, head) has the number 10
// * layer + head, and heads are dealt to clusters in turn.
struct PlantedAnswers {
  int clusters = 0;  // 0: no structure
  int good = 1;
  double base = 0;    // the probability that any arm is right,
  double effect = 0;  // and what a good head adds
  double Probability(int32_t first_token, const Arm& arm) const;
};

struct FakeEngineOptions {
  int capacity = 64;                 // sequences at once
  int min_tokens = 4;                // of an answer, the stop token included;
  int max_tokens = 12;               // drawn from the cell, bounded by the decoding
  absl::Duration step;               // how long a step takes; zero: none at all
  std::vector<std::string> poison;   // "ARM" or "ARM@TOKEN" (of prompts that begin with TOKEN): aborts
                                     // the process when such a cell is half done
  std::vector<std::string> failing;  // the same, but Submit refuses it
  std::string numerics = "fake";
  std::string salt;  // another salt, another text: for tests of determinism alarms
  PlantedAnswers planted;
  std::string refuse;  // not empty: the loader refuses every run with this message
};

// "capacity=8,step-ms=2,tokens=4-12,poison=L1H0@5/L2H1,failing=…,numerics=x,salt=y,refuse=why,
// planted=20-5-10-15" (clusters, good heads, base and effect in percent).
// INVALID_ARGUMENT for anything else.
absl::StatusOr<FakeEngineOptions> ParseFakeEngineOptions(const std::string& text);

// What every fake engine generates for a cell: ids ending in 2, the stop token, unless
// max_new_tokens cut them off. About two of three answers box the prompt's first id.
std::vector<int32_t> FakeTokens(const std::vector<int32_t>& prompt, const Arm& arm, const Decoding& decoding,
                                const FakeEngineOptions& options);
// Every fake hidden state, of kFakeWidth values.
inline constexpr int kFakeWidth = 4;
std::vector<float> FakeHidden(const std::vector<int32_t>& prompt, const Arm& arm, int32_t layer,
                              const FakeEngineOptions& options);
// Ids to text: numbers, the last one boxed.
std::string FakeDecode(const std::vector<int32_t>& tokens);

std::unique_ptr<Engine> MakeFakeEngine(const FakeEngineOptions& options);
std::unique_ptr<ModelLoader> MakeFakeLoader(const FakeEngineOptions& options);

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_FAKE_ENGINE_H_
