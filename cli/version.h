// The release's number, as CMake's project() has it.
#ifndef SPRINT_CLI_VERSION_H_
#define SPRINT_CLI_VERSION_H_

namespace sprint {

inline constexpr char kVersion[] = SPRINT_VERSION;

}  // namespace sprint

#endif  // SPRINT_CLI_VERSION_H_
