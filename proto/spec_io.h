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
// an unknown field (with the nearest known one), a value of the wrong type, a field given twice.
absl::StatusOr<v1::ExperimentSpec> ReadSpec(const std::string& path);
absl::StatusOr<v1::ExperimentSpec> ParseSpec(absl::string_view text, const std::string& file_name);

// Fills the defaults in and checks what needs no file: required fields, ranges, what is refused for
// now (sampling). Relative paths become relative to `spec_folder`.
absl::Status CompleteSpec(v1::ExperimentSpec& spec, const std::string& spec_folder);

// The spec as YAML, defaults included, for people and for the database.
std::string FormatSpec(const v1::ExperimentSpec& spec);

}  // namespace sprint

#endif  // SPRINT_PROTO_SPEC_IO_H_
