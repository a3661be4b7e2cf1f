// The worker around its agent: one loop that hands the agent what happens and does what it says.
#ifndef SPRINT_WORKER_WORKER_SHELL_H_
#define SPRINT_WORKER_WORKER_SHELL_H_

#include <grpcpp/channel.h>

#include <deque>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "worker/agent.h"
#include "worker/engine_thread.h"
#include "worker/model_loader.h"
#include "worker/worker_stream.h"

namespace sprint {

struct WorkerShellOptions {
  AgentOptions agent;
  Clock* clock = nullptr;
  std::shared_ptr<grpc::Channel> channel;  // to the coordinator
};

// The log says at info, for whoever must show that nothing was computed twice: "start CELL" when the
// engine begins a cell, "finish CELL" when it is computed, "ack CELL" when it is known to be durable,
// "revoke CELL" when the coordinator takes it away, as it does when another worker's outcome came first.
class WorkerShell {
 public:
  WorkerShell(const WorkerShellOptions& options, std::unique_ptr<ModelLoader> loader);
  ~WorkerShell();

  // Works until the agent is done: OK after a drain; what went wrong otherwise. Called once.
  absl::Status Run();
  // Finish what runs, then leave. From any thread.
  void Drain();

 private:
  struct Happened {
    int64_t stream = 0;  // the stream it is of; 0: none
    AgentEvent event;
  };

  void Post(int64_t stream, AgentEvent event);
  void Take(std::deque<Happened>& events);
  void Handle(const AgentEvent& event);
  void Do(AgentEffects effects);
  void Open();
  static void LogWhatIsSettled(const AgentEvent& event);

  const WorkerShellOptions options_;

  // ---- Run's thread.
  Agent agent_;
  std::shared_ptr<ClientStream> stream_;
  int64_t stream_number_ = 0;
  std::optional<absl::Status> exit_;
  absl::Time wakeup_ = absl::InfiniteFuture();

  // ---- Shared.
  Mutex mutex_;
  CondVar wake_;
  std::deque<Happened> happened_ ABSL_GUARDED_BY(mutex_);
  int open_streams_ ABSL_GUARDED_BY(mutex_) = 0;  // whose callbacks may still come

  EngineThread engine_;  // last: it tells this
};

}  // namespace sprint

#endif  // SPRINT_WORKER_WORKER_SHELL_H_
