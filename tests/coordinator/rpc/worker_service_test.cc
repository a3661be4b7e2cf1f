#include "coordinator/rpc/worker_service.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include <future>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "conversation/codec.h"
#include "conversation/grpc_status.h"
#include "storage/payload.h"
#include "tests/coordinator/rpc/fixture.h"
#include "tests/coordinator/rpc/forwarding_store.h"
#include "worker/worker_stream.h"

namespace sprint::testing {
namespace {

using ::testing::HasSubstr;

// One conversation, spoken by hand.
class Speaker {
 public:
  explicit Speaker(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::WorkerService::NewStub(channel)), stream_(stub_->Converse(&context_)) {}
  ~Speaker() { context_.TryCancel(); }

  void Say(const WorkerMessage& message) { SayProto(ToProto(message)); }
  void SayProto(const v1::WorkerMessage& message) { stream_->Write(message); }
  // The next message of the kind; others are skipped. Nothing at the stream's end.
  template <typename Message>
  std::optional<Message> Hear() {
    v1::CoordinatorMessage proto;
    while (stream_->Read(&proto)) {
      const absl::StatusOr<CoordinatorMessage> message = FromProto(proto);
      EXPECT_OK(message);
      if (!message.ok()) return std::nullopt;
      if (const auto* found = std::get_if<Message>(&*message)) return *found;
    }
    return std::nullopt;
  }
  // Reads to the end.
  absl::Status End() {
    v1::CoordinatorMessage proto;
    while (stream_->Read(&proto)) {
    }
    return FromGrpc(stream_->Finish());
  }

 private:
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>> stream_;
};

Hello MakeHello(const std::string& instance) {
  Hello hello;
  hello.instance = instance;
  hello.name = instance;
  hello.device = "test";
  return hello;
}

// Says what a worker says until its first grant.
std::optional<Grant> Greet(Speaker& worker, const std::string& instance) {
  worker.Say(MakeHello(instance));
  if (!worker.Hear<Welcome>().has_value()) return std::nullopt;
  worker.Say(Credit{4, LeaseId()});
  const std::optional<RunDescription> run = worker.Hear<RunDescription>();
  if (!run.has_value()) return std::nullopt;
  worker.Say(RunReady{run->run, "numerics"});
  return worker.Hear<Grant>();
}

Outcome AnswerOf(const Grant& grant, const CellKey& cell, const std::string& text) {
  Outcome outcome;
  outcome.cell = cell;
  outcome.lease = grant.lease;
  outcome.tokens = {1, 2};
  outcome.text = text;
  outcome.numerics = "numerics";
  outcome.started = absl::FromUnixSeconds(1);
  outcome.finished = absl::FromUnixSeconds(2);
  return outcome;
}

TEST_F(ServiceTest, AcknowledgesAnOutcomeOnlyOnceItIsDurable) {
  ASSERT_OK(client_->Submit({}));
  Speaker worker(server_->InProcessChannel());
  const std::optional<Grant> grant = Greet(worker, "by-hand");
  ASSERT_TRUE(grant.has_value());
  const std::vector<CellKey> cells = grant->Cells();
  Outcomes outcomes;
  outcomes.outcomes.push_back(AnswerOf(*grant, cells[0], "\\boxed{100}"));
  outcomes.grants.push_back({grant->lease, grant->token, cells, {}});
  worker.Say(outcomes);
  const std::optional<Ack> ack = worker.Hear<Ack>();
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->cells, std::vector<CellKey>{cells[0]});
  ASSERT_EQ(AllOutcomes(*disk_).size(), 1U);
  EXPECT_EQ(AllOutcomes(*disk_)[0].cell, cells[0]);
}

TEST_F(ServiceTest, AnotherVersionOfAWorkerIsRefusedForGoodWithBothNamed) {
  Speaker worker(server_->InProcessChannel());
  Hello hello = MakeHello("old");
  hello.protocol = 99;
  worker.Say(hello);
  const std::optional<Refused> refused = worker.Hear<Refused>();
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(refused->permanent);
  EXPECT_EQ(refused->reason, Reason::kProtocolVersion);
  EXPECT_THAT(refused->message, HasSubstr("version 99"));
  EXPECT_THAT(refused->message, HasSubstr(absl::StrCat("version ", kProtocolVersion)));
  EXPECT_EQ(ReasonOf(worker.End()), Reason::kProtocolVersion);
}

TEST_F(ServiceTest, AStreamThatDoesNotBeginWithHelloOrHoldsNonsenseIsClosed) {
  Speaker silent(server_->InProcessChannel());
  silent.Say(Credit{4, LeaseId()});
  EXPECT_EQ(silent.End().code(), absl::StatusCode::kInvalidArgument);
  Speaker empty(server_->InProcessChannel());
  empty.SayProto({});
  EXPECT_EQ(empty.End().code(), absl::StatusCode::kInvalidArgument);
  Speaker twice(server_->InProcessChannel());
  twice.Say(MakeHello("twice"));
  ASSERT_TRUE(twice.Hear<Welcome>().has_value());
  twice.Say(MakeHello("twice"));
  EXPECT_EQ(twice.End().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, ASecondStreamOfAWorkerReplacesTheFirst) {
  Speaker first(server_->InProcessChannel());
  first.Say(MakeHello("one"));
  const std::optional<Welcome> welcome = first.Hear<Welcome>();
  ASSERT_TRUE(welcome.has_value());
  Speaker second(server_->InProcessChannel());
  second.Say(MakeHello("one"));
  const std::optional<Welcome> again = second.Hear<Welcome>();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->worker, welcome->worker);
  EXPECT_EQ(first.End().code(), absl::StatusCode::kCancelled);
}

// gRPC ends its threads with the last channel, and waits for them: none of them may be who lets go last.
TEST_F(ServiceTest, AStreamLetsGoOfItsChannelBeforeItSaysThatItIsClosed) {
  const std::shared_ptr<grpc::Channel> channel = server_->InProcessChannel();
  std::promise<void> welcome;
  std::promise<int64_t> users;
  StreamCallbacks callbacks;
  callbacks.opened = [] {};
  callbacks.message = [&](const CoordinatorMessage&) { welcome.set_value(); };
  callbacks.closed = [&](const absl::Status&) { users.set_value(channel.use_count()); };
  OpenStream(channel, callbacks)->Send(MakeHello("one"));
  welcome.get_future().wait();
  Speaker another(server_->InProcessChannel());
  another.Say(MakeHello("one"));
  EXPECT_EQ(users.get_future().get(), 1);
}

TEST_F(ServiceTest, ADeadProcessOfAWorkerGivesItsCellsToAnother) {
  ASSERT_OK(client_->Submit({}));
  {
    Speaker worker(server_->InProcessChannel());
    ASSERT_TRUE(Greet(worker, "doomed").has_value());
  }
  coordinator_->WorkerProcessDied("doomed");
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(status.done(), 12);
}

// Counts, of the answers it is to keep, those that are compressed and are what they should be.
class PayloadCounter : public ForwardingStore {
 public:
  PayloadCounter(std::unique_ptr<Store> store, std::atomic<int>* compressed)
      : ForwardingStore(std::move(store)), compressed_(compressed) {}
  absl::Status Commit(const WriteBatch& batch) override {
    for (const OutcomeRecord& outcome : batch.outcomes) {
      if (outcome.encoded_tokens.empty() || outcome.encoded_text.empty()) continue;
      const absl::StatusOr<std::vector<int32_t>> tokens = DecodeTokens(outcome.encoded_tokens);
      const absl::StatusOr<std::string> text = DecodeText(outcome.encoded_text);
      if (tokens.ok() && text.ok() && *tokens == outcome.tokens && *text == outcome.text) ++*compressed_;
    }
    return ForwardingStore::Commit(batch);
  }

