// What ends an answer beside its length: stop tokens, stop strings, degenerate loops.
#ifndef SPRINT_WORKER_ENGINE_STOP_RULE_H_
#define SPRINT_WORKER_ENGINE_STOP_RULE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "model/decoding.h"

namespace sprint {

// The bytes that one id adds to an answer's text; empty for special tokens. Thread-safe.
using TokenBytesFn = std::function<std::string(int32_t)>;

// The state of one answer. Not thread-safe.
class StopRule {
 public:
  // `decoding` must outlive the rule. `token_bytes` may be empty when there are no stop strings.
  StopRule(const Decoding* decoding, const TokenBytesFn* token_bytes)
      : decoding_(decoding), token_bytes_(token_bytes) {}

  // Whether the answer `tokens`, the last of which is new since the last call, ends here, and why. A
  // stop token comes before a stop string, a stop string before a loop; length and context are the
  // caller's.
  std::optional<FinishReason> After(absl::Span<const int32_t> tokens);

 private:
  const Decoding* decoding_;
  const TokenBytesFn* token_bytes_;
  std::string tail_;  // the text's last bytes, as many as a stop string may need
};

// Whether `tokens` end in `repeats` copies of one piece of 1 to kLongestLoop tokens.
bool EndsInLoop(absl::Span<const int32_t> tokens, int32_t repeats);

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_STOP_RULE_H_
