#include "coordinator/rpc/status_proto.h"

#include "absl/strings/str_cat.h"
#include "base/ids.h"

namespace sprint {
namespace {

void AddArm(const std::string& name, const ArmCounters& counters, v1::ExperimentStatus& status) {
  v1::ArmStatus& arm = *status.add_arms();
  arm.set_name(name);
  arm.set_cells(counters.cells);
  arm.set_done(counters.done);
  arm.set_correct(counters.correct);
  arm.set_truncated(counters.truncated);
  arm.set_tokens(counters.tokens);
}

std::string WorkerState(const WorkerStatus& status) {
  if (!status.connected) return "lost";
  if (status.draining) return "draining";
  return status.leased > 0 ? "working" : "idle";
}

}  // namespace

std::string StateName(ExperimentState state) {
  switch (state) {
    case ExperimentState::kRunning:
      return "running";
    case ExperimentState::kPaused:
      return "paused";
    case ExperimentState::kCancelled:
      return "cancelled";
    case ExperimentState::kFinished:
      return "finished";
  }
  return "unknown";
}

v1::ExperimentStatus ToProto(const ExperimentStatus& status, const Rate& rate) {
  v1::ExperimentStatus proto;
  proto.set_id(status.id.value());
  proto.set_name(status.name);
  proto.set_state(StateName(status.state));
  proto.set_priority(status.priority);
  proto.set_cells(status.cells);
  proto.set_done(status.done);
  proto.set_running(status.leased);
  proto.set_quarantined(status.quarantined);
  proto.set_correct(status.correct);
  proto.set_generated_tokens(status.tokens);
  proto.set_determinism_alarms(status.alarms);
  proto.set_cells_per_second(rate.cells);
  proto.set_tokens_per_second(rate.tokens);
  const int64_t remaining = status.cells - status.done - status.quarantined;
  proto.set_eta_seconds(status.state == ExperimentState::kRunning    ? EtaSeconds(remaining, rate)
                        : status.state == ExperimentState::kFinished ? 0
                                                                     : -1);
  for (size_t i = 0; i < status.arms.size(); ++i) {
    AddArm(i < status.arm_names.size() ? status.arm_names[i] : "", status.arms[i], proto);
  }
  for (const std::string& note : status.notes) proto.add_notes(note);
  return proto;
}

v1::ExperimentStatus ToProto(const ExperimentRecord& record) {
  v1::ExperimentStatus proto;
  proto.set_id(record.id.value());
  proto.set_name(record.name);
  proto.set_state(StateName(record.state));
  proto.set_priority(record.priority);
  proto.set_eta_seconds(record.state == ExperimentState::kFinished ? 0 : -1);
  int64_t cells = 0, done = 0, correct = 0, tokens = 0, quarantined = 0;
  for (size_t i = 0; i < record.counters.size(); ++i) {
    const ArmCounters& counters = record.counters[i];
    AddArm(i < record.arms.size() ? record.arms[i].arm.Name() : "", counters, proto);
    cells += counters.cells;
    done += counters.done;
    correct += counters.correct;
    tokens += counters.tokens;
  }
  for (const FailureRecord& failure : record.failures) {
    if (!failure.quarantined) continue;
    ++quarantined;
    proto.add_notes(absl::StrCat("quarantined: ", ToString(failure.cell), ": ", failure.error));
  }
  proto.set_cells(cells);
  proto.set_done(done);
  proto.set_correct(correct);
  proto.set_generated_tokens(tokens);
  proto.set_quarantined(quarantined);
  return proto;
}

v1::ExperimentStatus ToProto(const ExperimentSummary& summary) {
  v1::ExperimentStatus proto;
  proto.set_id(summary.id.value());
  proto.set_name(summary.name);
  proto.set_state(StateName(summary.state));
  proto.set_priority(summary.priority);
  proto.set_eta_seconds(summary.state == ExperimentState::kFinished ? 0 : -1);
  proto.set_cells(summary.cells);
  proto.set_done(summary.done);
  proto.set_correct(summary.correct);
  proto.set_generated_tokens(summary.tokens);
  proto.set_quarantined(summary.quarantined);
  return proto;
}

v1::WorkerStatus ToProto(const WorkerStatus& status, absl::Time now) {
  v1::WorkerStatus proto;
  proto.set_id(status.id.value());
  proto.set_name(status.hello.name);
  proto.set_device(status.hello.device);
  proto.set_numerics(status.numerics);
  proto.set_state(WorkerState(status));
  proto.set_running(status.leased);
  proto.set_done(status.done);
  proto.set_tokens_per_second(status.tokens_per_second);
  proto.set_last_error(status.last_error);
  proto.set_last_heard_ms_ago(absl::ToInt64Milliseconds(now - status.last_heard));
  return proto;
}

}  // namespace sprint
