#include "coordinator/rpc/rates.h"

#include <algorithm>

namespace sprint {

void Rates::Add(ExperimentId experiment, int64_t cells, int64_t tokens, absl::Time now) {
  const auto [entry, is_new] = meters_.try_emplace(experiment);
  Meter& meter = entry->second;
  if (is_new) meter.first = now;
  const int64_t second = absl::ToUnixSeconds(now);
  Bucket& bucket = meter.buckets[static_cast<size_t>(second % kSeconds)];
  if (bucket.second != second) bucket = {second, 0, 0};
  bucket.cells += cells;
  bucket.tokens += tokens;
}

Rate Rates::Of(ExperimentId experiment, absl::Time now) const {
  const auto found = meters_.find(experiment);
  if (found == meters_.end()) return {};
  const int64_t second = absl::ToUnixSeconds(now);
  int64_t cells = 0;
  int64_t tokens = 0;
  for (const Bucket& bucket : found->second.buckets) {
    if (bucket.second <= second - kSeconds || bucket.second > second) continue;
    cells += bucket.cells;
    tokens += bucket.tokens;
  }
  const double span = std::clamp(absl::ToDoubleSeconds(now - found->second.first), 1.0, double{kSeconds});
  return {static_cast<double>(cells) / span, static_cast<double>(tokens) / span};
}

double EtaSeconds(int64_t remaining, const Rate& rate) {
  if (remaining <= 0) return 0;
  return rate.cells > 0 ? static_cast<double>(remaining) / rate.cells : -1;
}

}  // namespace sprint
