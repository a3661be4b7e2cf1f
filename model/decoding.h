// How a run's answers are generated, and why one ended. Plain values that the engine, the
// conversation and the store share.
#ifndef SPRINT_MODEL_DECODING_H_
#define SPRINT_MODEL_DECODING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sprint {

// The version of the rules below and of how numbers are drawn (worker/engine/sampler.h): part of a
// sampling run's identity. Greedy runs without a penalty have version 0: nothing is drawn.
inline constexpr int32_t kSamplerVersion = 1;

// How a token is chosen from the logits. The rules apply in the order of transformers' generate:
// repetition penalty, temperature, top_k, top_p, min_p, then one draw. The default is greedy: the
// token of the highest logit, the lowest id on a tie.
struct Sampling {
  // 0: greedy, nothing is drawn, and top_k, top_p and min_p are unused; else 0.001 to 100.
  double temperature = 0;
  int32_t top_k = 0;              // the k highest logits, and those equal to the last; 0: all
  double top_p = 1;               // the fewest tokens whose probabilities reach top_p; (0, 1]
  double min_p = 0;               // tokens of at least min_p times the highest probability; [0, 1]
  double repetition_penalty = 1;  // of tokens in the prompt or answer: positive logits are divided by
                                  // it, negative ones multiplied; 0.01 to 100
  friend bool operator==(const Sampling&, const Sampling&) = default;
};

struct Decoding {
  int32_t max_new_tokens = 256;
  std::vector<int32_t> stop_tokens = {};  // ids; the answer ends with the first of them
  Sampling sampling = {};
  // The answer ends with the token that completes the first of them, in the bytes of its text. The
  // tokens keep it, the text ends before it. Ascending, without repeats.
  std::vector<std::string> stop_strings = {};
  // The answer ends once its last tokens are so many copies of one piece (kLongestLoop tokens at
  // most): a degenerate loop. 0: never.
  int32_t loop_repeats = 0;

  // Whether anything but the length and stop tokens is set.
  bool HasRules() const { return sampling != Sampling{} || !stop_strings.empty() || loop_repeats != 0; }
  // As identities and stores keep it: kSamplerVersion, or 0 when no rule of `sampling` is in use.
  int32_t sampler_version() const { return sampling == Sampling{} ? 0 : kSamplerVersion; }
  friend bool operator==(const Decoding&, const Decoding&) = default;
};

inline constexpr int32_t kLongestLoop = 64;

// INVALID_ARGUMENT (kSpecInvalid) naming the field that is out of its range: "top_p is 2; …".
absl::Status CheckDecoding(const Decoding& decoding);

// `text` up to the first stop string in it; all of it when there is none.
absl::string_view BeforeStopString(absl::string_view text, const std::vector<std::string>& stop_strings);

// Why a sequence ended. Frozen: the numbers are stored.
enum class FinishReason : int32_t {
  kStop = 0,        // a stop token; it is the last of the ids
  kLength = 1,      // max_new_tokens
  kContext = 2,     // the model's context is full
  kStopString = 3,  // the text reached a stop string
  kLoop = 4,        // a degenerate loop (Decoding::loop_repeats)
};
inline absl::string_view FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kStopString:
      return "stop_string";
    case FinishReason::kLoop:
      return "loop";
  }
  return "unknown";
}

// Whether the answer was cut off rather than ended.
inline bool IsTruncated(FinishReason reason) {
  return reason != FinishReason::kStop && reason != FinishReason::kStopString;
}

}  // namespace sprint

#endif  // SPRINT_MODEL_DECODING_H_
