#include "conversation/grpc_status.h"

#include "base/status.h"
#include "tests/testing/testing.h"

namespace sprint {
namespace {

TEST(GrpcStatusTest, KeepsCodeMessageAndReasonBothWays) {
  const absl::Status status =
      Error(absl::StatusCode::kResourceExhausted, Reason::kDatabaseFull, "x.db: the disk is full");
  const absl::Status back = FromGrpc(ToGrpc(status));
  EXPECT_EQ(back.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(back.message(), status.message());
  EXPECT_EQ(ReasonOf(back), Reason::kDatabaseFull);
  EXPECT_OK(FromGrpc(ToGrpc(absl::OkStatus())));
  EXPECT_EQ(ReasonOf(FromGrpc(ToGrpc(absl::NotFoundError("plain")))), Reason::kUnspecified);
}

TEST(GrpcStatusTest, TheDetailsAreTheWireFormThatToolsRead) {
  const grpc::Status status =
      ToGrpc(Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown, "no such"));
  // google.rpc.Status{code 5, message, details: [Any of ErrorInfo{reason, domain}]}
  EXPECT_EQ(status.error_details().substr(0, 4), std::string("\x08\x05\x12\x07"));
  EXPECT_NE(status.error_details().find("type.googleapis.com/google.rpc.ErrorInfo"), std::string::npos);
  EXPECT_NE(status.error_details().find("EXPERIMENT_UNKNOWN"), std::string::npos);
}

TEST(GrpcStatusTest, NobodyAnsweringIsNotReachable) {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "failed to connect\nto all addresses");
  EXPECT_EQ(ReasonOf(FromGrpc(status)), Reason::kNotReachable);
  EXPECT_EQ(FromGrpc(status).message(), "failed to connect to all addresses");
}

TEST(GrpcStatusTest, DetailsOfAnotherMakeAreIgnored) {
  for (const char* details : {"", "\xff\xff garbage", "\x1a\x02\x08", "\x1a\x04\x12\x02xx"}) {
    const grpc::Status status(grpc::StatusCode::NOT_FOUND, "m", details);
    EXPECT_EQ(ReasonOf(FromGrpc(status)), Reason::kUnspecified);
  }
}

}  // namespace
}  // namespace sprint
