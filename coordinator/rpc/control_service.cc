#include "coordinator/rpc/control_service.h"

#include <unistd.h>

#include <atomic>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "base/status.h"
#include "conversation/grpc_status.h"
#include "conversation/messages.h"
#include "conversation/token.h"
#include "coordinator/rpc/submission.h"

namespace sprint {
namespace {

// The duty to finish a call once. Copies share it; when the last goes unused, because the coordinator
// ended, the call finishes with UNAVAILABLE.
class Answer {
 public:
  explicit Answer(std::function<void(const absl::Status&)> finish)
      : duty_(std::make_shared<Duty>(std::move(finish))) {}
  explicit Answer(grpc::ServerUnaryReactor* reactor)
      : Answer([reactor](const absl::Status& status) { reactor->Finish(ToGrpc(status)); }) {}
  void operator()(const absl::Status& status) const { duty_->Give(status); }

 private:
  struct Duty {
    explicit Duty(std::function<void(const absl::Status&)> finish) : finish(std::move(finish)) {}
    ~Duty() { Give(absl::UnavailableError("the coordinator is ending")); }
    void Give(const absl::Status& status) {
      if (!given.exchange(true)) finish(status);
    }
    const std::function<void(const absl::Status&)> finish;
    std::atomic<bool> given{false};
  };
  std::shared_ptr<Duty> duty_;
};

Coordinator::TrainingReply TrainingAnswer(v1::TrainingStatus* response, const Answer& answer) {
  return [response, answer](absl::StatusOr<v1::TrainingStatus> training) {
    const absl::Status status = training.status();
    if (training.ok()) *response = *std::move(training);
    answer(status);
  };
}

// Collects a submission, plans it on the pool, hands it to the loop.
class SubmitReactor : public grpc::ServerReadReactor<v1::SubmitRequest> {
 public:
  SubmitReactor(Coordinator& coordinator, v1::SubmitResponse* response)
      : coordinator_(coordinator), response_(response) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      const absl::Status status = submission_.Add(std::move(request_));
      if (!status.ok()) return Finish(ToGrpc(status));
      request_.Clear();
      return StartRead(&request_);
    }
    const Answer answer([this](const absl::Status& status) { Finish(ToGrpc(status)); });
    coordinator_.pool().Run([this, answer] {
      absl::StatusOr<ExperimentPlan> plan = submission_.Plan();
      if (!plan.ok()) return answer(plan.status());
      coordinator_.Submit(*std::move(plan), [this, answer](absl::StatusOr<CreatedExperiment> created) {
        if (created.ok()) {
          response_->set_experiment(created->id.value());
          response_->set_continued(created->continued);
          response_->set_cells(created->cells);
          response_->set_existing(created->existing);
        }
        answer(created.status());
      });
    });
  }

  void OnDone() override { delete this; }

 private:
  Coordinator& coordinator_;
  v1::SubmitResponse* const response_;
  v1::SubmitRequest request_;
  Submission submission_;
};

