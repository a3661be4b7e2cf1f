#include "base/signals.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace sprint {
namespace {

sigset_t Watched() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

SignalWatcher::SignalWatcher(std::function<void(int)> on_signal) : on_signal_(std::move(on_signal)) {
  const sigset_t set = Watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { Run(); });
}

SignalWatcher::~SignalWatcher() {
  stop_ = true;
  thread_.join();
}

void SignalWatcher::Run() {
  const sigset_t set = Watched();
  const timespec patience = {0, 100'000'000};  // how late the destructor may be noticed
  int count = 0;
  while (!stop_) {
    if (sigtimedwait(&set, nullptr, &patience) > 0) on_signal_(++count);
  }
}

void UnblockSignals() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  sigset_t empty;
  sigemptyset(&empty);
  sigprocmask(SIG_SETMASK, &empty, nullptr);
}

}  // namespace sprint
