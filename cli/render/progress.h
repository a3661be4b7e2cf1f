// How far an experiment is, on one line: redrawn in place on a terminal, a plain line every few
// seconds elsewhere.
#ifndef SPRINT_CLI_RENDER_PROGRESS_H_
#define SPRINT_CLI_RENDER_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/render/color.h"

namespace sprint {

struct ProgressState {
  std::string label;  // the experiment's name, or what is being done
  int64_t done = 0;
  int64_t total = 0;
  double cells_per_second = 0;   // 0: not known
  double tokens_per_second = 0;  // 0: not known
  double eta_seconds = -1;       // negative: not known
  int64_t quarantined = 0;
  std::string state;  // shown unless it is "running"
  int workers = -1;   // negative: not shown
};

// "demo  [█████     ]  48 %  1,440/3,000  21.3 cells/s  812 tok/s  1 min 13 s left  2 quarantined", cut to
// `width` columns: the workers and the rates go first, then the bar. Width 0: a whole line, without a
// bar.
std::string ProgressLine(const ProgressState& state, const Style& style, int width);

struct ProgressOptions {
  bool redraw = false;  // a terminal: the line is redrawn in place
  int width = 0;
  Style style;
  absl::Duration line_interval = absl::Seconds(5);  // between two plain lines
};

// Writes through `write`. Not thread-safe; time is an argument.
class ProgressPrinter {
 public:
  ProgressPrinter(ProgressOptions options, std::function<void(absl::string_view)> write)
      : options_(options), write_(std::move(write)) {}

  void Update(const ProgressState& state, absl::Time now);
  // A full line above the bar (a note), which stays.
  void Note(absl::string_view line);
  // The last state, left standing. Nothing when no Update came.
  void Finish();
  // Removes a bar that is redrawn in place.
  void Clear();

 private:
  ProgressOptions options_;
  std::function<void(absl::string_view)> write_;
  std::string last_;        // the line as last computed
  std::string shown_;       // the line as last written
  bool on_screen_ = false;  // a line without its end stands on the terminal
  absl::Time next_line_ = absl::InfinitePast();
};

}  // namespace sprint

#endif  // SPRINT_CLI_RENDER_PROGRESS_H_
