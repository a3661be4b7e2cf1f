// Members of a JSON object as values of one type. Internal to this room.
#ifndef SPRINT_SELECTOR_JSON_MEMBER_H_
#define SPRINT_SELECTOR_JSON_MEMBER_H_

#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

namespace sprint {

// Takes the member `key` into a string, a number, or a vector of strings or integers; false, with `value` as
// it was, when it is missing or of another type.
template <typename T>
bool Take(const nlohmann::ordered_json& object, const char* key, T& value) {
  const auto found = object.find(key);
  if (found == object.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return false;
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (!found->is_number()) return false;
  } else {
    if (!found->is_array()) return false;
    for (const nlohmann::ordered_json& item : *found) {
      const bool fits =
          std::is_same_v<T, std::vector<std::string>> ? item.is_string() : item.is_number_integer();
      if (!fits) return false;
    }
  }
  value = found->get<T>();
  return true;
}

}  // namespace sprint

#endif  // SPRINT_SELECTOR_JSON_MEMBER_H_
