// Two texts beside each other, or one above the other where the screen is narrow, with the place where
// they part marked.
#ifndef SPRINT_CLI_SIDE_BY_SIDE_H_
#define SPRINT_CLI_SIDE_BY_SIDE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "cli/render/color.h"

namespace sprint {

struct TitledText {
  std::string title;
  std::string text;
};

// Bytes that two texts have in common at their beginning, not cutting a UTF-8 character.
size_t CommonPrefix(absl::string_view a, absl::string_view b);

// `width` 0 or below 100 stacks them. Where they part stands a "▸" before the first differing character.
std::string SideBySide(const TitledText& left, const TitledText& right, const Style& style, int width);

}  // namespace sprint

#endif  // SPRINT_CLI_SIDE_BY_SIDE_H_
