// The gRPC server around a coordinator: both services, health, reflection.
#ifndef SPRINT_COORDINATOR_RPC_SERVER_H_
#define SPRINT_COORDINATOR_RPC_SERVER_H_

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/rpc/control_service.h"
#include "coordinator/rpc/coordinator.h"
#include "coordinator/rpc/worker_service.h"

namespace sprint {

class Server {
 public:
  // Listens at `address` ("127.0.0.1:0": any free port); empty: in-process channels only. The
  // coordinator outlives the server. UNAVAILABLE (kAddressInUse) when another program listens there,
  // INVALID_ARGUMENT for an address that is none.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Coordinator& coordinator, const std::string& address);
  // Hangs up, waits for the calls to end.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where clients on this machine reach it, as "127.0.0.1:41235".
  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  explicit Server(Coordinator& coordinator)
      : coordinator_(coordinator), workers_(coordinator), control_(coordinator) {}

  Coordinator& coordinator_;
  WorkerServiceImpl workers_;
  ControlServiceImpl control_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_SERVER_H_
