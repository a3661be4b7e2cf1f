#include "tests/testing/control_client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "conversation/grpc_status.h"
#include "conversation/messages.h"
#include "conversation/token.h"

namespace sprint::testing {
namespace {

v1::QuestionChunk Questions(const MadeUpExperiment& experiment) {
  v1::QuestionChunk chunk;
  for (int i = 0; i < experiment.questions; ++i) {
    const int number = 100 + experiment.first_question + i;
    v1::Question& question = *chunk.add_questions();
    question.set_id(absl::StrCat("q", number));
    question.set_text(absl::StrCat("Say ", number));
    question.set_prompt(question.text());
    question.add_tokens(number);
    question.add_tokens(7);
    question.set_gold(absl::StrCat(number));
  }
  return chunk;
}

}  // namespace

ControlClient::ControlClient(std::shared_ptr<grpc::Channel> channel, std::string token)
    : token_(std::move(token)), channel_(std::move(channel)), stub_(v1::Control::NewStub(channel_)) {}

void ControlClient::Prepare(grpc::ClientContext& context, absl::Duration patience) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
  if (!token_.empty()) context.AddMetadata(kAuthorizationKey, AuthorizationOf(token_));
}

v1::Submission ControlClient::Header(const MadeUpExperiment& experiment) {
  v1::Submission header;
  header.set_protocol(kProtocolVersion);
  header.set_name(experiment.name);
  header.mutable_spec()->set_seed(experiment.seed);
  header.mutable_spec()->set_priority(experiment.priority);
  header.set_weights_hash(std::string(Sha256("weights").Raw()));
  header.set_tokenizer_hash(std::string(Sha256("tokenizer").Raw()));
  header.set_model_name("fake");
  header.set_model_path("/nowhere/fake");
  header.set_dtype("f32");
  header.set_engine_mode(experiment.engine_mode);
  for (const int32_t layer : experiment.hidden_layers) header.add_hidden_layers(layer);
  header.set_max_new_tokens(experiment.max_new_tokens);
  header.add_stop_tokens(2);
  for (const std::string& arm : experiment.arms) header.add_arms(arm);
  return header;
}

absl::StatusOr<v1::SubmitResponse> ControlClient::Submit(const MadeUpExperiment& experiment) {
  std::vector<v1::SubmitRequest> requests(2);
  *requests[0].mutable_header() = Header(experiment);
  *requests[1].mutable_questions() = Questions(experiment);
  return SubmitRaw(requests);
}

absl::StatusOr<v1::SubmitResponse> ControlClient::SubmitRaw(const std::vector<v1::SubmitRequest>& requests) {
  grpc::ClientContext context;
  Prepare(context, absl::Seconds(60));
  v1::SubmitResponse response;
  const auto writer = stub_->Submit(&context, &response);
  for (const v1::SubmitRequest& request : requests) {
    if (!writer->Write(request)) break;
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return FromGrpc(status);
  return response;
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Status(const std::string& name) {
  grpc::ClientContext context;
  Prepare(context, absl::Seconds(30));
  v1::StatusRequest request;
  request.set_experiment(name);
  v1::ExperimentStatus response;
  const grpc::Status status = stub_->Status(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return response;
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::WatchUntil(const std::string& name, Predicate until,
                                                               absl::Duration patience) {
  grpc::ClientContext context;
  Prepare(context, patience);
  v1::StatusRequest request;
  request.set_experiment(name);
  const auto reader = stub_->Watch(&context, request);
  v1::ExperimentStatus last;
  bool reached = false;
  while (!reached && reader->Read(&last)) reached = until(last);
  if (reached) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!status.ok() && !reached) return FromGrpc(status);
  return last;
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::WatchToTheEnd(const std::string& name,
                                                                  absl::Duration patience) {
  return WatchUntil(
      name, [](const v1::ExperimentStatus&) { return false; }, patience);
}

absl::StatusOr<v1::ExperimentStatus> ControlClient::Do(Call call, const std::string& name) {
  grpc::ClientContext context;
  Prepare(context, absl::Seconds(30));
  v1::ExperimentRequest request;
  request.set_experiment(name);
  v1::ExperimentStatus response;
  const grpc::Status status = (stub_.get()->*call)(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return response;
}

}  // namespace sprint::testing
