// absl::Status to gRPC's and back, at the edges only. The reason (base/status.h) travels with it.
//
// On the wire the details are a google.rpc.Status that holds one google.rpc.ErrorInfo{reason, domain
// "sprint"}, as the standard tools of gRPC print it.
#ifndef SPRINT_CONVERSATION_GRPC_STATUS_H_
#define SPRINT_CONVERSATION_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace sprint {

// Code, message and reason are kept. Thread-safe, like all here.
grpc::Status ToGrpc(const absl::Status& status);

// The reverse. A status that has no reason of ours keeps kUnspecified, but for UNAVAILABLE, which gRPC
// itself says when nobody answers: it becomes kNotReachable. A message becomes one line.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace sprint

#endif  // SPRINT_CONVERSATION_GRPC_STATUS_H_
