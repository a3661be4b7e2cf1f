// How much memory the machine can give an engine.
#ifndef SPRINT_WORKER_ENGINE_MEMORY_LIMIT_H_
#define SPRINT_WORKER_ENGINE_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace sprint {

// "MemAvailable:  1234 kB" in /proc/meminfo's text, in bytes; 0 when it is not there.
int64_t ParseMemAvailable(absl::string_view meminfo);

// What this process may still take: the system's available memory, or the control group's limit
// less its use when that is lower. 0 when neither can be read.
int64_t AvailableMemory();

}  // namespace sprint

#endif  // SPRINT_WORKER_ENGINE_MEMORY_LIMIT_H_
