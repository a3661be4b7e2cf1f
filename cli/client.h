// A coordinator's control service, as the commands use it: absl::Status out, no gRPC type in.
#ifndef SPRINT_CLI_CLIENT_H_
#define SPRINT_CLI_CLIENT_H_

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "sprint/v1/control.grpc.pb.h"

namespace sprint {

// Every call may fail with UNAVAILABLE (kNotReachable), and with what the coordinator answers.
// Thread-safe.
class ControlClient {
 public:
  // Asks the coordinator at `address` who it is, for at most `patience`. `token`: what it may ask for
  // (conversation/token.h); empty: none. FAILED_PRECONDITION (kProtocolVersion) when it speaks another
  // version; both are named. UNAUTHENTICATED when it asks for another token.
  static absl::StatusOr<std::unique_ptr<ControlClient>> Connect(const std::string& address,
                                                                absl::Duration patience,
                                                                const std::string& token = "");
  // For tests: over a channel that is there already.
  static absl::StatusOr<std::unique_ptr<ControlClient>> Connect(std::shared_ptr<grpc::Channel> channel,
                                                                const std::string& address,
                                                                absl::Duration patience,
                                                                const std::string& token = "");

  const std::string& address() const { return address_; }
  const v1::InfoResponse& info() const { return info_; }

  absl::StatusOr<v1::SubmitResponse> Submit(const v1::Submission& header,
                                            const std::vector<v1::Question>& questions);
  absl::StatusOr<v1::ListResponse> List();
  absl::StatusOr<v1::ExperimentStatus> Status(const std::string& experiment);
  absl::StatusOr<v1::ExperimentStatus> Pause(const std::string& experiment);
  absl::StatusOr<v1::ExperimentStatus> Resume(const std::string& experiment);
  absl::StatusOr<v1::ExperimentStatus> Cancel(const std::string& experiment);
  absl::StatusOr<v1::ExperimentStatus> Retry(const std::string& experiment);
  absl::Status Delete(const std::string& experiment);
  absl::StatusOr<v1::WorkersResponse> Workers();
  absl::StatusOr<v1::TrainingStatus> Train(const v1::TrainRequest& training);
  absl::StatusOr<v1::TrainingStatus> TrainStatus(int64_t training);
  absl::StatusOr<v1::TrainingStatus> CancelTraining(int64_t training);
  // Without `now` the answer comes when the workers are drained, or at once; either way the
  // coordinator ends by itself.
  absl::Status Shutdown(bool now);

  // Hands every status to `update` until the stream ends (OK: the experiment is finished), `update`
  // returns false, or `stop` hung up (CANCELLED).
  class Stop {
   public:
    // From any thread; ends the Watch that was given this, or the next one.
    void HangUp();

   private:
    friend class ControlClient;
    Mutex mutex_;
    grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the running Watch
    bool hung_up_ ABSL_GUARDED_BY(mutex_) = false;
  };
  absl::Status Watch(const std::string& experiment, Stop& stop,
                     const std::function<bool(const v1::ExperimentStatus&)>& update);

 private:
  ControlClient(std::shared_ptr<grpc::Channel> channel, std::string address, const std::string& token);
  absl::Status AskInfo(absl::Duration patience);

  const std::string address_;
  const std::string authorization_;  // of every call; empty: none
  const std::unique_ptr<v1::Control::Stub> stub_;
  v1::InfoResponse info_;
};

}  // namespace sprint

#endif  // SPRINT_CLI_CLIENT_H_
