#include "conversation/token.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace sprint {

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const absl::string_view token = absl::StripAsciiWhitespace(text);
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token file ", path, " is empty; put a line of random characters into it"));
  }
  const auto visible = [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); };
  if (!std::all_of(token.begin(), token.end(), visible)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token file ", path, " holds more than one word of visible ASCII characters"));
  }
  return std::string(token);
}

std::string AuthorizationOf(absl::string_view token) { return absl::StrCat("Bearer ", token); }

}  // namespace sprint
