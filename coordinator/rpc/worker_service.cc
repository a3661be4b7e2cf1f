#include "coordinator/rpc/worker_service.h"

#include <deque>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "conversation/codec.h"
#include "conversation/grpc_status.h"
#include "coordinator/rpc/submission.h"

namespace sprint {
namespace {

constexpr int kReadWindow = 8;        // messages read but not yet dealt with
constexpr size_t kMostUnsent = 4096;  // messages

// One conversation. Lives until gRPC is done with it and the loop has let go of it.
//
// `writing_` is the right to start an operation of the sending side; whoever sets it starts exactly
// one (a write, or Finish, after which it is never given back). Once Finish was called the session may
// be gone at the next return to gRPC, so nothing is started after it.
class Session : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>,
                public WorkerStream,
                public std::enable_shared_from_this<Session> {
 public:
  Session(Coordinator& coordinator, grpc::CallbackServerContext* context)
      : coordinator_(coordinator), context_(context) {}

  // Called once, when a shared_ptr to it exists.
  void Begin() {
    self_ = shared_from_this();
    StartRead(&read_);
  }

  // ---- WorkerStream.
  void Send(const CoordinatorMessage& message) override {
    v1::CoordinatorMessage proto = ToProto(message);
    bool overflow = false;
    {
      MutexLock lock(&mutex_);
      if (closing_) return;
      overflow = unsent_.size() >= kMostUnsent;
      if (overflow) {
        unsent_.clear();
        closing_ = true;
        end_ = absl::ResourceExhaustedError("the worker does not read what it is sent");
        ++holds_;
      } else {
        unsent_.push_back(std::move(proto));
      }
    }
    if (!overflow) return Continue();
    context_->TryCancel();  // or a write that is under way would never end
    Release();
  }

  void Close(const absl::Status& status) override {
    {
      MutexLock lock(&mutex_);
      if (closing_) return;
      closing_ = true;
      end_ = status;
    }
    Continue();
  }

  // ---- gRPC's reactions.
  void OnReadDone(bool ok) override {
    if (!ok) return Close(absl::OkStatus());
    bool schedule = false;
    bool read_on = false;
    {
      MutexLock lock(&mutex_);
      inbox_.push_back(std::move(read_));
      read_.Clear();  // before MessageDone may start the next read
      schedule = !std::exchange(working_, true);
      read_on = ++on_their_way_ < kReadWindow;
      reading_ = read_on;
    }
    if (read_on) StartRead(&read_);
    if (schedule) Schedule();
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) {
        unsent_.clear();
        closing_ = true;
      }
    }
    Continue();
  }

  void OnCancel() override {
    {
      MutexLock lock(&mutex_);
      unsent_.clear();
    }
    Close(absl::CancelledError("the worker hung up"));
  }

  void OnDone() override {
    coordinator_.Ended(shared_from_this());
    self_.reset();
  }

 private:
  // Starts the next operation of the sending side when none is under way.
  void Continue() {
    bool finish = false;
    absl::Status end;
    {
      MutexLock lock(&mutex_);
      if (writing_) return;
      if (!unsent_.empty()) {
        write_ = std::move(unsent_.front());
        unsent_.pop_front();
      } else if (closing_ && holds_ == 0) {
        finish = true;
        end = end_;
      } else {
        return;
      }
      writing_ = true;
    }
    finish ? Finish(ToGrpc(end)) : StartWrite(&write_);
  }

  void Release() {
    {
      MutexLock lock(&mutex_);
      --holds_;
    }
    Continue();
  }

  void Schedule() {
    coordinator_.pool().Run([self = shared_from_this()] { self->Work(); });
  }

  // On the pool: deals with the inbox, in order.
  void Work() {
    while (true) {
      v1::WorkerMessage proto;
      {
        MutexLock lock(&mutex_);
        if (inbox_.empty()) {
          working_ = false;
          return;
        }
        proto = std::move(inbox_.front());
        inbox_.pop_front();
      }
      Receipt receipt(this, [self = shared_from_this()](void*) { self->MessageDone(); });
      const absl::Status status = Deal(proto, std::move(receipt));
      if (!status.ok()) {
        SPRINT_LOG(kWarning) << "a worker's stream is closed: " << status.message();
        Close(status);
      }
    }
  }

  absl::Status Deal(const v1::WorkerMessage& proto, Receipt receipt) {
    absl::StatusOr<WorkerMessage> message = FromProto(proto);
    SPRINT_RETURN_IF_ERROR(message.status());
    if (met_) {
      coordinator_.Receive(shared_from_this(), *std::move(message), std::move(receipt));
      return absl::OkStatus();
    }
    auto* hello = std::get_if<Hello>(&*message);
    if (hello == nullptr) return absl::InvalidArgumentError("the first message of a worker must be Hello");
    if (const absl::Status status = CheckProtocol(hello->protocol, "worker"); !status.ok()) {
      Send(Refused{ReasonOf(status), std::string(status.message()), true});
      return status;
    }
    met_ = true;
    coordinator_.Hello(shared_from_this(), std::move(*hello));
    return absl::OkStatus();
  }

  void MessageDone() {
    bool read_on = false;
    {
      MutexLock lock(&mutex_);
      --on_their_way_;
      read_on = !reading_ && !closing_ && on_their_way_ < kReadWindow;
      if (!read_on) return;
      reading_ = true;
      ++holds_;
    }
    StartRead(&read_);
    Release();
  }

  Coordinator& coordinator_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<Session> self_;  // until OnDone
  v1::WorkerMessage read_;         // of the read under way
  v1::CoordinatorMessage write_;   // of the write under way
  bool met_ = false;               // Hello was said; the pool job's

  Mutex mutex_;
  std::deque<v1::WorkerMessage> inbox_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::CoordinatorMessage> unsent_ ABSL_GUARDED_BY(mutex_);
  int on_their_way_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;  // a read is under way
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;  // calls to gRPC from outside a reaction: Finish waits for them
  bool working_ ABSL_GUARDED_BY(mutex_) = false;  // a pool job is queued or runs
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* WorkerServiceImpl::Converse(
    grpc::CallbackServerContext* context) {
  const auto session = std::make_shared<Session>(coordinator_, context);
  session->Begin();
  return session.get();
}

}  // namespace sprint
