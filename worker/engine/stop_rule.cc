#include "worker/engine/stop_rule.h"

#include <algorithm>

namespace sprint {

std::optional<FinishReason> StopRule::After(absl::Span<const int32_t> tokens) {
  const int32_t last = tokens.back();
  const std::vector<int32_t>& stops = decoding_->stop_tokens;
  if (std::find(stops.begin(), stops.end(), last) != stops.end()) return FinishReason::kStop;
  if (!decoding_->stop_strings.empty()) {
    tail_ += (*token_bytes_)(last);
    size_t longest = 0;
    for (const std::string& stop : decoding_->stop_strings) {
      if (tail_.find(stop) != std::string::npos) return FinishReason::kStopString;
      longest = std::max(longest, stop.size());
    }
    if (tail_.size() >= longest) tail_.erase(0, tail_.size() - (longest - 1));
  }
  if (decoding_->loop_repeats > 0 && EndsInLoop(tokens, decoding_->loop_repeats)) return FinishReason::kLoop;
  return std::nullopt;
}

bool EndsInLoop(absl::Span<const int32_t> tokens, int32_t repeats) {
  const size_t n = tokens.size();
  const auto copies = static_cast<size_t>(repeats);
  for (size_t piece = 1; piece <= kLongestLoop && piece * copies <= n; ++piece) {
    // The last (copies - 1) pieces equal what stands one piece before them.
    const auto begin = tokens.end() - static_cast<std::ptrdiff_t>(piece * (copies - 1));
    if (std::equal(begin, tokens.end(), begin - static_cast<std::ptrdiff_t>(piece))) return true;
  }
  return false;
}

}  // namespace sprint
