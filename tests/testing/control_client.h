// A client of the control service for tests: submits made-up experiments, waits by watching.
#ifndef SPRINT_TESTS_TESTING_CONTROL_CLIENT_H_
#define SPRINT_TESTS_TESTING_CONTROL_CLIENT_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sprint/v1/control.grpc.pb.h"

namespace sprint::testing {

struct MadeUpExperiment {
  std::string name = "made-up";
  int questions = 4;  // prompts {100 + i, 7}, gold "100 + i"
  int first_question = 0;
  std::vector<std::string> arms = {"baseline", "L0H0", "L0H1"};
  int max_new_tokens = 32;
  uint64_t seed = 0;
  int priority = 0;
  std::vector<int32_t> hidden_layers = {};
  std::string engine_mode = "exact";
};

class ControlClient {
 public:
  // Shows `token` in every call of its own (not in those through stub()), unless it is empty.
  explicit ControlClient(std::shared_ptr<grpc::Channel> channel, std::string token = "");

  v1::Control::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  static v1::Submission Header(const MadeUpExperiment& experiment);
  absl::StatusOr<v1::SubmitResponse> Submit(const MadeUpExperiment& experiment);
  absl::StatusOr<v1::SubmitResponse> SubmitRaw(const std::vector<v1::SubmitRequest>& requests);
  absl::StatusOr<v1::ExperimentStatus> Status(const std::string& name);
  // Watches until the stream ends by itself or `until` says so; the last status seen.
  // DEADLINE_EXCEEDED after `patience`.
  using Predicate = bool (*)(const v1::ExperimentStatus&);
  absl::StatusOr<v1::ExperimentStatus> WatchUntil(const std::string& name, Predicate until,
                                                  absl::Duration patience = absl::Seconds(60));
  absl::StatusOr<v1::ExperimentStatus> WatchToTheEnd(const std::string& name,
                                                     absl::Duration patience = absl::Seconds(60));
  // One of the calls that take an experiment and answer with its status.
  using Call = grpc::Status (v1::Control::Stub::*)(grpc::ClientContext*, const v1::ExperimentRequest&,
                                                   v1::ExperimentStatus*);
  absl::StatusOr<v1::ExperimentStatus> Do(Call call, const std::string& name);

 private:
  void Prepare(grpc::ClientContext& context, absl::Duration patience) const;

  const std::string token_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

}  // namespace sprint::testing

#endif  // SPRINT_TESTS_TESTING_CONTROL_CLIENT_H_
