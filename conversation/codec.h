// Messages to protos and back, at the edges of the house.
#ifndef SPRINT_CONVERSATION_CODEC_H_
#define SPRINT_CONVERSATION_CODEC_H_

#include "absl/status/statusor.h"
#include "conversation/messages.h"
#include "sprint/v1/worker.pb.h"

namespace sprint {

v1::WorkerMessage ToProto(const WorkerMessage& message);
v1::CoordinatorMessage ToProto(const CoordinatorMessage& message);
// Times keep microseconds, durations milliseconds. INVALID_ARGUMENT naming the field, as in
// "outcomes: outcomes[2]: cell: arm is 0; ids count from 1", for a message without a kind, an id that
// names nothing where one is needed, a hash of the wrong size, an unknown enum number, a negative
// count, a NaN. An unknown reason becomes kUnspecified. Of a Hello or Welcome of another protocol
// version only what a refusal needs is read.
absl::StatusOr<WorkerMessage> FromProto(const v1::WorkerMessage& proto);
absl::StatusOr<CoordinatorMessage> FromProto(const v1::CoordinatorMessage& proto);

}  // namespace sprint

#endif  // SPRINT_CONVERSATION_CODEC_H_
