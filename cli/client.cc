#include "cli/client.h"

#include <grpcpp/create_channel.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "conversation/grpc_status.h"
#include "conversation/messages.h"
#include "conversation/token.h"

namespace sprint {
namespace {

// Answers that need no work of a worker come within this.
constexpr absl::Duration kPatience = absl::Seconds(60);
// Submitting and deleting touch the rows of a whole selection.
constexpr absl::Duration kLongPatience = absl::Minutes(30);
// A chunk of questions stays far below gRPC's limit of 4 MiB a message.
constexpr size_t kChunkBytes = 1 << 20;

void Authorize(grpc::ClientContext& context, const std::string& authorization) {
  if (!authorization.empty()) context.AddMetadata(kAuthorizationKey, authorization);
}

void SetDeadline(grpc::ClientContext& context, absl::Duration patience) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
}

// Where calls go, and as whom.
struct Peer {
  v1::Control::Stub& stub;
  const std::string& authorization;
};

template <typename Request, typename Response>
using Method = grpc::Status (v1::Control::Stub::*)(grpc::ClientContext*, const Request&, Response*);

template <typename Request, typename Response>
absl::StatusOr<Response> Call(const Peer& peer, Method<Request, Response> method, const Request& request,
                              absl::Duration patience = kPatience) {
  grpc::ClientContext context;
  Authorize(context, peer.authorization);
  SetDeadline(context, patience);
  Response response;
  SPRINT_RETURN_IF_ERROR(FromGrpc((peer.stub.*method)(&context, request, &response)));
  return response;
}

v1::ExperimentRequest Named(const std::string& experiment) {
  v1::ExperimentRequest request;
  request.set_experiment(experiment);
  return request;
}

}  // namespace

ControlClient::ControlClient(std::shared_ptr<grpc::Channel> channel, std::string address,
                             const std::string& token)
    : address_(std::move(address)),
      authorization_(token.empty() ? "" : AuthorizationOf(token)),
      stub_(v1::Control::NewStub(std::move(channel))) {}

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::Connect(const std::string& address,
                                                                      absl::Duration patience,
                                                                      const std::string& token) {
  grpc::ChannelArguments arguments;
  // A coordinator of this machine or cluster is not reached through a web proxy.
  arguments.SetInt("grpc.enable_http_proxy", 0);
  return Connect(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments), address,
                 patience, token);
}

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::Connect(std::shared_ptr<grpc::Channel> channel,
                                                                      const std::string& address,
                                                                      absl::Duration patience,
                                                                      const std::string& token) {
  std::unique_ptr<ControlClient> client(new ControlClient(std::move(channel), address, token));
  SPRINT_RETURN_IF_ERROR(client->AskInfo(patience));
  return client;
}

