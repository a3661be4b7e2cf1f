// What a run asks of the engine, by its declared name: part of the run's identity.
//
//   exact          generates, each text a function of its cell alone
//   score          a reward model's score of a text, by its own head, at the text's last token: the outcome
//                  has no tokens, the logits as its text and the score as its logprob_sum
//   score:GOOD/BAD the same by a language model's head: the probability of token GOOD against token BAD
//   embed          the hidden state of the prompt's last token after layer S, S being the cell's sample
//                  number: the outcome has no tokens and no text, and carries the state
#ifndef SPRINT_MODEL_ENGINE_MODE_H_
#define SPRINT_MODEL_ENGINE_MODE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

struct EngineMode {
  enum class Kind { kExact, kScore, kEmbed };
  Kind kind = Kind::kExact;
  int32_t good_token = -1;  // of a score by a language model's head; else -1
  int32_t bad_token = -1;
  bool scores_by_tokens() const { return good_token >= 0; }
  // The name that ParseEngineMode reads.
  std::string Name() const;
  friend bool operator==(const EngineMode&, const EngineMode&) = default;
};

// INVALID_ARGUMENT (kSpecInvalid) for a name that is none.
absl::StatusOr<EngineMode> ParseEngineMode(absl::string_view name);

// Of a run's engine_mode; false for a name that is none.
bool IsScoreMode(absl::string_view name);
bool IsEmbedMode(absl::string_view name);

}  // namespace sprint

#endif  // SPRINT_MODEL_ENGINE_MODE_H_
