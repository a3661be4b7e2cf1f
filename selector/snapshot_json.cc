// The snapshot's file: one JSON object, a line a problem.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "selector/json_member.h"
#include "selector/snapshot.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "sprint snapshot 1";

absl::Status Invalid(const std::string& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", what, "; make the snapshot again"));
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json ProblemJson(const Snapshot& snapshot, size_t index) {
  const SnapshotProblem& problem = snapshot.problems[index];
  std::string right;
  Json answers = Json::array();
  Json lengths = Json::array();
  for (size_t arm = 0; arm < snapshot.arms.size(); ++arm) {
    const FrozenOutcome& cell = snapshot.At(index, arm);
    right.push_back(cell.right < 0 ? '.' : static_cast<char>('0' + cell.right));
    answers.push_back(cell.answer_class);
    lengths.push_back(cell.tokens);
  }
  return {{"id", problem.id},       {"split", std::string(SplitName(problem.split))},
          {"group", problem.group}, {"subject", problem.subject},
          {"text", problem.text},   {"prompt", problem.tokens},
          {"right", right},         {"answers", answers},
          {"tokens", lengths}};
}

bool SplitFromName(const std::string& name, Split& split) {
  for (const Split candidate : {Split::kTrain, Split::kValidation, Split::kTest, Split::kDropped}) {
    if (SplitName(candidate) == name) {
      split = candidate;
      return true;
    }
  }
  return false;
}

bool TakeProblem(const Json& json, Snapshot& snapshot) {
  SnapshotProblem problem;
  std::string split;
  std::string right;
  std::vector<int32_t> answers;
  std::vector<int32_t> lengths;
  const bool whole = json.is_object() && Take(json, "id", problem.id) && Take(json, "split", split) &&
                     Take(json, "group", problem.group) && Take(json, "subject", problem.subject) &&
                     Take(json, "text", problem.text) && Take(json, "prompt", problem.tokens) &&
                     Take(json, "right", right) && Take(json, "answers", answers) &&
                     Take(json, "tokens", lengths) && SplitFromName(split, problem.split);
  const size_t arms = snapshot.arms.size();
  if (!whole || right.size() != arms || answers.size() != arms || lengths.size() != arms) return false;
  for (size_t arm = 0; arm < arms; ++arm) {
    if (right[arm] != '.' && right[arm] != '0' && right[arm] != '1') return false;
    snapshot.outcomes.push_back(
        {static_cast<int8_t>(right[arm] == '.' ? -1 : right[arm] - '0'), answers[arm], lengths[arm]});
  }
  snapshot.problems.push_back(std::move(problem));
  return true;
}

}  // namespace

std::string SnapshotToJson(const Snapshot& snapshot) {
  const SplitOptions& split = snapshot.split_options;
  const Json head = {{"format", kFormat},
                     {"hash", snapshot.ContentHash().Hex()},
                     {"name", snapshot.name},
                     {"experiments", snapshot.experiments},
                     {"run", snapshot.run_hash},
                     {"weights", snapshot.weights_hash},
                     {"dtype", snapshot.dtype},
                     {"model", snapshot.model_name},
                     {"model_path", snapshot.model_path},
                     {"prompt_before", snapshot.prompt_before},
                     {"prompt_after", snapshot.prompt_after},
                     {"tokens_per_second", snapshot.tokens_per_second},
                     {"judge_version", snapshot.judge_version},
                     {"split_seed", split.seed},
                     {"test_fraction", split.test_fraction},
                     {"validation_fraction", split.validation_fraction},
                     {"near_duplicate", split.near_duplicate},
                     {"arms", snapshot.arms}};
  std::string text = Dump(head);
  text.pop_back();
  absl::StrAppend(&text, ",\n\"problems\":[");
  for (size_t i = 0; i < snapshot.problems.size(); ++i)
    absl::StrAppend(&text, i == 0 ? "\n" : ",\n", Dump(ProblemJson(snapshot, i)));
  absl::StrAppend(&text, "\n]}\n");
  return text;
}

absl::StatusOr<Snapshot> SnapshotFromJson(absl::string_view text, const std::string& file_name) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  std::string format;
  if (!json.is_object() || !Take(json, "format", format) || format != kFormat)
    return Invalid(file_name, "this is no snapshot");
  Snapshot snapshot;
  std::string hash;
  SplitOptions& split = snapshot.split_options;
  const bool whole =
      Take(json, "hash", hash) && Take(json, "name", snapshot.name) &&
      Take(json, "experiments", snapshot.experiments) && Take(json, "run", snapshot.run_hash) &&
      Take(json, "weights", snapshot.weights_hash) && Take(json, "dtype", snapshot.dtype) &&
      Take(json, "model", snapshot.model_name) && Take(json, "model_path", snapshot.model_path) &&
      Take(json, "prompt_before", snapshot.prompt_before) &&
      Take(json, "prompt_after", snapshot.prompt_after) &&
      Take(json, "judge_version", snapshot.judge_version) && Take(json, "split_seed", split.seed) &&
      Take(json, "test_fraction", split.test_fraction) &&
      Take(json, "validation_fraction", split.validation_fraction) &&
      Take(json, "near_duplicate", split.near_duplicate) && Take(json, "arms", snapshot.arms) &&
      json.contains("problems") && json["problems"].is_array();
  (void)Take(json, "tokens_per_second", snapshot.tokens_per_second);  // not in older ones
  if (!whole || snapshot.arms.empty()) return Invalid(file_name, "the snapshot lacks fields");
  for (const Json& problem : json["problems"]) {
    if (!TakeProblem(problem, snapshot))
      return Invalid(file_name, absl::StrCat("problem ", snapshot.problems.size(), " is damaged"));
  }
  const std::string found = snapshot.ContentHash().Hex();
  if (found != hash) {
    return Invalid(file_name, absl::StrCat("its content hashes to ", found.substr(0, 12), ", but it says ",
                                           hash.substr(0, 12), ": it was changed"));
  }
  return snapshot;
}

}  // namespace sprint
