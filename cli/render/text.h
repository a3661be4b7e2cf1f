// Text as a terminal shows it: columns instead of bytes, nothing that moves the cursor; and numbers
// as people read them.
#ifndef SPRINT_CLI_RENDER_TEXT_H_
#define SPRINT_CLI_RENDER_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace sprint {

enum class Align { kLeft, kRight };

// Columns that `text` takes: 2 for wide characters, 0 for combining ones, 1 for a byte that is not
// UTF-8. REQUIRES: no escape sequences (see Printable).
int DisplayWidth(absl::string_view text);
// `text` on one line: line breaks and tabs as \n and \t, other control characters as \xNN.
std::string Printable(absl::string_view text);
// The longest beginning of at most `width` columns; "…" ends it when something was cut.
std::string Truncate(absl::string_view text, int width);
// `text` filled up with spaces to `width` columns.
std::string Pad(absl::string_view text, int width, Align align);
// Lines of at most `width` columns, broken at spaces where there are any, and at line breaks.
std::vector<std::string> Wrap(absl::string_view text, int width);

std::string FormatCount(int64_t count);     // "12,345"
std::string FormatBytes(int64_t bytes);     // "830 B", "1.2 GiB"
std::string FormatSeconds(double seconds);  // "0.4 s", "12 s", "3 min 12 s", "1 h 04 min", "2 d 3 h"
std::string FormatPercent(double share);    // "64.2 %" of 0.642
std::string FormatRate(double per_second);  // "0.31", "8.5", "1,240"
std::string Plural(int64_t count, absl::string_view one, absl::string_view many);  // "1 cell", "2 cells"

// The candidate nearest to `word` by edit distance, when near enough to be a slip; else "".
std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace sprint

#endif  // SPRINT_CLI_RENDER_TEXT_H_