 private:
  std::atomic<int>* const compressed_;
};

TEST_F(ServiceTest, AnswersAreCompressedBeforeTheyReachTheStoresThread) {
  StopCoordinator();
  std::atomic<int> compressed{0};
  wrap_ = [&compressed](std::unique_ptr<Store> store) {
    return std::make_unique<PayloadCounter>(std::move(store), &compressed);
  };
  StartCoordinator();
  ASSERT_OK(client_->Submit({}));
  StartWorker();
  ASSERT_OK(client_->WatchToTheEnd("made-up"));
  StopWorkers();
  StopCoordinator();
  EXPECT_EQ(compressed, 12);
}

// A store whose disk is full until it is told otherwise.
class FullDisk : public ForwardingStore {
 public:
  FullDisk(std::unique_ptr<Store> store, std::atomic<bool>* full)
      : ForwardingStore(std::move(store)), full_(full) {}
  absl::Status Commit(const WriteBatch& batch) override {
    if (*full_) {
      return Error(absl::StatusCode::kResourceExhausted, Reason::kDatabaseFull,
                   "the disk is full; make room");
    }
    return ForwardingStore::Commit(batch);
  }

 private:
  std::atomic<bool>* const full_;
};

TEST_F(ServiceTest, AFullDiskHoldsAcknowledgementsBackSaysSoAndLosesNothing) {
  StopCoordinator();
  std::atomic<bool> full{false};
  wrap_ = [&full](std::unique_ptr<Store> store) {
    return std::make_unique<FullDisk>(std::move(store), &full);
  };
  StartCoordinator();
  ASSERT_OK(client_->Submit({}));
  full = true;
  StartWorker();
  // Nothing is acknowledged while nothing can be written; the status says why, and is answered.
  std::string notes;
  while (notes.empty()) {
    ASSERT_OK_AND_ASSIGN(const auto status, client_->Status("made-up"));
    for (const std::string& note : status.notes()) notes += note;
  }
  EXPECT_THAT(notes, HasSubstr("the disk is full; make room"));
  EXPECT_EQ(AllOutcomes(*disk_).size(), 0U);
  full = false;
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(status.done(), 12);
  EXPECT_EQ(status.notes_size(), 0);
  EXPECT_EQ(AllOutcomes(*disk_).size(), 12U);
  StopWorkers();
  StopCoordinator();
}

TEST_F(ServiceTest, ALostOwnershipEndsTheCoordinatorWithItsReason) {
  ASSERT_OK(client_->Submit({}));
  const std::unique_ptr<Store> successor = OpenMemoryStore(disk_);
  StartWorker();
  absl::Status why;
  ASSERT_TRUE(coordinator_->WaitDone(absl::Seconds(60), &why));
  EXPECT_EQ(ReasonOf(why), Reason::kDatabaseFenced);
  EXPECT_EQ(AllOutcomes(*disk_).size(), 0U);
  EXPECT_EQ(client_->Status("made-up").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServiceTest, AWorkerWithoutTheCoordinatorsTokenIsRefusedForGood) {
  StopCoordinator();
  token_ = "s3cret";
  StartCoordinator();
  for (const char* token : {"", "s3cre", "s3cret "}) {
    Speaker worker(server_->InProcessChannel());
    Hello hello = MakeHello("stranger");
    hello.auth_token = token;
    worker.Say(hello);
    const std::optional<Refused> refused = worker.Hear<Refused>();
    ASSERT_TRUE(refused.has_value());
    EXPECT_TRUE(refused->permanent);
    EXPECT_THAT(refused->message, HasSubstr("--token-file"));
    EXPECT_EQ(worker.End().code(), absl::StatusCode::kUnauthenticated);
  }
  StartWorker({}, "another");
  workers_[0]->thread.join();
  EXPECT_THAT(std::string(workers_[0]->status.message()), HasSubstr("--token-file"));
  workers_.clear();
  ASSERT_OK(client_->Submit({}));
  StartWorker();
  ASSERT_OK_AND_ASSIGN(const auto status, client_->WatchToTheEnd("made-up"));
  EXPECT_EQ(status.done(), 12);
}

// A unary call by its full name, as tools make it.
std::string Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                 const std::string& request) {
  grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::Slice slice(request);
  grpc::ByteBuffer in(&slice, 1);
  grpc::ByteBuffer out;
  grpc::ClientContext context;
  grpc::internal::BlockingUnaryCallImpl<grpc::ByteBuffer, grpc::ByteBuffer> call(channel.get(), rpc, &context,
                                                                                 in, &out);
  const grpc::Status status = call.status();
  EXPECT_TRUE(status.ok()) << status.error_message();
  grpc::Slice whole;
  EXPECT_TRUE(out.DumpToSingleSlice(&whole).ok());
  return std::string(reinterpret_cast<const char*>(whole.begin()), whole.size());
}

TEST_F(ServiceTest, HealthAndReflectionAnswer) {
  const std::string health = Call(server_->InProcessChannel(), "/grpc.health.v1.Health/Check", "");
  EXPECT_EQ(health, std::string("\x08\x01"));  // status: SERVING
  grpc::internal::RpcMethod rpc("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                grpc::internal::RpcMethod::BIDI_STREAMING);
  grpc::ClientContext context;
  const auto channel = server_->InProcessChannel();
  const std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(channel.get(),
                                                                                            rpc, &context));
  grpc::Slice list(std::string("\x3a\x01*", 3));  // list_services: "*"
  ASSERT_TRUE(stream->Write(grpc::ByteBuffer(&list, 1)));
  grpc::ByteBuffer answer;
  ASSERT_TRUE(stream->Read(&answer));
  grpc::Slice whole;
  ASSERT_TRUE(answer.DumpToSingleSlice(&whole).ok());
  const std::string bytes(reinterpret_cast<const char*>(whole.begin()), whole.size());
  EXPECT_THAT(bytes, HasSubstr("sprint.v1.Control"));
  EXPECT_THAT(bytes, HasSubstr("sprint.v1.WorkerService"));
  context.TryCancel();
}

TEST(ServerTest, APortInUseIsAnErrorThatSaysSo) {
  CoordinatorOptions options;
  options.clock = Clock::Real();
  ASSERT_OK_AND_ASSIGN(const auto coordinator,
                       Coordinator::Start(OpenMemoryStore(MakeMemoryDisk()), options));
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(*coordinator, "127.0.0.1:0"));
  const absl::Status second = Server::Start(*coordinator, server->address()).status();
  EXPECT_EQ(ReasonOf(second), Reason::kAddressInUse);
  EXPECT_THAT(std::string(second.message()), HasSubstr(server->address()));
  EXPECT_EQ(Server::Start(*coordinator, "nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sprint::testing