// Sends the latest status whenever the last one has left.
class WatchReactor : public grpc::ServerWriteReactor<v1::ExperimentStatus>,
                     public StatusSink,
                     public std::enable_shared_from_this<WatchReactor> {
 public:
  explicit WatchReactor(Coordinator& coordinator) : coordinator_(coordinator) {}
  // A sink that the loop drops without End (it ended before it knew the sink) is finished here.
  void Begin(const std::string& experiment) {
    self_ = shared_from_this();
    coordinator_.Watch(experiment, Handle());
  }

  void Update(const v1::ExperimentStatus& status) override {
    {
      MutexLock lock(&mutex_);
      if (ended_) return;
      next_ = status;
      has_next_ = true;
    }
    Continue();
  }

  void End(const absl::Status& status) override {
    {
      MutexLock lock(&mutex_);
      if (ended_) return;
      ended_ = true;
      end_ = status;
    }
    Continue();
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) {
        has_next_ = false;
        ended_ = true;
      }
    }
    Continue();
  }

  void OnCancel() override { End(absl::CancelledError("the caller hung up")); }

  void OnDone() override {
    coordinator_.Unwatch(sink_.lock());
    self_.reset();
  }

 private:
  // What the loop holds: forwards, and ends the call when it is dropped.
  class Forward : public StatusSink {
   public:
    explicit Forward(std::shared_ptr<WatchReactor> to) : to_(std::move(to)) {}
    ~Forward() override { to_->End(absl::UnavailableError("the coordinator is ending")); }
    void Update(const v1::ExperimentStatus& status) override { to_->Update(status); }
    void End(const absl::Status& status) override { to_->End(status); }

   private:
    const std::shared_ptr<WatchReactor> to_;
  };

  std::shared_ptr<StatusSink> Handle() {
    auto sink = std::make_shared<Forward>(shared_from_this());
    sink_ = sink;
    return sink;
  }

  // As in the worker service: `writing_` is the right to start the next operation.
  void Continue() {
    bool finish = false;
    absl::Status end;
    {
      MutexLock lock(&mutex_);
      if (writing_) return;
      if (has_next_) {
        written_ = std::move(next_);
        has_next_ = false;
      } else if (ended_) {
        finish = true;
        end = end_;
      } else {
        return;
      }
      writing_ = true;
    }
    finish ? Finish(ToGrpc(end)) : StartWrite(&written_);
  }

  Coordinator& coordinator_;
  std::shared_ptr<WatchReactor> self_;  // until OnDone
  std::weak_ptr<StatusSink> sink_;
  v1::ExperimentStatus written_;  // of the write under way

  Mutex mutex_;
  v1::ExperimentStatus next_ ABSL_GUARDED_BY(mutex_);
  bool has_next_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

