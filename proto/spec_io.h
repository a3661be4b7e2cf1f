// Reads experiment specs: YAML, JSON and textproto, one set of rules behind all three.
#ifndef SPRINT_PROTO_SPEC_IO_H_
#define SPRINT_PROTO_SPEC_IO_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sprint/v1/experiment.pb.h"

namespace sprint {

// Picks the format by the file name's ending: .yaml, .yml, .json (read as YAML, which contains it),
// .textproto, .txtpb, .pbtxt. INVALID_ARGUMENT (kSpecInvalid) as "FILE:LINE: …" for a syntax error,
// an unknown field (with the nearest known one), a value of the wrong type or out of its range, a
// field given twice, several documents, hostile nesting. NOT_FOUND and the like: the file. A spec
// without a name gets the file's, without its ending.
absl::StatusOr<v1::ExperimentSpec> ReadSpec(const std::string& path);
absl::StatusOr<v1::ExperimentSpec> ParseSpec(absl::string_view text, const std::string& file_name);

// Fills the defaults in and checks what needs no file: required fields, ranges, what is refused for
// now (sampling). INVALID_ARGUMENT (kSpecInvalid) naming the field. A relative path is put behind
// `spec_folder` unless that is empty. Prompt formats and arm names are checked by model/, which
// knows them.
absl::Status CompleteSpec(v1::ExperimentSpec& spec, const std::string& spec_folder);

// The spec as YAML, for people and for the database: every field that is set, so all defaults that
// CompleteSpec filled in. ParseSpec reads it back to an equal spec.
std::string FormatSpec(const v1::ExperimentSpec& spec);

}  // namespace sprint

#endif  // SPRINT_PROTO_SPEC_IO_H_
