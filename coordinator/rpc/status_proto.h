// The core's statuses as the control service's messages.
#ifndef SPRINT_COORDINATOR_RPC_STATUS_PROTO_H_
#define SPRINT_COORDINATOR_RPC_STATUS_PROTO_H_

#include "absl/time/time.h"
#include "coordinator/core/core.h"
#include "coordinator/rpc/rates.h"
#include "sprint/v1/control.pb.h"
#include "storage/reader.h"
#include "storage/records.h"

namespace sprint {

// "running", "paused", "cancelled", "finished".
std::string StateName(ExperimentState state);
v1::ExperimentStatus ToProto(const ExperimentStatus& status, const Rate& rate);
// Of an experiment that the core does not hold (a finished one after a restart): counts as stored.
v1::ExperimentStatus ToProto(const ExperimentRecord& record);
v1::ExperimentStatus ToProto(const ExperimentSummary& summary);
v1::WorkerStatus ToProto(const WorkerStatus& status, absl::Time now);

}  // namespace sprint

#endif  // SPRINT_COORDINATOR_RPC_STATUS_PROTO_H_
