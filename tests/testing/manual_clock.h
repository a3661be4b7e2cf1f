// A clock that stands still until a test moves it.
#ifndef SPRINT_TESTS_TESTING_MANUAL_CLOCK_H_
#define SPRINT_TESTS_TESTING_MANUAL_CLOCK_H_

#include "base/clock.h"
#include "base/mutex.h"

namespace sprint::testing {

// Thread-safe.
class ManualClock : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now_(start) {}
  absl::Time Now() override {
    MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_MANUAL_CLOCK_H_
