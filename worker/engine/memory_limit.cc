#include "worker/engine/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sprint {
namespace {

// These files have no size to read by, so they are streamed.
std::string ReadStream(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// A number of bytes; 0 for "max" or a missing file.
int64_t ReadBytes(const char* path) {
  const std::string text = ReadStream(path);
  int64_t bytes = 0;
  return absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &bytes) ? bytes : 0;
}

}  // namespace

int64_t ParseMemAvailable(absl::string_view meminfo) {
  for (absl::string_view line : absl::StrSplit(meminfo, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.first != "MemAvailable") continue;
    const std::pair<absl::string_view, absl::string_view> value =
        absl::StrSplit(absl::StripAsciiWhitespace(parts.second), absl::MaxSplits(' ', 1));
    int64_t kib = 0;
    return absl::SimpleAtoi(value.first, &kib) ? kib * 1024 : 0;
  }
  return 0;
}

int64_t AvailableMemory() {
  const int64_t system = ParseMemAvailable(ReadStream("/proc/meminfo"));
  const int64_t limit = ReadBytes("/sys/fs/cgroup/memory.max");
  if (limit <= 0) return system;
  const int64_t group = std::max<int64_t>(0, limit - ReadBytes("/sys/fs/cgroup/memory.current"));
  return system > 0 ? std::min(system, group) : group;
}

}  // namespace sprint