// A stream that ends before it has begun.
template <typename Reactor>
class RefusedReactor : public Reactor {
 public:
  explicit RefusedReactor(const absl::Status& status) { this->Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

absl::Status ControlServiceImpl::Admit(const grpc::CallbackServerContext& context) const {
  const std::string& token = coordinator_.options().auth_token;
  if (token.empty()) return absl::OkStatus();
  const auto shown = context.client_metadata().find(kAuthorizationKey);
  const bool known = shown != context.client_metadata().end() &&
                     ConstantTimeEquals(AuthorizationOf(token),
                                        absl::string_view(shown->second.data(), shown->second.size()));
  if (known) return absl::OkStatus();
  return absl::UnauthenticatedError(
      "the coordinator asks for a token; name the file that holds it with --token-file");
}

grpc::ServerUnaryReactor* ControlServiceImpl::Refusal(grpc::CallbackServerContext* context) const {
  const absl::Status status = Admit(*context);
  if (status.ok()) return nullptr;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

grpc::ServerReadReactor<v1::SubmitRequest>* ControlServiceImpl::Submit(grpc::CallbackServerContext* context,
                                                                       v1::SubmitResponse* response) {
  const absl::Status admitted = Admit(*context);
  if (!admitted.ok()) return new RefusedReactor<grpc::ServerReadReactor<v1::SubmitRequest>>(admitted);
  return new SubmitReactor(coordinator_, response);
}

grpc::ServerWriteReactor<v1::ExperimentStatus>* ControlServiceImpl::Watch(
    grpc::CallbackServerContext* context, const v1::StatusRequest* request) {
  const absl::Status admitted = Admit(*context);
  if (!admitted.ok()) return new RefusedReactor<grpc::ServerWriteReactor<v1::ExperimentStatus>>(admitted);
  const auto reactor = std::make_shared<WatchReactor>(coordinator_);
  reactor->Begin(request->experiment());
  return reactor.get();
}

grpc::ServerUnaryReactor* ControlServiceImpl::List(grpc::CallbackServerContext* context,
                                                   const v1::ListRequest*, v1::ListResponse* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.List([response, answer = Answer(reactor)](absl::StatusOr<v1::ListResponse> list) {
    const absl::Status why = list.status();
    if (list.ok()) *response = *std::move(list);
    answer(why);
  });
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::Status(grpc::CallbackServerContext* context,
                                                     const v1::StatusRequest* request,
                                                     v1::ExperimentStatus* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.Status(request->experiment(),
                      [response, answer = Answer(reactor)](absl::StatusOr<v1::ExperimentStatus> status) {
                        const absl::Status why = status.status();
                        if (status.ok()) *response = *std::move(status);
                        answer(why);
                      });
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::Do(grpc::CallbackServerContext* context,
                                                 const v1::ExperimentRequest* request, Command command,
                                                 v1::ExperimentStatus* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.Do(request->experiment(), command,
                  [response, answer = Answer(reactor)](absl::StatusOr<v1::ExperimentStatus> status) {
                    const absl::Status end = status.status();
                    if (status.ok() && response != nullptr) *response = *std::move(status);
                    answer(end);
                  });
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::Pause(grpc::CallbackServerContext* context,
                                                    const v1::ExperimentRequest* request,
                                                    v1::ExperimentStatus* response) {
  return Do(context, request, Command::kPause, response);
}

grpc::ServerUnaryReactor* ControlServiceImpl::Resume(grpc::CallbackServerContext* context,
                                                     const v1::ExperimentRequest* request,
                                                     v1::ExperimentStatus* response) {
  return Do(context, request, Command::kResume, response);
}

grpc::ServerUnaryReactor* ControlServiceImpl::Cancel(grpc::CallbackServerContext* context,
                                                     const v1::ExperimentRequest* request,
                                                     v1::ExperimentStatus* response) {
  return Do(context, request, Command::kCancel, response);
}

grpc::ServerUnaryReactor* ControlServiceImpl::Retry(grpc::CallbackServerContext* context,
                                                    const v1::ExperimentRequest* request,
                                                    v1::ExperimentStatus* response) {
  return Do(context, request, Command::kRetry, response);
}

grpc::ServerUnaryReactor* ControlServiceImpl::Delete(grpc::CallbackServerContext* context,
                                                     const v1::ExperimentRequest* request,
                                                     v1::DeleteResponse*) {
  return Do(context, request, Command::kDelete, nullptr);
}

grpc::ServerUnaryReactor* ControlServiceImpl::Workers(grpc::CallbackServerContext* context,
                                                      const v1::WorkersRequest*,
                                                      v1::WorkersResponse* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.Workers([response, answer = Answer(reactor)](v1::WorkersResponse workers) {
    *response = std::move(workers);
    answer(absl::OkStatus());
  });
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::Shutdown(grpc::CallbackServerContext* context,
                                                       const v1::ShutdownRequest* request,
                                                       v1::ShutdownResponse*) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  request->now() ? coordinator_.Finish() : coordinator_.Drain();
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::Train(grpc::CallbackServerContext* context,
                                                    const v1::TrainRequest* request,
                                                    v1::TrainingStatus* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Answer answer(reactor);
  if (request->folder().empty() || request->folder().front() != '/' || request->arguments().empty()) {
    answer(absl::InvalidArgumentError("a training needs arguments, and an absolute folder to run in"));
    return reactor;
  }
  TrainingRecord training;
  training.name = request->name();
  training.folder = request->folder();
  training.arguments.assign(request->arguments().begin(), request->arguments().end());
  coordinator_.Train(std::move(training), TrainingAnswer(response, answer));
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::TrainStatus(grpc::CallbackServerContext* context,
                                                          const v1::TrainingRequest* request,
                                                          v1::TrainingStatus* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  TrainingAnswer(response, Answer(reactor))(coordinator_.trainings().Status(request->training()));
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::CancelTraining(grpc::CallbackServerContext* context,
                                                             const v1::TrainingRequest* request,
                                                             v1::TrainingStatus* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.CancelTraining(request->training(), TrainingAnswer(response, Answer(reactor)));
  return reactor;
}

grpc::ServerUnaryReactor* ControlServiceImpl::Info(grpc::CallbackServerContext* context,
                                                   const v1::InfoRequest* request,
                                                   v1::InfoResponse* response) {
  if (grpc::ServerUnaryReactor* refusal = Refusal(context)) return refusal;
  // Zero: whoever only wants to know who answers.
  const absl::Status status =
      request->protocol() == 0 ? absl::OkStatus() : CheckProtocol(request->protocol(), "caller");
  response->set_protocol(kProtocolVersion);
  response->set_version(coordinator_.options().version);
  response->set_database(coordinator_.options().database);
  response->set_epoch(coordinator_.epoch());
  response->set_pid(getpid());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace sprint
