#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

spdlog::level::level_enum Spd(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

std::shared_ptr<spdlog::logger> MakeDefault() {
  auto logger = std::make_shared<spdlog::logger>("sprint", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::warn);
  logger->set_pattern("%l: %v");
  return logger;
}

std::shared_ptr<spdlog::logger>& Logger() {
  static std::shared_ptr<spdlog::logger> logger = MakeDefault();
  return logger;
}

}  // namespace

absl::Status InitLog(const LogOptions& options) {
  spdlog::sink_ptr sink;
  if (options.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    try {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file, /*truncate=*/false);
    } catch (const spdlog::spdlog_ex& e) {
      return absl::UnavailableError(absl::StrCat(
          "the log file ", options.file, " cannot be opened: ", e.what(), "; name another with --log-file"));
    }
  }
  auto logger = std::make_shared<spdlog::logger>(options.program, std::move(sink));
  logger->set_level(Spd(options.level));
  logger->set_pattern("%L %Y-%m-%dT%H:%M:%S.%e %n[%P]: %v");
  logger->flush_on(spdlog::level::info);
  Logger() = std::move(logger);
  return absl::OkStatus();
}

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  return absl::InvalidArgumentError(
      absl::StrCat("unknown log level \"", name, "\": use debug, info, warning, error or off"));
}

bool LogEnabled(LogLevel level) { return Logger()->should_log(Spd(level)); }
void WriteLog(LogLevel level, absl::string_view message) {
  Logger()->log(Spd(level), spdlog::string_view_t(message.data(), message.size()));
}
void FlushLog() { Logger()->flush(); }

}  // namespace sprint
