// One flat JSON object as its fields in the order written: how datasets and rows to be judged are read.
#ifndef SPRINT_EVAL_JSON_ROW_H_
#define SPRINT_EVAL_JSON_ROW_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

struct JsonField {
  enum class Kind { kNull, kText, kNumber, kBool, kNested };
  Kind kind = Kind::kNull;
  std::string text;  // a number keeps the digits it was written with; empty for kNull and kNested
  bool is_scalar() const { return kind != Kind::kNull && kind != Kind::kNested; }
};

struct JsonRow {
  std::vector<std::pair<std::string, JsonField>> fields;

  const JsonField* Find(const std::string& name) const;  // null when there is none
  std::string Names() const;                             // "id, question", or "none"
};

// What is nested is passed over and costs no memory. INVALID_ARGUMENT without a place: not JSON (naming
// the column), not an object, a field given twice.
absl::StatusOr<JsonRow> ParseJsonRow(absl::string_view text);

// The objects of a document that is a list of objects, an object with one list of objects among its fields
// ({"data": […]}), or one object. `row` gets each with its number from 1; an error of its ends the walk.
// INVALID_ARGUMENT: not JSON (naming line and column), no objects, a field given twice (naming the row).
absl::Status ForEachJsonRow(absl::string_view document,
                            const std::function<absl::Status(const JsonRow& row, int64_t number)>& row);

}  // namespace sprint

#endif  // SPRINT_EVAL_JSON_ROW_H_
