#include "selector/lineage.h"

#include <nlohmann/json.hpp>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "selector/json_member.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

// A text that is JSON, as a value; as it is where it is none.
Json Parsed(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(Json::object()) : json;
}

}  // namespace

Lineage LineageOf(const Snapshot& snapshot) {
  Lineage lineage;
  lineage.snapshot_name = snapshot.name;
  lineage.snapshot_hash = snapshot.ContentHash().Hex();
  lineage.experiments = snapshot.experiments;
  lineage.judge_version = snapshot.judge_version;
  lineage.near_duplicate = snapshot.split_options.near_duplicate;
  lineage.model_name = snapshot.model_name;
  lineage.model_path = snapshot.model_path;
  lineage.weights_hash = snapshot.weights_hash;
  lineage.run_hash = snapshot.run_hash;
  lineage.dtype = snapshot.dtype;
  lineage.prompt_before = snapshot.prompt_before;
  lineage.prompt_after = snapshot.prompt_after;
  if (!snapshot.problems.empty()) {
    lineage.example_text = snapshot.problems.front().text;
    lineage.example_tokens = snapshot.problems.front().tokens;
  }
  return lineage;
}

std::string LineageToJson(const Lineage& l) {
  const Json json = {{"snapshot", l.snapshot_name},
                     {"snapshot_hash", l.snapshot_hash},
                     {"experiments", l.experiments},
                     {"judge_version", l.judge_version},
                     {"near_duplicate", l.near_duplicate},
                     {"model", l.model_name},
                     {"model_path", l.model_path},
                     {"weights", l.weights_hash},
                     {"run", l.run_hash},
                     {"dtype", l.dtype},
                     {"prompt_before", l.prompt_before},
                     {"prompt_after", l.prompt_after},
                     {"example_text", l.example_text},
                     {"example_tokens", l.example_tokens},
                     {"features", l.recipe},
                     {"extractor", l.extractor_hash},
                     {"thin_clusters", l.thin_clusters},
                     {"thin_each", l.thin_each},
                     {"options", Parsed(l.options)},
                     {"seed", l.seed},
                     {"report", Parsed(l.report)},
                     {"seen", l.seen}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Lineage> LineageFromJson(absl::string_view text, const std::string& name) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  Lineage l;
  const bool whole =
      json.is_object() && Take(json, "snapshot", l.snapshot_name) &&
      Take(json, "snapshot_hash", l.snapshot_hash) && Take(json, "experiments", l.experiments) &&
      Take(json, "judge_version", l.judge_version) && Take(json, "near_duplicate", l.near_duplicate) &&
      Take(json, "model", l.model_name) && Take(json, "model_path", l.model_path) &&
      Take(json, "weights", l.weights_hash) && Take(json, "run", l.run_hash) &&
      Take(json, "dtype", l.dtype) && Take(json, "prompt_before", l.prompt_before) &&
      Take(json, "prompt_after", l.prompt_after) && Take(json, "example_text", l.example_text) &&
      Take(json, "example_tokens", l.example_tokens) && Take(json, "features", l.recipe) &&
      Take(json, "extractor", l.extractor_hash) && Take(json, "thin_clusters", l.thin_clusters) &&
      Take(json, "thin_each", l.thin_each) && Take(json, "seed", l.seed) && Take(json, "seen", l.seen) &&
      json.contains("options") && json.contains("report");
  if (!whole) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": its lineage lacks fields, so nobody knows what it was trained on; train it again"));
  }
  l.options = json["options"].dump();
  l.report = json["report"].dump();
  return l;
}

std::string MethodKey(const Lineage& lineage) {
  Json options = Parsed(lineage.options);
  options.erase("seed");
  return absl::StrCat(lineage.snapshot_hash, " ", lineage.extractor_hash, " ", lineage.recipe, " ",
                      lineage.thin_clusters, ":", lineage.thin_each, " ", options.dump());
}

std::vector<bool> WasSeen(const Lineage& lineage, absl::Span<const std::string> texts) {
  std::vector<std::string> all = lineage.seen;
  all.insert(all.end(), texts.begin(), texts.end());
  const std::vector<int32_t> groups = NearDuplicateGroups(all, lineage.near_duplicate);
  const auto known = static_cast<std::ptrdiff_t>(lineage.seen.size());
  const absl::flat_hash_set<int32_t> of_seen(groups.begin(), groups.begin() + known);
  std::vector<bool> seen;
  for (auto group = groups.begin() + known; group != groups.end(); ++group)
    seen.push_back(of_seen.contains(*group));
  return seen;
}

}  // namespace sprint
