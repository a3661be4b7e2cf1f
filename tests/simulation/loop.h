// Simulated time: what is to happen, in the order of its time.
#ifndef SPRINT_TESTS_SIMULATION_LOOP_H_
#define SPRINT_TESTS_SIMULATION_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/time.h"

namespace sprint::sim {

class Loop {
 public:
  absl::Time now() const { return now_; }
  int64_t steps() const { return steps_; }
  void At(absl::Time time, std::function<void()> what) {
    queue_.emplace(std::make_pair(std::max(time, now_), next_++), std::move(what));
  }
  void After(absl::Duration delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }
  // The next thing; false when there is none.
  bool Step() {
    if (queue_.empty()) return false;
    auto first = queue_.extract(queue_.begin());
    now_ = first.key().first;
    ++steps_;
    first.mapped()();
    return true;
  }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  int64_t next_ = 0;
  int64_t steps_ = 0;
  std::map<std::pair<absl::Time, int64_t>, std::function<void()>> queue_;
};

}  // namespace sprint::sim

#endif  // SPRINT_TESTS_SIMULATION_LOOP_H_
