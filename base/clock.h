// Time as an argument: logic never reads a clock, it is handed the time. Only loops and mains hold
// a Clock, so that tests advance a manual one (tests/testing/manual_clock.h) and never sleep.
#ifndef SPRINT_BASE_CLOCK_H_
#define SPRINT_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace sprint {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  // The machine's clock, for the life of the process.
  static Clock* Real();
};

}  // namespace sprint

#endif  // SPRINT_BASE_CLOCK_H_
