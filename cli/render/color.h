// Colour for people: on where a terminal reads it, off everywhere else.
#ifndef SPRINT_CLI_RENDER_COLOR_H_
#define SPRINT_CLI_RENDER_COLOR_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

enum class ColorMode { kAuto, kAlways, kNever };

// What the decision depends on, so that it is made without a look at the process.
struct ColorEnvironment {
  bool is_tty = false;
  absl::string_view no_color;  // $NO_COLOR: any text but the empty one turns colour off
  absl::string_view term;      // $TERM: "dumb" turns it off
};
bool UseColor(ColorMode mode, const ColorEnvironment& environment);

// The meaning of a piece of text; a Style turns it into an escape sequence.
enum class Tone { kPlain, kStrong, kDim, kGood, kBad, kWarning, kAccent };

// Immutable value.
class Style {
 public:
  explicit Style(bool enabled = false) : enabled_(enabled) {}
  bool enabled() const { return enabled_; }
  // `text` in the tone's colour, or as it is when colour is off. Takes no columns on the screen.
  std::string Paint(Tone tone, absl::string_view text) const;

 private:
  bool enabled_;
};

}  // namespace sprint

#endif  // SPRINT_CLI_RENDER_COLOR_H_
