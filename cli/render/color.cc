#include "cli/render/color.h"

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

absl::string_view Escape(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kStrong:
      return "\x1b[1m";
    case Tone::kDim:
      return "\x1b[2m";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kAccent:
      return "\x1b[36m";
  }
  return "";
}

}  // namespace

bool UseColor(ColorMode mode, const ColorEnvironment& environment) {
  if (mode == ColorMode::kAlways) return true;
  if (mode == ColorMode::kNever) return false;
  return environment.is_tty && environment.no_color.empty() && environment.term != "dumb";
}

std::string Style::Paint(Tone tone, absl::string_view text) const {
  const absl::string_view escape = Escape(tone);
  if (!enabled_ || escape.empty() || text.empty()) return std::string(text);
  return absl::StrCat(escape, text, "\x1b[0m");
}

}  // namespace sprint
