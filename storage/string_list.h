// A list of strings or numbers in one TEXT column, as a JSON array.
#ifndef SPRINT_STORAGE_STRING_LIST_H_
#define SPRINT_STORAGE_STRING_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sprint {

// Bytes that are not UTF-8 become U+FFFD.
std::string StringsToJson(const std::vector<std::string>& strings);
// DATA_LOSS (kDatabaseCorrupt) for anything but an array of strings.
absl::StatusOr<std::vector<std::string>> StringsFromJson(absl::string_view text);

std::string NumbersToJson(const std::vector<int32_t>& numbers);
// DATA_LOSS (kDatabaseCorrupt) for anything but an array of whole numbers.
absl::StatusOr<std::vector<int32_t>> NumbersFromJson(absl::string_view text);

}  // namespace sprint

#endif  // SPRINT_STORAGE_STRING_LIST_H_
