#include "storage/endpoint.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace sprint {
namespace {

std::string PathOf(const std::string& database) { return database + ".endpoint"; }

}  // namespace

absl::Status WriteEndpoint(const std::string& database, const Endpoint& endpoint) {
  const nlohmann::json json = {
      {"address", endpoint.address}, {"pid", endpoint.pid}, {"epoch", endpoint.epoch}};
  return WriteFileAtomically(PathOf(database), json.dump() + "\n");
}

void RemoveEndpoint(const std::string& database) { unlink(PathOf(database).c_str()); }

absl::StatusOr<Endpoint> ReadEndpoint(const std::string& database) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(PathOf(database)));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is = [&json](const char* key, auto check) { return json.contains(key) && check(json[key]); };
  const auto integer = [](const nlohmann::json& value) { return value.is_number_integer(); };
  if (!json.is_object() || !is("address", [](const nlohmann::json& value) { return value.is_string(); }) ||
      !is("pid", integer) || !is("epoch", integer)) {
    return absl::InvalidArgumentError(
        absl::StrCat(PathOf(database), " does not say where a coordinator is; remove it"));
  }
  return Endpoint{json["address"].get<std::string>(), json["pid"].get<int64_t>(),
                  json["epoch"].get<int64_t>()};
}

}  // namespace sprint
