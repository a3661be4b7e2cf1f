// Ctrl-C and SIGTERM while a command runs.
#ifndef SPRINT_CLI_INTERRUPTS_H_
#define SPRINT_CLI_INTERRUPTS_H_

#include <atomic>

#include "base/signals.h"

namespace sprint {

// Counts interrupts for code that polls. Made first thing by a command that wants to end in good
// order, before any other thread. Until Handled() is called an interrupt ends the process at once: there is
// nothing to put in order.
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // From here on the caller polls count().
  void Handled() { handled_ = true; }
  int count() const { return count_; }

 private:
  void OnSignal(int count);

  std::atomic<bool> handled_{false};
  std::atomic<int> count_{0};
  SignalWatcher watcher_;
};

}  // namespace sprint

#endif  // SPRINT_CLI_INTERRUPTS_H_
