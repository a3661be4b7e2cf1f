// JSON as the model files hold it, read without exceptions. Internal to this room.
#ifndef SPRINT_MODEL_JSON_H_
#define SPRINT_MODEL_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace sprint {

using Json = nlohmann::json;

// INVALID_ARGUMENT with `reason` when `text` is not JSON; the message names `what`, and the line and
// column where reading stopped.
absl::StatusOr<Json> ParseJson(absl::string_view text, absl::string_view what, Reason reason);

// The member `key` of an object; null when `object` is no object or lacks it, or it is JSON's null.
const Json* FindMember(const Json& object, absl::string_view key);

// A short spelling of a value for messages: at most 60 bytes.
std::string ShowJson(const Json& value);

// Views into `value`. REQUIRES: value.is_string().
inline absl::string_view StringOf(const Json& value) { return value.get_ref<const std::string&>(); }

// The integer a number holds, when it is one and fits.
std::optional<int64_t> IntegerOf(const Json& value);

}  // namespace sprint

#endif  // SPRINT_MODEL_JSON_H_
