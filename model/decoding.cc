#include "model/decoding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

absl::Status Bad(absl::string_view field, double value, absl::string_view expected) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
               absl::StrCat(field, " is ", value, "; ", expected));
}

}  // namespace

absl::Status CheckDecoding(const Decoding& decoding) {
  const Sampling& s = decoding.sampling;
  if (decoding.max_new_tokens < 1) return Bad("max_new_tokens", decoding.max_new_tokens, "at least 1");
  // Written so that a NaN fails each of them.
  if (s.temperature != 0 && !(s.temperature >= 0.001 && s.temperature <= 100)) {
    return Bad("temperature", s.temperature, "0 (greedy), or 0.001 to 100");
  }
  if (s.top_k < 0) return Bad("top_k", s.top_k, "at least 1, or 0 for all tokens");
  if (!(s.top_p > 0 && s.top_p <= 1)) return Bad("top_p", s.top_p, "above 0, at most 1");
  if (!(s.min_p >= 0 && s.min_p <= 1)) return Bad("min_p", s.min_p, "0 to 1");
  if (!(s.repetition_penalty >= 0.01 && s.repetition_penalty <= 100)) {
    return Bad("repetition_penalty", s.repetition_penalty, "0.01 to 100; 1 is none");
  }
  if (decoding.loop_repeats < 0 || decoding.loop_repeats == 1) {
    return Bad("loop_repeats", decoding.loop_repeats, "at least 2, or 0 to let loops run");
  }
  for (const std::string& text : decoding.stop_strings) {
    if (text.empty()) {
      return Error(absl::StatusCode::kInvalidArgument, Reason::kSpecInvalid,
                   "stop_strings holds an empty one; it would end every answer at once");
    }
  }
  return absl::OkStatus();
}

absl::string_view BeforeStopString(absl::string_view text, const std::vector<std::string>& stop_strings) {
  size_t end = text.size();
  for (const std::string& stop : stop_strings) end = std::min(end, text.find(stop));
  return text.substr(0, end);
}

}  // namespace sprint
