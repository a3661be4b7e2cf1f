// SIGINT and SIGTERM as a call on a thread of their own, so that no code of ours runs in a handler.
#ifndef SPRINT_BASE_SIGNALS_H_
#define SPRINT_BASE_SIGNALS_H_

#include <atomic>
#include <functional>
#include <thread>

namespace sprint {

// Blocks SIGINT and SIGTERM in the calling thread, and so in every thread started after, and calls
// `on_signal(n)` for the n-th of them (from 1), on its own thread. Made by main before any other
// thread; one a process. A child that is forked must unblock them: UnblockSignals.
class SignalWatcher {
 public:
  explicit SignalWatcher(std::function<void(int count)> on_signal);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  void Run();

  const std::function<void(int)> on_signal_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// In a forked child, before exec: the default mask and dispositions. Async-signal-safe.
void UnblockSignals();

}  // namespace sprint

#endif  // SPRINT_BASE_SIGNALS_H_
