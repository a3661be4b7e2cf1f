#include "cli/client.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "conversation/grpc_status.h"
#include "conversation/messages.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

// A coordinator that says what a test tells it to.
class FakeControl : public v1::Control::Service {
 public:
  grpc::Status Info(grpc::ServerContext* context, const v1::InfoRequest*,
                    v1::InfoResponse* response) override {
    if (!Admits(*context)) return ToGrpc(absl::UnauthenticatedError("a token, please"));
    response->set_protocol(protocol);
    response->set_version("9.9");
    return grpc::Status::OK;
  }
  grpc::Status Submit(grpc::ServerContext* context, grpc::ServerReader<v1::SubmitRequest>* reader,
                      v1::SubmitResponse* response) override {
    if (!Admits(*context)) return ToGrpc(absl::UnauthenticatedError("a token, please"));
    v1::SubmitRequest request;
    while (reader->Read(&request)) {
      if (request.has_header()) {
        if (!refusal.ok()) return ToGrpc(refusal);
        continue;
      }
      ++chunks;
      questions += request.questions().questions_size();
    }
    response->set_cells(questions);
    return grpc::Status::OK;
  }
  grpc::Status Watch(grpc::ServerContext* context, const v1::StatusRequest*,
                     grpc::ServerWriter<v1::ExperimentStatus>* writer) override {
    if (!Admits(*context)) return ToGrpc(absl::UnauthenticatedError("a token, please"));
    v1::ExperimentStatus status;
    for (int done = 0; done < updates; ++done) {
      status.set_done(done);
      writer->Write(status);
    }
    while (!ends && !context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::OK;
  }

  bool Admits(const grpc::ServerContext& context) const {
    const auto shown = context.client_metadata().find("authorization");
    const std::string found = shown == context.client_metadata().end()
                                  ? ""
                                  : std::string(shown->second.data(), shown->second.size());
    return found == authorization;
  }

  std::string authorization;
  int protocol = kProtocolVersion;
  absl::Status refusal;
  int chunks = 0;
  int questions = 0;
  int updates = 3;
  bool ends = true;
};

class Client : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ControlClient>> Connect() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&control_);
    server_ = builder.BuildAndStart();
    return ControlClient::Connect(server_->InProcessChannel({}), "here:1", absl::Seconds(60), token_);
  }
  FakeControl control_;
  std::string token_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(Client, ShowsItsTokenInEveryCall) {
  control_.authorization = "Bearer s3cret";
  token_ = "s3cret";
  ASSERT_OK_AND_ASSIGN(const auto client, Connect());
  ASSERT_OK(client->Submit({}, std::vector<v1::Question>(1)));
  ControlClient::Stop stop;
  EXPECT_OK(client->Watch("1", stop, [](const v1::ExperimentStatus&) { return true; }));
}

TEST_F(Client, SaysHowToShowATokenThatIsAskedFor) {
  control_.authorization = "Bearer s3cret";
  const absl::Status none = Connect().status();
  EXPECT_EQ(none.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(none.message()), ::testing::HasSubstr("here:1 asks for a token"));
  EXPECT_THAT(std::string(none.message()), ::testing::HasSubstr("--token-file"));
  token_ = "another";
  EXPECT_THAT(std::string(Connect().status().message()), ::testing::HasSubstr("asks for another token"));
}

TEST_F(Client, NamesBothVersionsThatDoNotFit) {
  control_.protocol = kProtocolVersion + 7;
  const absl::Status status = Connect().status();
  EXPECT_EQ(ReasonOf(status), Reason::kProtocolVersion);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr(absl::StrCat("protocol ", kProtocolVersion + 7)));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(absl::StrCat("speaks ", kProtocolVersion)));
}

TEST_F(Client, SendsManyQuestionsInSmallMessages) {
  ASSERT_OK_AND_ASSIGN(const auto client, Connect());
  std::vector<v1::Question> questions(100);
  for (v1::Question& question : questions) question.set_text(std::string(100000, 'x'));
  ASSERT_OK_AND_ASSIGN(const v1::SubmitResponse response, client->Submit({}, questions));
  EXPECT_EQ(response.cells(), 100);
  EXPECT_GT(control_.chunks, 5);
}

TEST_F(Client, HearsWhyASubmissionWasRefused) {
  control_.refusal = Error(absl::StatusCode::kInvalidArgument, Reason::kArmInvalid, "no such arm");
  ASSERT_OK_AND_ASSIGN(const auto client, Connect());
  const absl::Status status = client->Submit({}, std::vector<v1::Question>(5)).status();
  EXPECT_EQ(ReasonOf(status), Reason::kArmInvalid);
  EXPECT_EQ(status.message(), "no such arm");
}

TEST_F(Client, WatchesToTheEnd) {
  ASSERT_OK_AND_ASSIGN(const auto client, Connect());
  ControlClient::Stop stop;
  std::vector<int64_t> seen;
  EXPECT_OK(client->Watch("demo", stop, [&](const v1::ExperimentStatus& status) {
    seen.push_back(status.done());
    return true;
  }));
  EXPECT_THAT(seen, ::testing::ElementsAre(0, 1, 2));
}

TEST_F(Client, StopsWatchingWhenItIsTold) {
  control_.ends = false;
  ASSERT_OK_AND_ASSIGN(const auto client, Connect());
  ControlClient::Stop stop;
  EXPECT_TRUE(absl::IsCancelled(client->Watch("demo", stop, [&](const v1::ExperimentStatus& status) {
    if (status.done() == 2) stop.HangUp();
    return true;
  })));
  EXPECT_TRUE(absl::IsCancelled(client->Watch("demo", stop, [](const v1::ExperimentStatus&) {
    return true;
  }))) << "told once is told for good";
}

TEST_F(Client, StopsWatchingWhenItHasSeenEnough) {
  control_.ends = false;
  ASSERT_OK_AND_ASSIGN(const auto client, Connect());
  ControlClient::Stop stop;
  EXPECT_OK(
      client->Watch("demo", stop, [](const v1::ExperimentStatus& status) { return status.done() < 1; }));
}

TEST_F(Client, SaysThatNobodyAnswers) {
  const absl::Status status = ControlClient::Connect("127.0.0.1:1", absl::Seconds(60)).status();
  EXPECT_EQ(ReasonOf(status), Reason::kNotReachable);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace sprint
