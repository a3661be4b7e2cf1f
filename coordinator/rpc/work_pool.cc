#include "coordinator/rpc/work_pool.h"

#include <utility>

namespace sprint {

WorkPool::WorkPool(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkPool::~WorkPool() { Close(); }

void WorkPool::Run(std::function<void()> job) {
  MutexLock lock(&mutex_);
  if (closed_) return;
  jobs_.push_back(std::move(job));
  wake_.Signal();
}

void WorkPool::Close() {
  {
    MutexLock lock(&mutex_);
    closed_ = true;
    wake_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkPool::Work() {
  while (true) {
    std::function<void()> job;
    {
      MutexLock lock(&mutex_);
      while (jobs_.empty() && !closed_) wake_.Wait(&mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace sprint
