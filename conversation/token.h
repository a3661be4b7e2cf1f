// The shared secret that a coordinator may ask of its workers and callers.
//
// A worker shows it in Hello (auth_token); a caller of the control service in the call's metadata, as
// "authorization: Bearer TOKEN". Without TLS it keeps strangers out of a trusted network, and no more.
#ifndef SPRINT_CONVERSATION_TOKEN_H_
#define SPRINT_CONVERSATION_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

inline constexpr char kAuthorizationKey[] = "authorization";

// The token in a file, without the space around it. INVALID_ARGUMENT when there is none, or when it has
// other than visible ASCII characters (metadata carries no others); else as ReadFile.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

std::string AuthorizationOf(absl::string_view token);

}  // namespace sprint

#endif  // SPRINT_CONVERSATION_TOKEN_H_