absl::Status ControlClient::AskInfo(absl::Duration patience) {
  v1::InfoRequest request;
  request.set_protocol(kProtocolVersion);
  absl::StatusOr<v1::InfoResponse> info = Call<v1::InfoRequest, v1::InfoResponse>(
      {*stub_, authorization_}, &v1::Control::Stub::Info, request, patience);
  if (!info.ok()) {
    if (ReasonOf(info.status()) == Reason::kProtocolVersion) return info.status();
    if (absl::IsUnauthenticated(info.status())) {
      return absl::UnauthenticatedError(
          absl::StrCat("the coordinator at ", address_,
                       authorization_.empty() ? " asks for a token; name the file that holds it with"
                                              : " asks for another token than this one; name its file with",
                       " --token-file or $SPRINT_TOKEN_FILE"));
    }
    return Error(absl::StatusCode::kUnavailable, Reason::kNotReachable,
                 absl::StrCat("no coordinator answers at ", address_, " (", info.status().message(),
                              "); check the address, or that it runs"));
  }
  info_ = *std::move(info);
  if (info_.protocol() != kProtocolVersion) {
    return Error(absl::StatusCode::kFailedPrecondition, Reason::kProtocolVersion,
                 absl::StrCat("the coordinator at ", address_, " (", info_.version(), ") speaks protocol ",
                              info_.protocol(), ", this program speaks ", kProtocolVersion,
                              "; use the same release of both"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SubmitResponse> ControlClient::Submit(const v1::Submission& header,
                                                         const std::vector<v1::Question>& questions) {
  grpc::ClientContext context;
  Authorize(context, authorization_);
  SetDeadline(context, kLongPatience);
  v1::SubmitResponse response;
  const auto writer = stub_->Submit(&context, &response);
  v1::SubmitRequest request;
  *request.mutable_header() = header;
  bool writable = writer->Write(request);
  for (size_t next = 0; writable && next < questions.size();) {
    v1::QuestionChunk& chunk = *request.mutable_questions();
    chunk.clear_questions();
    for (size_t bytes = 0; next < questions.size() && bytes < kChunkBytes; ++next) {
      bytes += questions[next].ByteSizeLong();
      *chunk.add_questions() = questions[next];
    }
    writable = writer->Write(request);
  }
  writer->WritesDone();
  // A coordinator that refuses ends the stream early: its reason is in the status.
  SPRINT_RETURN_IF_ERROR(FromGrpc(writer->Finish()));
  return response;
}

absl::StatusOr<v1::ListResponse> ControlClient::List() {
  return Call<v1::ListRequest, v1::ListResponse>({*stub_, authorization_}, &v1::Control::Stub::List, {});
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Status(const std::string& experiment) {
  v1::StatusRequest request;
  request.set_experiment(experiment);
  return Call<v1::StatusRequest, v1::ExperimentStatus>({*stub_, authorization_}, &v1::Control::Stub::Status,
                                                       request);
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Pause(const std::string& experiment) {
  return Call<v1::ExperimentRequest, v1::ExperimentStatus>({*stub_, authorization_},
                                                           &v1::Control::Stub::Pause, Named(experiment));
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Resume(const std::string& experiment) {
  return Call<v1::ExperimentRequest, v1::ExperimentStatus>({*stub_, authorization_},
                                                           &v1::Control::Stub::Resume, Named(experiment));
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Cancel(const std::string& experiment) {
  return Call<v1::ExperimentRequest, v1::ExperimentStatus>({*stub_, authorization_},
                                                           &v1::Control::Stub::Cancel, Named(experiment));
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Retry(const std::string& experiment) {
  return Call<v1::ExperimentRequest, v1::ExperimentStatus>({*stub_, authorization_},
                                                           &v1::Control::Stub::Retry, Named(experiment));
}

absl::Status ControlClient::Delete(const std::string& experiment) {
  return Call<v1::ExperimentRequest, v1::DeleteResponse>({*stub_, authorization_}, &v1::Control::Stub::Delete,
                                                         Named(experiment), kLongPatience)
      .status();
}

absl::StatusOr<v1::TrainingStatus> ControlClient::Train(const v1::TrainRequest& training) {
  return Call<v1::TrainRequest, v1::TrainingStatus>({*stub_, authorization_}, &v1::Control::Stub::Train,
                                                    training);
}

absl::StatusOr<v1::TrainingStatus> ControlClient::TrainStatus(int64_t training) {
  v1::TrainingRequest request;
  request.set_training(training);
  return Call<v1::TrainingRequest, v1::TrainingStatus>({*stub_, authorization_},
                                                       &v1::Control::Stub::TrainStatus, request);
}

absl::StatusOr<v1::TrainingStatus> ControlClient::CancelTraining(int64_t training) {
  v1::TrainingRequest request;
  request.set_training(training);
  return Call<v1::TrainingRequest, v1::TrainingStatus>({*stub_, authorization_},
                                                       &v1::Control::Stub::CancelTraining, request);
}

absl::StatusOr<v1::WorkersResponse> ControlClient::Workers() {
  return Call<v1::WorkersRequest, v1::WorkersResponse>({*stub_, authorization_}, &v1::Control::Stub::Workers,
                                                       {});
}

absl::Status ControlClient::Shutdown(bool now) {
  v1::ShutdownRequest request;
  request.set_now(now);
  return Call<v1::ShutdownRequest, v1::ShutdownResponse>({*stub_, authorization_},
                                                         &v1::Control::Stub::Shutdown, request)
      .status();
}

void ControlClient::Stop::HangUp() {
  const MutexLock lock(&mutex_);
  hung_up_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

absl::Status ControlClient::Watch(const std::string& experiment, Stop& stop,
                                  const std::function<bool(const v1::ExperimentStatus&)>& update) {
  grpc::ClientContext context;
  {
    const MutexLock lock(&stop.mutex_);
    if (stop.hung_up_) return absl::CancelledError("stopped watching");
    stop.context_ = &context;
  }
  Authorize(context, authorization_);
  v1::StatusRequest request;
  request.set_experiment(experiment);
  const auto reader = stub_->Watch(&context, request);
  v1::ExperimentStatus status;
  bool wanted = true;
  while (wanted && reader->Read(&status)) wanted = update(status);
  if (!wanted) context.TryCancel();
  const grpc::Status finished = reader->Finish();
  const MutexLock lock(&stop.mutex_);
  stop.context_ = nullptr;
  if (!wanted) return absl::OkStatus();
  if (stop.hung_up_) return absl::CancelledError("stopped watching");
  return FromGrpc(finished);
}

}  // namespace sprint
