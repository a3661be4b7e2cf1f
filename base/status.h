// Errors of the house: absl::Status with a machine-readable reason beside the message.
//
// A message is one line that names what is wrong, where, and what to do. Code that must tell one
// error from another reads the reason, never the message. Asserts are for our own bugs; bad input
// of any kind (file, spec, peer, flag) is a Status.
#ifndef SPRINT_BASE_STATUS_H_
#define SPRINT_BASE_STATUS_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

// The machine-readable reasons. They travel over gRPC by name and are frozen once released.
enum class Reason {
  kUnspecified,
  kSpecInvalid,           // an experiment spec that does not parse or validate
  kModelUnsupported,      // a model whose architecture or file type is not known
  kModelDamaged,          // a model file that is missing, cut off, or holds unusable values
  kModelMismatch,         // a model whose fingerprint is not the run's
  kModelSelfTestFailed,   // the mask's start-up self-test failed
  kTokenizerUnsupported,  // a tokenizer of a kind that is not known
  kTokenizerDamaged,
  kDatasetInvalid,
  kPromptTooLong,    // prompt and answer do not fit the context
  kArmInvalid,       // a layer, head or operation that does not exist
  kOutOfMemory,      // the engine's memory limit cannot hold what is asked
  kProtocolVersion,  // a peer that speaks another protocol version
  kDatabaseNewer,    // a database of a newer schema
  kDatabaseForeign,  // a file that is not a sprint database
  kDatabaseCorrupt,
  kDatabaseFull,  // the disk is full
  kDatabaseReadOnly,
  kDatabaseNetworkFs,  // WAL is not safe on a network file system
  kDatabaseOwned,      // another live process owns the database
  kDatabaseFenced,     // this process lost its ownership (epoch) and must not write
  kAddressInUse,
  kExperimentUnknown,
  kNotReachable,  // no coordinator answers
};

// The reason's name, e.g. "DATABASE_NEWER". Stable.
absl::string_view ReasonName(Reason reason);
Reason ReasonFromName(absl::string_view name);

// A Status of `code` with `reason` attached. The message is one line.
absl::Status Error(absl::StatusCode code, Reason reason, absl::string_view message);

// The reason attached to `status`, kUnspecified when there is none.
Reason ReasonOf(const absl::Status& status);

// `status` with "`context`: " put before its message; code and reason are kept. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace sprint

#define SPRINT_RETURN_IF_ERROR(expr)                 \
  do {                                               \
    ::absl::Status sprint_status_ = (expr);          \
    if (!sprint_status_.ok()) return sprint_status_; \
  } while (false)

#define SPRINT_CONCAT_INNER_(a, b) a##b
#define SPRINT_CONCAT_(a, b) SPRINT_CONCAT_INNER_(a, b)
// SPRINT_ASSIGN_OR_RETURN(lhs, expr): expr is a StatusOr; assigns its value or returns its status.
#define SPRINT_ASSIGN_OR_RETURN(lhs, expr) \
  SPRINT_ASSIGN_OR_RETURN_(SPRINT_CONCAT_(sprint_statusor_, __LINE__), lhs, expr)
#define SPRINT_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = *std::move(tmp)

#endif  // SPRINT_BASE_STATUS_H_
