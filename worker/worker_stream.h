// The worker's end of a conversation over gRPC's callback API.
#ifndef SPRINT_WORKER_WORKER_STREAM_H_
#define SPRINT_WORKER_WORKER_STREAM_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "conversation/messages.h"

namespace sprint {

// What happens to a stream, told on gRPC's threads, in order: opened (at most once), messages, closed
// (exactly once, last).
struct StreamCallbacks {
  std::function<void()> opened;
  std::function<void(CoordinatorMessage)> message;
  std::function<void(absl::Status)> closed;
};

// Thread-safe. Messages wait in memory until they are written; the agent bounds them (what is not
// acknowledged, and heartbeats only while the stream is open).
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  virtual void Send(const WorkerMessage& message) = 0;
  // After what was sent before; the coordinator ends the call then.
  virtual void Finish() = 0;
  // At once.
  virtual void Abort() = 0;
};

// Opens a conversation. A stream counts as opened when the channel took the call: the agent's Hello is
// then the first message. The stream keeps itself alive until it is closed.
std::shared_ptr<ClientStream> OpenStream(const std::shared_ptr<grpc::Channel>& channel,
                                         StreamCallbacks callbacks);

// A channel to "HOST:PORT" with the house's limits and keepalive.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

}  // namespace sprint

#endif  // SPRINT_WORKER_WORKER_STREAM_H_
