// Messages to protos and back, at the edges of the house.
#ifndef SPRINT_CONVERSATION_CODEC_H_
#define SPRINT_CONVERSATION_CODEC_H_

#include "absl/status/statusor.h"
#include "conversation/messages.h"
#include "sprint/v1/worker.pb.h"

namespace sprint {

v1::WorkerMessage ToProto(const WorkerMessage& message);
v1::CoordinatorMessage ToProto(const CoordinatorMessage& message);
// INVALID_ARGUMENT naming the field for a message without a kind, a hash of the wrong size, an
// unknown enum number, a negative count.
absl::StatusOr<WorkerMessage> FromProto(const v1::WorkerMessage& proto);
absl::StatusOr<CoordinatorMessage> FromProto(const v1::CoordinatorMessage& proto);

}  // namespace sprint

#endif  // SPRINT_CONVERSATION_CODEC_H_
