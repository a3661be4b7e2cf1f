// How a run's answers are generated, and why one ended. Plain values that the engine, the
// conversation and the store share.
#ifndef SPRINT_MODEL_DECODING_H_
#define SPRINT_MODEL_DECODING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sprint {

// Greedy decoding, the only kind for now: the token of the highest logit, the lowest id on a tie.
struct Decoding {
  int32_t max_new_tokens = 256;
  std::vector<int32_t> stop_tokens;  // ids; the answer ends with the first of them
  friend bool operator==(const Decoding&, const Decoding&) = default;
};

// Why a sequence ended. Frozen: the numbers are stored.
enum class FinishReason : int32_t {
  kStop = 0,     // a stop token; it is the last of the ids
  kLength = 1,   // max_new_tokens
  kContext = 2,  // the model's context is full
};
inline absl::string_view FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
  }
  return "unknown";
}

}  // namespace sprint

#endif  // SPRINT_MODEL_DECODING_H_
