// The conversation between the coordinator and a worker as plain values.
//
// proto/sprint/v1/worker.proto documents the conversation itself (who speaks first, what renews a
// lease, what is replayed); these structs are its messages as the two pure state machines, the
// coordinator's core and the worker's agent, see them. codec.h turns them into protos and back, at
// the edges only. Non-goal: any logic.
#ifndef SPRINT_CONVERSATION_MESSAGES_H_
#define SPRINT_CONVERSATION_MESSAGES_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/status.h"
#include "model/decoding.h"
#include "model/hidden_state.h"

namespace sprint {

// The version of the conversation. Raised when either side would misunderstand the other.
inline constexpr int kProtocolVersion = 4;

// What a run is, as a worker needs to know it.
struct RunDescription {
  RunId run;
  std::string model_name;
  std::string model_path;
  Hash256 weights_hash;
  Hash256 tokenizer_hash;
  std::string dtype;        // "f32", "bf16"
  std::string engine_mode;  // model/engine_mode.h
  Decoding decoding;
  uint64_t seed = 0;
  friend bool operator==(const RunDescription&, const RunDescription&) = default;
};

struct GrantedArm {
  ArmId arm;
  std::string name;  // canonical; says what to prune
  std::vector<int32_t> samples;
  friend bool operator==(const GrantedArm&, const GrantedArm&) = default;
};

// Work: one question of one run under a list of arms, for as long as the lease is renewed.
struct Grant {
  LeaseId lease;
  std::string token;  // MAC of the coordinator over (worker, epoch, lease, cells); opaque to the worker
  RunId run;
  QuestionId question;
  std::vector<int32_t> prompt;
  std::vector<GrantedArm> arms;
  // Layers whose hidden states the outcome of the unpruned arm's sample 0 brings along.
  std::vector<int32_t> hidden_layers = {};
  // The cells in the order of `arms` and their samples: what the token signs.
  std::vector<CellKey> Cells() const;
  friend bool operator==(const Grant&, const Grant&) = default;
};

struct HeldGrant {
  LeaseId lease;
  std::string token;
  std::vector<CellKey> cells;    // all that the grant named
  std::vector<CellKey> missing;  // neither finished nor acknowledged
  friend bool operator==(const HeldGrant&, const HeldGrant&) = default;
};

// What one cell came to.
struct Outcome {
  CellKey cell;
  LeaseId lease;
  std::vector<int32_t> tokens;  // generated ids, the stop token included
  std::string text;             // decoded, special tokens skipped
  FinishReason finish = FinishReason::kStop;
  double logprob_sum = 0;
  std::string logprobs_hash;  // SHA-256 over the f32 log-probabilities: 32 bytes, may be empty
  std::string numerics;       // the class it was computed in
  absl::Time started;
  absl::Time finished;
  std::vector<HiddenState> hidden;  // of the prompt's last token, where they were asked for
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// ---- Worker to coordinator ----
struct Hello {
  int protocol = kProtocolVersion;
  std::string instance;
  std::string name;
  std::string software;
  std::string device;
  std::vector<HeldGrant> held;
  RunId loaded_run;
  std::string numerics;
  std::string auth_token;
  friend bool operator==(const Hello&, const Hello&) = default;
};
struct Credit {
  int32_t cells = 0;
  LeaseId last_lease;
  friend bool operator==(const Credit&, const Credit&) = default;
};
struct Heartbeat {
  std::vector<LeaseId> leases;
  std::vector<CellKey> started;
  double tokens_per_second = 0;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
struct Outcomes {
  std::vector<Outcome> outcomes;
  std::vector<HeldGrant> grants;  // of these outcomes; `missing` is left empty
  friend bool operator==(const Outcomes&, const Outcomes&) = default;
};
struct CellFailed {
  CellKey cell;
  LeaseId lease;
  std::string error;
  friend bool operator==(const CellFailed&, const CellFailed&) = default;
};
struct RunReady {
  RunId run;
  std::string numerics;
  friend bool operator==(const RunReady&, const RunReady&) = default;
};
struct RunRefused {
  RunId run;
  Reason reason = Reason::kUnspecified;
  std::string message;
  friend bool operator==(const RunRefused&, const RunRefused&) = default;
};
struct Goodbye {
  friend bool operator==(const Goodbye&, const Goodbye&) = default;
};
using WorkerMessage =
    std::variant<Hello, Credit, Heartbeat, Outcomes, CellFailed, RunReady, RunRefused, Goodbye>;

// ---- Coordinator to worker ----
struct Welcome {
  int protocol = kProtocolVersion;
  WorkerId worker;
  int64_t epoch = 0;
  absl::Duration lease;
  absl::Duration heartbeat;
  friend bool operator==(const Welcome&, const Welcome&) = default;
};
struct Refused {
  Reason reason = Reason::kUnspecified;
  std::string message;
  bool permanent = false;
  friend bool operator==(const Refused&, const Refused&) = default;
};
struct Ack {
  std::vector<CellKey> cells;
  friend bool operator==(const Ack&, const Ack&) = default;
};
struct Revoke {
  std::vector<CellKey> cells;
  friend bool operator==(const Revoke&, const Revoke&) = default;
};
struct Drain {
  friend bool operator==(const Drain&, const Drain&) = default;
};
using CoordinatorMessage = std::variant<Welcome, Refused, RunDescription, Grant, Ack, Revoke, Drain>;

}  // namespace sprint

#endif  // SPRINT_CONVERSATION_MESSAGES_H_
