#include "base/status.h"

#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

constexpr absl::string_view kPayloadUrl = "sprint/reason";

struct NamedReason {
  Reason reason;
  absl::string_view name;
};

constexpr std::array kNames = {
    NamedReason{Reason::kUnspecified, "UNSPECIFIED"},
    NamedReason{Reason::kSpecInvalid, "SPEC_INVALID"},
    NamedReason{Reason::kModelUnsupported, "MODEL_UNSUPPORTED"},
    NamedReason{Reason::kModelDamaged, "MODEL_DAMAGED"},
    NamedReason{Reason::kModelMismatch, "MODEL_MISMATCH"},
    NamedReason{Reason::kModelSelfTestFailed, "MODEL_SELF_TEST_FAILED"},
    NamedReason{Reason::kTokenizerUnsupported, "TOKENIZER_UNSUPPORTED"},
    NamedReason{Reason::kTokenizerDamaged, "TOKENIZER_DAMAGED"},
    NamedReason{Reason::kDatasetInvalid, "DATASET_INVALID"},
    NamedReason{Reason::kPromptTooLong, "PROMPT_TOO_LONG"},
    NamedReason{Reason::kArmInvalid, "ARM_INVALID"},
    NamedReason{Reason::kOutOfMemory, "OUT_OF_MEMORY"},
    NamedReason{Reason::kProtocolVersion, "PROTOCOL_VERSION"},
    NamedReason{Reason::kDatabaseNewer, "DATABASE_NEWER"},
    NamedReason{Reason::kDatabaseForeign, "DATABASE_FOREIGN"},
    NamedReason{Reason::kDatabaseCorrupt, "DATABASE_CORRUPT"},
    NamedReason{Reason::kDatabaseFull, "DATABASE_FULL"},
    NamedReason{Reason::kDatabaseReadOnly, "DATABASE_READ_ONLY"},
    NamedReason{Reason::kDatabaseNetworkFs, "DATABASE_NETWORK_FS"},
    NamedReason{Reason::kDatabaseOwned, "DATABASE_OWNED"},
    NamedReason{Reason::kDatabaseFenced, "DATABASE_FENCED"},
    NamedReason{Reason::kAddressInUse, "ADDRESS_IN_USE"},
    NamedReason{Reason::kExperimentUnknown, "EXPERIMENT_UNKNOWN"},
    NamedReason{Reason::kNotReachable, "NOT_REACHABLE"},
};

}  // namespace

absl::string_view ReasonName(Reason reason) {
  for (const NamedReason& named : kNames) {
    if (named.reason == reason) return named.name;
  }
  return "UNSPECIFIED";
}

Reason ReasonFromName(absl::string_view name) {
  for (const NamedReason& named : kNames) {
    if (named.name == name) return named.reason;
  }
  return Reason::kUnspecified;
}

absl::Status Error(absl::StatusCode code, Reason reason, absl::string_view message) {
  absl::Status status(code, message);
  if (!status.ok()) status.SetPayload(kPayloadUrl, absl::Cord(ReasonName(reason)));
  return status;
}

Reason ReasonOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  return payload.has_value() ? ReasonFromName(std::string(*payload)) : Reason::kUnspecified;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&annotated](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

}  // namespace sprint
