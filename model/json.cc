#include "model/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

std::string Position(absl::string_view text, size_t byte) {
  const absl::string_view before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t start = before.rfind('\n');
  const size_t column = before.size() - (start == absl::string_view::npos ? 0 : start + 1) + 1;
  return absl::StrCat("line ", line, ", column ", column);
}

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text, absl::string_view what, Reason reason) {
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    const std::string where = error.byte > text.size() ? "it ends too early" : Position(text, error.byte);
    return Error(absl::StatusCode::kInvalidArgument, reason,
                 absl::StrCat(what, " is not valid JSON (", where, "); copy it again from its source"));
  } catch (const std::exception&) {
    return Error(absl::StatusCode::kInvalidArgument, reason,
                 absl::StrCat(what, " holds a JSON value that cannot be represented"));
  }
}

const Json* FindMember(const Json& object, absl::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(std::string(key));
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string ShowJson(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::optional<int64_t> IntegerOf(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto n = value.get<uint64_t>();
    if (n > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(n);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {  // 4096.0, as some writers put it
    const auto n = value.get<double>();
    if (std::floor(n) == n && std::abs(n) < 1e15) return static_cast<int64_t>(n);
  }
  return std::nullopt;
}

}  // namespace sprint
