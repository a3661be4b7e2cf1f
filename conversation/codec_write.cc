// Messages to protos; codec.cc is the way back.
#include <string>
#include <variant>

#include "base/status.h"
#include "conversation/codec.h"
#include "conversation/codec_rules.h"

namespace sprint {
namespace {

void Write(const CellKey& cell, v1::Cell& proto) {
  proto.set_run(cell.run.value());
  proto.set_question(cell.question.value());
  proto.set_arm(cell.arm.value());
  proto.set_sample(cell.sample);
}

template <typename Protos>
void Write(const std::vector<CellKey>& cells, Protos& protos) {
  protos.Reserve(static_cast<int>(cells.size()));
  for (const CellKey& cell : cells) Write(cell, *protos.Add());
}

void Write(const HeldGrant& held, v1::HeldGrant& proto) {
  proto.set_lease(held.lease.value());
  proto.set_token(held.token);
  Write(held.cells, *proto.mutable_cells());
  Write(held.missing, *proto.mutable_missing());
}

void Write(const Outcome& outcome, v1::Outcome& proto) {
  Write(outcome.cell, *proto.mutable_cell());
  proto.mutable_tokens()->Assign(outcome.tokens.begin(), outcome.tokens.end());
  proto.set_text(outcome.text);
  proto.set_finish(static_cast<int32_t>(outcome.finish));
  proto.set_logprob_sum(outcome.logprob_sum);
  proto.set_started_us(absl::ToUnixMicros(outcome.started));
  proto.set_finished_us(absl::ToUnixMicros(outcome.finished));
  proto.set_numerics(outcome.numerics);
  proto.set_lease(outcome.lease.value());
  proto.set_logprobs_hash(outcome.logprobs_hash);
  for (const HiddenState& hidden : outcome.hidden) {
    v1::HiddenState& written = *proto.add_hidden();
    written.set_layer(hidden.layer);
    written.set_values(FloatBytes(hidden.values));
  }
}

struct WorkerWriter {
  v1::WorkerMessage& out;

  void operator()(const Hello& m) const {
    v1::Hello& p = *out.mutable_hello();
    p.set_protocol(m.protocol);
    p.set_instance(m.instance);
    p.set_name(m.name);
    p.set_software(m.software);
    p.set_device(m.device);
    for (const HeldGrant& held : m.held) Write(held, *p.add_held());
    p.set_loaded_run(m.loaded_run.value());
    p.set_numerics(m.numerics);
    p.set_auth_token(m.auth_token);
  }
  void operator()(const Credit& m) const {
    out.mutable_credit()->set_cells(m.cells);
    out.mutable_credit()->set_last_lease(m.last_lease.value());
  }
  void operator()(const Heartbeat& m) const {
    v1::Heartbeat& p = *out.mutable_heartbeat();
    for (const LeaseId lease : m.leases) p.add_leases(lease.value());
    Write(m.started, *p.mutable_started());
    p.set_tokens_per_second(m.tokens_per_second);
  }
  void operator()(const Outcomes& m) const {
    v1::Outcomes& p = *out.mutable_outcomes();
    for (const Outcome& outcome : m.outcomes) Write(outcome, *p.add_outcomes());
    for (const HeldGrant& grant : m.grants) Write(grant, *p.add_grants());
  }
  void operator()(const CellFailed& m) const {
    v1::CellFailed& p = *out.mutable_cell_failed();
    Write(m.cell, *p.mutable_cell());
    p.set_lease(m.lease.value());
    p.set_error(m.error);
  }
  void operator()(const RunReady& m) const {
    out.mutable_run_ready()->set_run(m.run.value());
    out.mutable_run_ready()->set_numerics(m.numerics);
  }
  void operator()(const RunRefused& m) const {
    v1::RunRefused& p = *out.mutable_run_refused();
    p.set_run(m.run.value());
    p.set_reason(std::string(ReasonName(m.reason)));
    p.set_message(m.message);
  }
  void operator()(const Goodbye&) const { out.mutable_goodbye(); }
};

struct CoordinatorWriter {
  v1::CoordinatorMessage& out;

  void operator()(const Welcome& m) const {
    v1::Welcome& p = *out.mutable_welcome();
    p.set_protocol(m.protocol);
    p.set_worker_id(m.worker.value());
    p.set_epoch(m.epoch);
    p.set_lease_ms(absl::ToInt64Milliseconds(m.lease));
    p.set_heartbeat_ms(absl::ToInt64Milliseconds(m.heartbeat));
  }
  void operator()(const Refused& m) const {
    v1::Refused& p = *out.mutable_refused();
    p.set_reason(std::string(ReasonName(m.reason)));
    p.set_message(m.message);
    p.set_permanent(m.permanent);
  }
  void operator()(const RunDescription& m) const {
    v1::RunDescription& p = *out.mutable_run();
    p.set_run(m.run.value());
    p.set_model_name(m.model_name);
    p.set_model_path(m.model_path);
    p.set_weights_hash(std::string(m.weights_hash.Raw()));
    p.set_tokenizer_hash(std::string(m.tokenizer_hash.Raw()));
    p.set_dtype(m.dtype);
    p.set_engine_mode(m.engine_mode);
    p.set_max_new_tokens(m.decoding.max_new_tokens);
    p.mutable_stop_tokens()->Assign(m.decoding.stop_tokens.begin(), m.decoding.stop_tokens.end());
    p.set_seed(m.seed);
    if (m.decoding.HasRules()) WriteRules(m.decoding, *p.mutable_rules());
  }
  void operator()(const Grant& m) const {
    v1::Grant& p = *out.mutable_grant();
    p.set_lease(m.lease.value());
    p.set_token(m.token);
    p.set_run(m.run.value());
    p.set_question(m.question.value());
    p.mutable_prompt()->Assign(m.prompt.begin(), m.prompt.end());
    for (const GrantedArm& arm : m.arms) {
      v1::GrantedArm& granted = *p.add_arms();
      granted.set_arm(arm.arm.value());
      granted.set_name(arm.name);
      granted.mutable_samples()->Assign(arm.samples.begin(), arm.samples.end());
    }
    p.mutable_hidden_layers()->Assign(m.hidden_layers.begin(), m.hidden_layers.end());
  }
  void operator()(const Ack& m) const { Write(m.cells, *out.mutable_ack()->mutable_cells()); }
  void operator()(const Revoke& m) const { Write(m.cells, *out.mutable_revoke()->mutable_cells()); }
  void operator()(const Drain&) const { out.mutable_drain(); }
};

}  // namespace

v1::WorkerMessage ToProto(const WorkerMessage& message) {
  v1::WorkerMessage proto;
  std::visit(WorkerWriter{proto}, message);
  return proto;
}

v1::CoordinatorMessage ToProto(const CoordinatorMessage& message) {
  v1::CoordinatorMessage proto;
  std::visit(CoordinatorWriter{proto}, message);
  return proto;
}

}  // namespace sprint
