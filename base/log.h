// Logging: one line an event, `level time program: message key=value …`, to stderr or a file.
// SPRINT_LOG(kInfo) << "loaded " << path; spdlog writes it. Thread-safe.
#ifndef SPRINT_BASE_LOG_H_
#define SPRINT_BASE_LOG_H_

#include <sstream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

struct LogOptions {
  std::string program;  // shown in every line
  LogLevel level = LogLevel::kInfo;
  std::string file;  // appended to; empty: stderr
};

// Sets the process's log up. Called once, by main, before threads start; without it, warnings and
// errors go to stderr. UNAVAILABLE when the file cannot be opened.
absl::Status InitLog(const LogOptions& options);
// "debug", "info", "warning", "error", "off"; INVALID_ARGUMENT otherwise.
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name);
bool LogEnabled(LogLevel level);
void WriteLog(LogLevel level, absl::string_view message);
void FlushLog();

// Collects one line and writes it when it goes out of scope.
class LogLine {
 public:
  explicit LogLine(LogLevel level) : level_(level) {}
  ~LogLine() { WriteLog(level_, stream_.str()); }
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;
  std::ostream& stream() { return stream_; }

 private:
  LogLevel level_;
  std::ostringstream stream_;
};

}  // namespace sprint

#define SPRINT_LOG(level)                                 \
  if (!::sprint::LogEnabled(::sprint::LogLevel::level)) { \
  } else                                                  \
    ::sprint::LogLine(::sprint::LogLevel::level).stream()

#endif  // SPRINT_BASE_LOG_H_
