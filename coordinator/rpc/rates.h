// How fast experiments move: cells and tokens a second over the last minute.
#ifndef SPRINT_COORDINATOR_RPC_RATES_H_
#define SPRINT_COORDINATOR_RPC_RATES_H_

#include <array>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/ids.h"

namespace sprint {

struct Rate {
  double cells = 0;  // a second; 0 when not known
  double tokens = 0;
};

// Not thread-safe: the event loop's. A minute of one-second buckets per experiment.
class Rates {
 public:
  void Add(ExperimentId experiment, int64_t cells, int64_t tokens, absl::Time now);
  // Over the last minute, or since the first Add when that is nearer (at least a second).
  Rate Of(ExperimentId experiment, absl::Time now) const;
  void Forget(ExperimentId experiment) { meters_.erase(experiment); }

 private:
  static constexpr int kSeconds = 60;
  struct Bucket {
    int64_t second = -1;
    int64_t cells = 0;
    int64_t tokens = 0;
  };
  struct Meter {
    absl::Time first;
    std::array<Bucket, kSeconds> buckets;
  };
  absl::flat_hash_map<ExperimentId, Meter> meters_;
};

// Seconds until `remaining` cells are done at `rate`; negative when that is not known.
double EtaSeconds(int64_t remaining, const Rate& rate);

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_RATES_H_
