#include "cli/render/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sprint {
namespace {

struct Glyph {
  size_t bytes = 1;
  int columns = 1;
};

// The character at the front of a text that is not empty.
Glyph FirstGlyph(absl::string_view text) {
  utf8proc_int32_t codepoint = 0;
  const utf8proc_ssize_t bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                  static_cast<utf8proc_ssize_t>(text.size()), &codepoint);
  if (bytes <= 0) return {};
  return {static_cast<size_t>(bytes), utf8proc_charwidth(codepoint)};
}

// How many bytes of `text` fit into `width` columns.
size_t BytesThatFit(absl::string_view text, int width) {
  size_t used = 0;
  int columns = 0;
  while (used < text.size()) {
    const Glyph glyph = FirstGlyph(text.substr(used));
    if (columns + glyph.columns > width) break;
    columns += glyph.columns;
    used += glyph.bytes;
  }
  return used;
}

void WrapLine(absl::string_view line, int width, std::vector<std::string>& out) {
  while (true) {
    size_t end = BytesThatFit(line, width);
    if (end == line.size()) break;
    // A line that starts with a character wider than the whole line still has to shrink.
    if (end == 0) end = FirstGlyph(line).bytes;
    const size_t space = line.substr(0, end + 1).rfind(' ');
    const bool at_space = space != absl::string_view::npos && space > 0;
    out.emplace_back(line.substr(0, at_space ? space : end));
    line.remove_prefix(at_space ? space + 1 : end);
    if (line.empty()) return;
  }
  out.emplace_back(line);
}

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

int DisplayWidth(absl::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const Glyph glyph = FirstGlyph(text);
    columns += glyph.columns;
    text.remove_prefix(glyph.bytes);
  }
  return columns;
}

std::string Printable(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&out, "\\x%02x", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string Truncate(absl::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width <= 0) return "";
  return absl::StrCat(text.substr(0, BytesThatFit(text, width - 1)), "…");
}

std::string Pad(absl::string_view text, int width, Align align) {
  const std::string space(static_cast<size_t>(std::max(0, width - DisplayWidth(text))), ' ');
  return align == Align::kLeft ? absl::StrCat(text, space) : absl::StrCat(space, text);
}

std::vector<std::string> Wrap(absl::string_view text, int width) {
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    WrapLine(text.substr(0, end), std::max(1, width), lines);
    if (end == absl::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string FormatCount(int64_t count) {
  std::string digits = absl::StrCat(count < 0 ? -count : count);
  for (int place = static_cast<int>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<size_t>(place), 1, ',');
  }
  return count < 0 ? absl::StrCat("-", digits) : digits;
}

std::string FormatBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", value < 10 ? 1 : 0, value, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (!(seconds >= 0) || seconds > 1e12) return "unknown";
  if (seconds < 9.95) return absl::StrFormat("%.1f s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3600) return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  if (whole < 86400) return absl::StrFormat("%d h %02d min", whole / 3600, whole / 60 % 60);
  return absl::StrFormat("%s d %d h", FormatCount(whole / 86400), whole / 3600 % 24);
}

std::string FormatPercent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string FormatRate(double per_second) {
  if (per_second < 1) return absl::StrFormat("%.2f", per_second);
  if (per_second < 100) return absl::StrFormat("%.1f", per_second);
  return FormatCount(static_cast<int64_t>(std::llround(per_second)));
}

std::string Plural(int64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(FormatCount(count), " ", count == 1 ? one : many);
}

std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 1 + static_cast<int>(word.size()) / 3;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sprint
