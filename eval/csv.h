// CSV as RFC 4180 has it: a header, commas, fields in quotes that may hold commas, line breaks and "".
#ifndef SPRINT_EVAL_CSV_H_
#define SPRINT_EVAL_CSV_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace sprint {

// `row` gets each record with as many fields as the first has, and the line it begins on; the header is
// record one. Empty lines are passed over; lines end with LF or CRLF. An error of `row` ends the walk.
// INVALID_ARGUMENT as "LINE: …": a quote that is not closed or stands inside a bare field, a record with
// more or fewer fields than the first.
absl::Status ForEachCsvRecord(
    absl::string_view text,
    const std::function<absl::Status(const std::vector<std::string>& fields, int64_t line)>& row);

}  // namespace sprint

#endif  // SPRINT_EVAL_CSV_H_
