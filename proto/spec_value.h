// The untyped tree of a YAML or JSON spec: what stands between the text and the proto.
//
// Goals: every value keeps its line; hostile text (deep nesting, aliases that multiply, several
// documents) ends in an error. Non-goal: meaning; spec_fill.h gives it that.
#ifndef SPRINT_PROTO_SPEC_VALUE_H_
#define SPRINT_PROTO_SPEC_VALUE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

struct SpecField;

struct SpecValue {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 1;                   // from 1
  std::string scalar;             // kScalar: its text
  bool quoted = false;            // kScalar: written in quotes or as a block, so it is text and nothing else
  std::vector<SpecValue> items;   // kList
  std::vector<SpecField> fields;  // kMap, in the order written, names unique
};

struct SpecField {
  std::string name;
  int line = 1;
  SpecValue value;
};

inline constexpr int kMaxSpecDepth = 32;
inline constexpr size_t kMaxSpecValues = 1'000'000;  // aliases expanded
inline constexpr size_t kMaxSpecBytes = size_t{64} << 20;

// Parses one document; JSON is YAML but for its surrogate pairs, which are read too. Linear in the
// text. INVALID_ARGUMENT (kSpecInvalid) as "FILE:LINE: …" for a syntax error, no or several
// documents, a name given twice, a tag, nesting or size beyond the limits above.
absl::StatusOr<SpecValue> ParseSpecValue(absl::string_view text, const std::string& file_name);

// The error of a line of a spec: kSpecInvalid, "FILE:LINE: message".
absl::Status SpecError(const std::string& file_name, int line, absl::string_view message);

}  // namespace sprint

#endif  // SPRINT_PROTO_SPEC_VALUE_H_
