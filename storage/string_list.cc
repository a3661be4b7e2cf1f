#include "storage/string_list.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace sprint {
namespace {

using Json = nlohmann::json;

// `fits` says whether an item is what the list holds.
template <typename T>
absl::StatusOr<std::vector<T>> ListFromJson(absl::string_view text, absl::string_view what,
                                            bool (Json::*fits)() const noexcept) {
  const Json array = Json::parse(text.begin(), text.end(), nullptr, false);
  std::vector<T> items;
  bool good = array.is_array();
  if (good) {
    for (const Json& item : array) {
      good = good && (item.*fits)();
      if (good) items.push_back(item.get<T>());
    }
  }
  if (good) return items;
  return Error(absl::StatusCode::kDataLoss, Reason::kDatabaseCorrupt,
               absl::StrCat("a list of ", what, " in the database reads \"", text,
                            "\", which is no JSON array of ", what, "; restore a backup"));
}

}  // namespace

std::string StringsToJson(const std::vector<std::string>& strings) {
  const Json array(strings);
  return array.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<std::vector<std::string>> StringsFromJson(absl::string_view text) {
  return ListFromJson<std::string>(text, "strings", &Json::is_string);
}

std::string NumbersToJson(const std::vector<int32_t>& numbers) { return Json(numbers).dump(); }

absl::StatusOr<std::vector<int32_t>> NumbersFromJson(absl::string_view text) {
  return ListFromJson<int32_t>(text, "numbers", &Json::is_number_integer);
}

}  // namespace sprint
