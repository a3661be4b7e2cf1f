#include "cli/render/progress.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/text.h"

namespace sprint {
namespace {

constexpr int kWidestBar = 30;
constexpr int kNarrowestBar = 8;
constexpr int kBarFrame = 4;  // "  [" and "]"

// Parts of at most this importance make room for the bar.
constexpr int kBelowTheBar = 3;

struct Part {
  std::string text;
  Tone tone = Tone::kPlain;
  int importance = 0;  // the least important is dropped first where space is short
};

double Share(const ProgressState& state) {
  if (state.total <= 0) return 0;
  return std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
}

// Down to an eighth of a column: "███▍      ".
std::string Bar(double share, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<int>(std::floor(share * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  return bar + std::string(static_cast<size_t>(width - eighths / 8 - (eighths % 8 ? 1 : 0)), ' ');
}

std::vector<Part> Parts(const ProgressState& state) {
  std::vector<Part> parts;
  // Floored: 100 % is said only when nothing is missing.
  parts.push_back(
      {absl::StrFormat("%3d %%", static_cast<int>(std::floor(100 * Share(state)))), Tone::kStrong, 9});
  parts.push_back({absl::StrCat(FormatCount(state.done), "/", FormatCount(state.total)), Tone::kPlain, 8});
  if (!state.state.empty() && state.state != "running")
    parts.push_back({state.state, state.state == "finished" ? Tone::kGood : Tone::kWarning, 7});
  if (state.cells_per_second > 0) {
    parts.push_back({absl::StrCat(FormatRate(state.cells_per_second), " cells/s"), Tone::kPlain, 3});
  }
  if (state.tokens_per_second > 0) {
    parts.push_back({absl::StrCat(FormatRate(state.tokens_per_second), " tok/s"), Tone::kPlain, 2});
  }
  if (state.eta_seconds >= 0 && state.done < state.total) {
    parts.push_back({absl::StrCat(FormatSeconds(state.eta_seconds), " left"), Tone::kAccent, 5});
  }
  if (state.workers >= 0 && state.state != "finished") {
    parts.push_back(
        {Plural(state.workers, "worker", "workers"), state.workers == 0 ? Tone::kWarning : Tone::kDim, 1});
  }
  if (state.quarantined > 0) {
    parts.push_back({absl::StrCat(FormatCount(state.quarantined), " quarantined"), Tone::kBad, 6});
  }
  return parts;
}

int WidthOf(const std::vector<Part>& parts) {
  int width = 0;
  for (const Part& part : parts) width += 2 + DisplayWidth(part.text);
  return width;
}

}  // namespace

std::string ProgressLine(const ProgressState& state, const Style& style, int width) {
  std::vector<Part> parts = Parts(state);
  const std::string label = Printable(state.label);
  int bar = 0;  // a line that is not redrawn has none
  if (width > 0) {
    const auto room = [&] { return width - DisplayWidth(label) - WidthOf(parts); };
    const auto least = [&parts] {
      return std::min_element(parts.begin(), parts.end(),
                              [](const Part& a, const Part& b) { return a.importance < b.importance; });
    };
    // The bar is worth more than workers and rates, and less than all else.
    while (room() < kNarrowestBar + kBarFrame && least()->importance <= kBelowTheBar) parts.erase(least());
    bar = std::min(kWidestBar, room() - kBarFrame);
    if (bar < kNarrowestBar) bar = 0;
    while (room() < 0 && parts.size() > 1) parts.erase(least());
  }
  std::string line = style.Paint(Tone::kStrong, label);
  if (bar > 0) absl::StrAppend(&line, "  [", style.Paint(Tone::kGood, Bar(Share(state), bar)), "]");
  for (const Part& part : parts) absl::StrAppend(&line, "  ", style.Paint(part.tone, part.text));
  return line;
}

void ProgressPrinter::Update(const ProgressState& state, absl::Time now) {
  if (options_.redraw) {
    last_ = ProgressLine(state, options_.style, options_.width);
    if (on_screen_ && last_ == shown_) return;
    // Back to the line's start; what a longer line before left is erased.
    write_(absl::StrCat("\r", last_, "\x1b[K"));
    shown_ = last_;
    on_screen_ = true;
    return;
  }
  last_ = ProgressLine(state, options_.style, 0);
  if (now < next_line_ || last_ == shown_) return;
  write_(absl::StrCat(last_, "\n"));
  shown_ = last_;
  next_line_ = now + options_.line_interval;
}

void ProgressPrinter::Note(absl::string_view line) {
  Clear();
  write_(absl::StrCat(line, "\n"));
  if (options_.redraw && !last_.empty()) {
    write_(last_);
    shown_ = last_;
    on_screen_ = true;
  }
}

void ProgressPrinter::Finish() {
  if (on_screen_) {
    write_("\n");
  } else if (!last_.empty() && last_ != shown_) {
    write_(absl::StrCat(last_, "\n"));
  }
  shown_ = last_;
  on_screen_ = false;
}

void ProgressPrinter::Clear() {
  if (on_screen_) write_("\r\x1b[K");
  on_screen_ = false;
}

}  // namespace sprint
