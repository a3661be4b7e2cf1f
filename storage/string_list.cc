#include "storage/string_list.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {

std::string StringsToJson(const std::vector<std::string>& strings) {
  const nlohmann::json array(strings);
  return array.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<std::vector<std::string>> StringsFromJson(absl::string_view text) {
  const nlohmann::json array = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  std::vector<std::string> strings;
  bool good = array.is_array();
  if (good) {
    for (const nlohmann::json& item : array) {
      good = good && item.is_string();
      if (good) strings.push_back(item.get<std::string>());
    }
  }
  if (good) return strings;
  return Error(absl::StatusCode::kDataLoss, Reason::kDatabaseCorrupt,
               absl::StrCat("a list of strings in the database reads \"", text,
                            "\", which is no JSON array of strings; restore a backup"));
}

}  // namespace sprint
