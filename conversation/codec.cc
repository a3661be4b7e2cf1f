#include "conversation/codec.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "conversation/codec_rules.h"

namespace sprint {
namespace {

// Protos to messages; codec_write.cc is the way there.
// Each reader names the field it refuses; its caller puts the path before it, on the way out.

absl::Status Bad(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", what));
}

// An id that must name something.
template <typename IdType>
absl::Status ReadId(int64_t value, absl::string_view field, IdType& id) {
  if (value <= 0) return Bad(field, absl::StrCat("is ", value, "; ids count from 1"));
  id = IdType(value);
  return absl::OkStatus();
}

// An id that may be 0: none.
template <typename IdType>
absl::Status ReadOptionalId(int64_t value, absl::string_view field, IdType& id) {
  if (value < 0) return Bad(field, absl::StrCat("is ", value, "; ids count from 1, and 0 is none"));
  id = IdType(value);
  return absl::OkStatus();
}

template <typename T>
absl::Status ReadCount(T value, absl::string_view field, T& count) {
  if (value < 0) return Bad(field, absl::StrCat("is ", value, "; it cannot be negative"));
  count = value;
  return absl::OkStatus();
}

template <typename Values>
absl::Status ReadCounts(const Values& values, absl::string_view field, std::vector<int32_t>& counts) {
  for (int i = 0; i < values.size(); ++i) {
    if (values[i] < 0)
      return Bad(absl::StrCat(field, "[", i, "]"), absl::StrCat("is ", values[i], "; it cannot be negative"));
  }
  counts.assign(values.begin(), values.end());
  return absl::OkStatus();
}

absl::Status ReadHash(const std::string& raw, absl::string_view field, Hash256& hash) {
  absl::StatusOr<Hash256> read = Hash256::FromRaw(raw);
  if (!read.ok()) return Bad(field, absl::StrCat("has ", raw.size(), " bytes; a hash has 32"));
  hash = *read;
  return absl::OkStatus();
}

absl::Status ReadRate(double value, absl::string_view field, double& rate) {
  if (!std::isfinite(value) || value < 0) return Bad(field, "is no rate");
  rate = value;
  return absl::OkStatus();
}

absl::Status Read(const v1::Cell& p, CellKey& cell) {
  SPRINT_RETURN_IF_ERROR(ReadId(p.run(), "run", cell.run));
  SPRINT_RETURN_IF_ERROR(ReadId(p.question(), "question", cell.question));
  SPRINT_RETURN_IF_ERROR(ReadId(p.arm(), "arm", cell.arm));
  return ReadCount(p.sample(), "sample", cell.sample);
}

absl::Status ReadRequired(bool present, const v1::Cell& p, CellKey& cell) {
  if (!present) return Bad("cell", "is missing");
  return Annotate(Read(p, cell), "cell");
}

absl::Status Read(const v1::HeldGrant& p, HeldGrant& held);
absl::Status Read(const v1::Outcome& p, Outcome& outcome);
absl::Status Read(const v1::GrantedArm& p, GrantedArm& arm);
absl::Status Read(const v1::HiddenState& p, HiddenState& hidden);

template <typename Protos, typename T>
absl::Status ReadList(const Protos& protos, absl::string_view field, std::vector<T>& list) {
  list.resize(protos.size());
  for (int i = 0; i < protos.size(); ++i) {
    const absl::Status status = Read(protos[i], list[i]);
    if (!status.ok()) return Annotate(status, absl::StrCat(field, "[", i, "]"));
  }
  return absl::OkStatus();
}

absl::Status Read(const v1::HeldGrant& p, HeldGrant& held) {
  SPRINT_RETURN_IF_ERROR(ReadId(p.lease(), "lease", held.lease));
  held.token = p.token();
  SPRINT_RETURN_IF_ERROR(ReadList(p.cells(), "cells", held.cells));
  return ReadList(p.missing(), "missing", held.missing);
}

absl::Status ReadFinish(int32_t value, FinishReason& finish) {
  switch (value) {
    case static_cast<int32_t>(FinishReason::kStop):
    case static_cast<int32_t>(FinishReason::kLength):
    case static_cast<int32_t>(FinishReason::kContext):
    case static_cast<int32_t>(FinishReason::kStopString):
    case static_cast<int32_t>(FinishReason::kLoop):
      finish = static_cast<FinishReason>(value);
      return absl::OkStatus();
    default:
      return Bad("finish", absl::StrCat("is ", value, "; no finish reason has this number"));
  }
}

absl::Status Read(const v1::Outcome& p, Outcome& outcome) {
  SPRINT_RETURN_IF_ERROR(ReadRequired(p.has_cell(), p.cell(), outcome.cell));
  SPRINT_RETURN_IF_ERROR(ReadOptionalId(p.lease(), "lease", outcome.lease));
  SPRINT_RETURN_IF_ERROR(ReadCounts(p.tokens(), "tokens", outcome.tokens));
  SPRINT_RETURN_IF_ERROR(ReadFinish(p.finish(), outcome.finish));
  if (std::isnan(p.logprob_sum())) return Bad("logprob_sum", "is not a number");
  if (!p.logprobs_hash().empty() && p.logprobs_hash().size() != 32) {
    return Bad("logprobs_hash", absl::StrCat("has ", p.logprobs_hash().size(), " bytes; a hash has 32"));
  }
  outcome.text = p.text();
  outcome.logprob_sum = p.logprob_sum();
  outcome.logprobs_hash = p.logprobs_hash();
  outcome.numerics = p.numerics();
  outcome.started = absl::FromUnixMicros(p.started_us());
  outcome.finished = absl::FromUnixMicros(p.finished_us());
  return ReadList(p.hidden(), "hidden", outcome.hidden);
}

absl::Status Read(const v1::HiddenState& p, HiddenState& hidden) {
  SPRINT_RETURN_IF_ERROR(ReadCount(p.layer(), "layer", hidden.layer));
  absl::StatusOr<std::vector<float>> values = FloatsFromBytes(p.values());
  if (!values.ok()) return Bad("values", values.status().message());
  for (const float value : *values) {
    if (!std::isfinite(value)) return Bad("values", "hold one that is not finite");
  }
  hidden.values = *std::move(values);
  return absl::OkStatus();
}

absl::Status Read(const v1::GrantedArm& p, GrantedArm& arm) {
  SPRINT_RETURN_IF_ERROR(ReadId(p.arm(), "arm", arm.arm));
  if (p.name().empty()) return Bad("name", "is missing");
  arm.name = p.name();
  return ReadCounts(p.samples(), "samples", arm.samples);
}

absl::Status Read(const v1::Hello& p, Hello& m) {
  m.protocol = p.protocol();
  m.instance = p.instance();
  m.name = p.name();
  m.software = p.software();
  m.auth_token = p.auth_token();
  // Of another version only what a refusal needs is read: the rest may mean something else there.
  if (m.protocol != kProtocolVersion) return absl::OkStatus();
  m.device = p.device();
  m.numerics = p.numerics();
  SPRINT_RETURN_IF_ERROR(ReadOptionalId(p.loaded_run(), "loaded_run", m.loaded_run));
  return ReadList(p.held(), "held", m.held);
}

absl::Status Read(const v1::Credit& p, Credit& m) {
  SPRINT_RETURN_IF_ERROR(ReadCount(p.cells(), "cells", m.cells));
  return ReadOptionalId(p.last_lease(), "last_lease", m.last_lease);
}

absl::Status Read(const v1::Heartbeat& p, Heartbeat& m) {
  m.leases.resize(p.leases_size());
  for (int i = 0; i < p.leases_size(); ++i) {
    SPRINT_RETURN_IF_ERROR(ReadId(p.leases(i), "leases", m.leases[i]));
  }
  SPRINT_RETURN_IF_ERROR(ReadRate(p.tokens_per_second(), "tokens_per_second", m.tokens_per_second));
  return ReadList(p.started(), "started", m.started);
}

absl::Status Read(const v1::Outcomes& p, Outcomes& m) {
  SPRINT_RETURN_IF_ERROR(ReadList(p.outcomes(), "outcomes", m.outcomes));
  return ReadList(p.grants(), "grants", m.grants);
}

absl::Status Read(const v1::CellFailed& p, CellFailed& m) {
  SPRINT_RETURN_IF_ERROR(ReadRequired(p.has_cell(), p.cell(), m.cell));
  m.error = p.error();
  return ReadOptionalId(p.lease(), "lease", m.lease);
}

absl::Status Read(const v1::RunReady& p, RunReady& m) {
  m.numerics = p.numerics();
  return ReadId(p.run(), "run", m.run);
}

absl::Status Read(const v1::RunRefused& p, RunRefused& m) {
  m.reason = ReasonFromName(p.reason());
  m.message = p.message();
  return ReadId(p.run(), "run", m.run);
}

absl::Status Read(const v1::Goodbye&, Goodbye&) { return absl::OkStatus(); }

absl::Status Read(const v1::Welcome& p, Welcome& m) {
  m.protocol = p.protocol();
  if (m.protocol != kProtocolVersion) return absl::OkStatus();  // as for Hello
  int64_t lease_ms = 0;
  int64_t heartbeat_ms = 0;
  SPRINT_RETURN_IF_ERROR(ReadId(p.worker_id(), "worker_id", m.worker));
  SPRINT_RETURN_IF_ERROR(ReadCount(p.epoch(), "epoch", m.epoch));
  SPRINT_RETURN_IF_ERROR(ReadCount(p.lease_ms(), "lease_ms", lease_ms));
  SPRINT_RETURN_IF_ERROR(ReadCount(p.heartbeat_ms(), "heartbeat_ms", heartbeat_ms));
  m.lease = absl::Milliseconds(lease_ms);
  m.heartbeat = absl::Milliseconds(heartbeat_ms);
  return absl::OkStatus();
}

absl::Status Read(const v1::Refused& p, Refused& m) {
  m.reason = ReasonFromName(p.reason());
  m.message = p.message();
  m.permanent = p.permanent();
  return absl::OkStatus();
}

absl::Status Read(const v1::RunDescription& p, RunDescription& m) {
  SPRINT_RETURN_IF_ERROR(ReadId(p.run(), "run", m.run));
  SPRINT_RETURN_IF_ERROR(ReadHash(p.weights_hash(), "weights_hash", m.weights_hash));
  SPRINT_RETURN_IF_ERROR(ReadHash(p.tokenizer_hash(), "tokenizer_hash", m.tokenizer_hash));
  SPRINT_RETURN_IF_ERROR(ReadCount(p.max_new_tokens(), "max_new_tokens", m.decoding.max_new_tokens));
  SPRINT_RETURN_IF_ERROR(ReadCounts(p.stop_tokens(), "stop_tokens", m.decoding.stop_tokens));
  if (p.has_rules()) SPRINT_RETURN_IF_ERROR(Annotate(ReadRules(p.rules(), m.decoding), "rules"));
  m.model_name = p.model_name();
  m.model_path = p.model_path();
  m.dtype = p.dtype();
  m.engine_mode = p.engine_mode();
  m.seed = p.seed();
  return absl::OkStatus();
}

absl::Status Read(const v1::Grant& p, Grant& m) {
  SPRINT_RETURN_IF_ERROR(ReadId(p.lease(), "lease", m.lease));
  SPRINT_RETURN_IF_ERROR(ReadId(p.run(), "run", m.run));
  SPRINT_RETURN_IF_ERROR(ReadId(p.question(), "question", m.question));
  SPRINT_RETURN_IF_ERROR(ReadCounts(p.prompt(), "prompt", m.prompt));
  m.token = p.token();
  SPRINT_RETURN_IF_ERROR(ReadCounts(p.hidden_layers(), "hidden_layers", m.hidden_layers));
  return ReadList(p.arms(), "arms", m.arms);
}

absl::Status Read(const v1::Ack& p, Ack& m) { return ReadList(p.cells(), "cells", m.cells); }
absl::Status Read(const v1::Revoke& p, Revoke& m) { return ReadList(p.cells(), "cells", m.cells); }
absl::Status Read(const v1::Drain&, Drain&) { return absl::OkStatus(); }

// Reads `p` into the alternative T of Message; `kind` is the field's name.
template <typename Message, typename T, typename Proto>
absl::StatusOr<Message> ReadAs(const Proto& p, absl::string_view kind) {
  T message;
  const absl::Status status = Read(p, message);
  if (!status.ok()) return Annotate(status, kind);
  return Message(std::move(message));
}

}  // namespace

absl::StatusOr<WorkerMessage> FromProto(const v1::WorkerMessage& proto) {
  switch (proto.kind_case()) {
    case v1::WorkerMessage::kHello:
      return ReadAs<WorkerMessage, Hello>(proto.hello(), "hello");
    case v1::WorkerMessage::kCredit:
      return ReadAs<WorkerMessage, Credit>(proto.credit(), "credit");
    case v1::WorkerMessage::kHeartbeat:
      return ReadAs<WorkerMessage, Heartbeat>(proto.heartbeat(), "heartbeat");
    case v1::WorkerMessage::kOutcomes:
      return ReadAs<WorkerMessage, Outcomes>(proto.outcomes(), "outcomes");
    case v1::WorkerMessage::kCellFailed:
      return ReadAs<WorkerMessage, CellFailed>(proto.cell_failed(), "cell_failed");
    case v1::WorkerMessage::kRunReady:
      return ReadAs<WorkerMessage, RunReady>(proto.run_ready(), "run_ready");
    case v1::WorkerMessage::kRunRefused:
      return ReadAs<WorkerMessage, RunRefused>(proto.run_refused(), "run_refused");
    case v1::WorkerMessage::kGoodbye:
      return ReadAs<WorkerMessage, Goodbye>(proto.goodbye(), "goodbye");
    case v1::WorkerMessage::KIND_NOT_SET:
      break;
  }
  return Bad("kind", "is missing or unknown: the worker's message says nothing that this version knows");
}

absl::StatusOr<CoordinatorMessage> FromProto(const v1::CoordinatorMessage& proto) {
  switch (proto.kind_case()) {
    case v1::CoordinatorMessage::kWelcome:
      return ReadAs<CoordinatorMessage, Welcome>(proto.welcome(), "welcome");
    case v1::CoordinatorMessage::kRefused:
      return ReadAs<CoordinatorMessage, Refused>(proto.refused(), "refused");
    case v1::CoordinatorMessage::kRun:
      return ReadAs<CoordinatorMessage, RunDescription>(proto.run(), "run");
    case v1::CoordinatorMessage::kGrant:
      return ReadAs<CoordinatorMessage, Grant>(proto.grant(), "grant");
    case v1::CoordinatorMessage::kAck:
      return ReadAs<CoordinatorMessage, Ack>(proto.ack(), "ack");
    case v1::CoordinatorMessage::kRevoke:
      return ReadAs<CoordinatorMessage, Revoke>(proto.revoke(), "revoke");
    case v1::CoordinatorMessage::kDrain:
      return ReadAs<CoordinatorMessage, Drain>(proto.drain(), "drain");
    case v1::CoordinatorMessage::KIND_NOT_SET:
      break;
  }
  return Bad("kind", "is missing or unknown: the coordinator's message says nothing that this version knows");
}

}  // namespace sprint
