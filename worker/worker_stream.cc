#include "worker/worker_stream.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <deque>
#include <utility>

#include "base/mutex.h"
#include "conversation/codec.h"
#include "conversation/grpc_status.h"
#include "sprint/v1/worker.grpc.pb.h"

namespace sprint {
namespace {

constexpr int kMaxMessageBytes = 64 << 20;

// One call. `writing_` is the right to start the next write or WritesDone. One hold of gRPC's keeps
// the call alive for starts from outside its reactions; it is given back, once, when no more will come.
class Call : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>,
             public ClientStream,
             public std::enable_shared_from_this<Call> {
 public:
  explicit Call(StreamCallbacks callbacks) : callbacks_(std::move(callbacks)) {}

  void Begin(const std::shared_ptr<grpc::Channel>& channel) {
    self_ = shared_from_this();
    const auto stub = v1::WorkerService::NewStub(channel);
    stub->async()->Converse(&context_, this);
    AddHold();
    StartRead(&read_);
    StartCall();
    callbacks_.opened();
  }

  void Send(const WorkerMessage& message) override {
    v1::WorkerMessage proto = ToProto(message);
    {
      MutexLock lock(&mutex_);
      if (finishing_ || broken_) return;
      unsent_.push_back(std::move(proto));
    }
    Continue();
  }

  void Finish() override {
    {
      MutexLock lock(&mutex_);
      finishing_ = true;
    }
    Continue();
  }

  void Abort() override {
    context_.TryCancel();
    Break();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Break();
    absl::StatusOr<CoordinatorMessage> message = FromProto(read_);
    if (!message.ok()) {
      {
        MutexLock lock(&mutex_);
        misread_ = message.status();
      }
      return Abort();
    }
    callbacks_.message(*std::move(message));
    read_.Clear();
    StartRead(&read_);
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
    }
    ok ? Continue() : Break();
    ReleaseWhenBroken();
  }

  void OnDone(const grpc::Status& status) override {
    absl::Status end = FromGrpc(status);
    {
      MutexLock lock(&mutex_);
      if (!misread_.ok()) end = misread_;
    }
    // This holds the channel (the context does), and who hears of the end may let go of it. Were the last to
    // let go then this, on one of gRPC's threads, that thread would end gRPC's threads and wait for itself.
    const auto closed = callbacks_.closed;
    self_.reset();
    closed(end);
  }

 private:
  void Continue() {
    bool done = false;
    {
      MutexLock lock(&mutex_);
      if (writing_ || broken_) return;
      if (!unsent_.empty()) {
        write_ = std::move(unsent_.front());
        unsent_.pop_front();
      } else if (finishing_) {
        done = true;
      } else {
        return;
      }
      writing_ = true;
    }
    if (!done) return StartWrite(&write_);
    StartWritesDone();  // answered by OnWritesDoneDone; nothing is started after it
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      broken_ = true;
    }
    ReleaseWhenBroken();
  }

  // No write will succeed any more.
  void Break() {
    {
      MutexLock lock(&mutex_);
      broken_ = true;
      unsent_.clear();
    }
    ReleaseWhenBroken();
  }

  // Gives gRPC's hold back when nothing will be started from outside its reactions again. Whoever has
  // the right to write may be about to: he calls this after.
  void ReleaseWhenBroken() {
    {
      MutexLock lock(&mutex_);
      if (!broken_ || writing_ || released_) return;
      released_ = true;
    }
    RemoveHold();
  }

  const StreamCallbacks callbacks_;
  std::shared_ptr<Call> self_;  // until OnDone
  grpc::ClientContext context_;
  v1::CoordinatorMessage read_;
  v1::WorkerMessage write_;  // of the write under way

  Mutex mutex_;
  std::deque<v1::WorkerMessage> unsent_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status misread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<ClientStream> OpenStream(const std::shared_ptr<grpc::Channel>& channel,
                                         StreamCallbacks callbacks) {
  auto call = std::make_shared<Call>(std::move(callbacks));
  call->Begin(channel);
  return call;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // The agent has its own backoff: gRPC's must not make it wait longer.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace sprint
