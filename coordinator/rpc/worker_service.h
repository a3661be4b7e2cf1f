// WorkerService over gRPC's callback API: no thread per stream.
//
// Per stream: what was read is decoded and judged on the pool, one message after another, and read on
// only while fewer than a window of messages is on its way through pool and loop; what is to be sent
// waits in a bounded queue, and a peer that does not read is hung up on (it comes back and loses
// nothing).
#ifndef SPRINT_COORDINATOR_RPC_WORKER_SERVICE_H_
#define SPRINT_COORDINATOR_RPC_WORKER_SERVICE_H_

#include "coordinator/rpc/coordinator.h"
#include "sprint/v1/worker.grpc.pb.h"

namespace sprint {

// Thread-safe.
class WorkerServiceImpl : public v1::WorkerService::CallbackService {
 public:
  explicit WorkerServiceImpl(Coordinator& coordinator) : coordinator_(coordinator) {}
  grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* Converse(
      grpc::CallbackServerContext* context) override;

 private:
  Coordinator& coordinator_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_WORKER_SERVICE_H_
