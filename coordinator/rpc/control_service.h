// The control service over gRPC's callback API. Every call is a word to the coordinator's loop; the
// answer comes from there. Where the coordinator asks for a token (conversation/token.h), every call must
// show it; health and reflection answer anyone.
#ifndef SPRINT_COORDINATOR_RPC_CONTROL_SERVICE_H_
#define SPRINT_COORDINATOR_RPC_CONTROL_SERVICE_H_

#include "coordinator/rpc/coordinator.h"
#include "sprint/v1/control.grpc.pb.h"

namespace sprint {

// Thread-safe.
class ControlServiceImpl : public v1::Control::CallbackService {
 public:
  explicit ControlServiceImpl(Coordinator& coordinator) : coordinator_(coordinator) {}

  grpc::ServerReadReactor<v1::SubmitRequest>* Submit(grpc::CallbackServerContext* context,
                                                     v1::SubmitResponse* response) override;
  grpc::ServerWriteReactor<v1::ExperimentStatus>* Watch(grpc::CallbackServerContext* context,
                                                        const v1::StatusRequest* request) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const v1::ListRequest* request,
                                 v1::ListResponse* response) override;
  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context, const v1::StatusRequest* request,
                                   v1::ExperimentStatus* response) override;
  grpc::ServerUnaryReactor* Pause(grpc::CallbackServerContext* context, const v1::ExperimentRequest* request,
                                  v1::ExperimentStatus* response) override;
  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* context, const v1::ExperimentRequest* request,
                                   v1::ExperimentStatus* response) override;
  grpc::ServerUnaryReactor* Cancel(grpc::CallbackServerContext* context, const v1::ExperimentRequest* request,
                                   v1::ExperimentStatus* response) override;
  grpc::ServerUnaryReactor* Retry(grpc::CallbackServerContext* context, const v1::ExperimentRequest* request,
                                  v1::ExperimentStatus* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context, const v1::ExperimentRequest* request,
                                   v1::DeleteResponse* response) override;
  grpc::ServerUnaryReactor* Workers(grpc::CallbackServerContext* context, const v1::WorkersRequest* request,
                                    v1::WorkersResponse* response) override;
  grpc::ServerUnaryReactor* Shutdown(grpc::CallbackServerContext* context, const v1::ShutdownRequest* request,
                                     v1::ShutdownResponse* response) override;
  grpc::ServerUnaryReactor* Train(grpc::CallbackServerContext* context, const v1::TrainRequest* request,
                                  v1::TrainingStatus* response) override;
  grpc::ServerUnaryReactor* TrainStatus(grpc::CallbackServerContext* context,
                                        const v1::TrainingRequest* request,
                                        v1::TrainingStatus* response) override;
  grpc::ServerUnaryReactor* CancelTraining(grpc::CallbackServerContext* context,
                                           const v1::TrainingRequest* request,
                                           v1::TrainingStatus* response) override;
  grpc::ServerUnaryReactor* Info(grpc::CallbackServerContext* context, const v1::InfoRequest* request,
                                 v1::InfoResponse* response) override;

 private:
  // UNAUTHENTICATED when the coordinator asks for a token and the call does not show it.
  absl::Status Admit(const grpc::CallbackServerContext& context) const;
  // The call's end when it is not admitted; else null.
  grpc::ServerUnaryReactor* Refusal(grpc::CallbackServerContext* context) const;
  grpc::ServerUnaryReactor* Do(grpc::CallbackServerContext* context, const v1::ExperimentRequest* request,
                               Command command, v1::ExperimentStatus* response);

  Coordinator& coordinator_;
};

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_CONTROL_SERVICE_H_
