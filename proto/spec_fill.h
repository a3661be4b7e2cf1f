// From an untyped tree to a proto, by the proto's own description: a field added to a .proto is
// read with no code of its own.
#ifndef SPRINT_PROTO_SPEC_FILL_H_
#define SPRINT_PROTO_SPEC_FILL_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "proto/spec_value.h"

namespace sprint {

// Fills `message` from a map. A null leaves its field unset. Numbers are decimal ("1e3" is no
// integer, "010" is ambiguous), booleans are true and false, a text may be any scalar.
// INVALID_ARGUMENT (kSpecInvalid) as "FILE:LINE: …" for an unknown field, with the nearest known
// one, and for a value of another type or out of its range.
absl::Status FillMessage(const SpecValue& value, const std::string& file_name,
                         google::protobuf::Message& message);

// "unknown field "modle" in the spec; did you mean "model"?". `where` is the path of the enclosing
// field, empty for the spec itself.
std::string UnknownField(const google::protobuf::Descriptor& type, const std::string& name,
                         const std::string& where);

}  // namespace sprint

#endif  // SPRINT_PROTO_SPEC_FILL_H_
