#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

absl::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? absl::string_view() : absl::string_view(value);
}

int WidthOf(int fd) {
  int columns = 0;
  if (absl::SimpleAtoi(Environment("COLUMNS"), &columns) && columns > 0) return columns;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

TerminalStream OpenStream(int fd, ColorMode mode) {
  TerminalStream stream;
  stream.fd = fd;
  stream.tty = isatty(fd) == 1;
  stream.width = stream.tty ? WidthOf(fd) : 0;
  stream.style = Style(UseColor(mode, {stream.tty, Environment("NO_COLOR"), Environment("TERM")}));
  return stream;
}

}  // namespace

void TerminalStream::Write(absl::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

Terminal OpenTerminal(ColorMode mode) {
  return {OpenStream(STDOUT_FILENO, mode), OpenStream(STDERR_FILENO, mode)};
}

WeightsProgress::~WeightsProgress() {
  if (shown_ >= 0) stream_.Write("\r\x1b[K");
}

void WeightsProgress::Show(double share) {
  const int percent = static_cast<int>(100 * share);
  if (!stream_.tty || percent == shown_) return;
  shown_ = percent;
  stream_.Write(absl::StrCat("\rreading the weights  ", percent, " %\x1b[K"));
}

}  // namespace sprint
