// Where a command writes: its result to stdout, what goes on meanwhile to stderr.
#ifndef SPRINT_CLI_TERMINAL_H_
#define SPRINT_CLI_TERMINAL_H_

#include "absl/strings/string_view.h"
#include "cli/render/color.h"

namespace sprint {

// What is known of a stream. Immutable value.
struct TerminalStream {
  int fd = 1;
  bool tty = false;
  int width = 0;  // columns; 0: not a terminal, nothing is cut
  Style style;

  // Writes all of `text`; an error (a closed pipe) is ignored, as there is nobody to tell.
  void Write(absl::string_view text) const;
};

struct Terminal {
  TerminalStream out;
  TerminalStream err;
};

// "reading the weights  12 %" on a terminal's standard error, and nothing elsewhere. Gone at the end of the
// scope.
class WeightsProgress {
 public:
  explicit WeightsProgress(const Terminal& terminal) : stream_(terminal.err) {}
  ~WeightsProgress();
  WeightsProgress(const WeightsProgress&) = delete;
  WeightsProgress& operator=(const WeightsProgress&) = delete;
  void Show(double share);

 private:
  const TerminalStream& stream_;
  int shown_ = -1;  // percent
};

// The process's own streams. $COLUMNS, when it is a number, is believed over the terminal.
Terminal OpenTerminal(ColorMode mode);

}  // namespace sprint

#endif  // SPRINT_CLI_TERMINAL_H_
