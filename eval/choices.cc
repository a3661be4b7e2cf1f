#include "eval/choices.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"

namespace sprint {
namespace {

using Json = nlohmann::ordered_json;

absl::Status Bad(absl::string_view where, absl::string_view message,
                 Reason reason = Reason::kDatasetInvalid) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(where, ": ", message));
}

const Json* Find(const Json& row, const char* field) {
  const auto found = row.find(field);
  return found == row.end() || found->is_null() ? nullptr : &*found;
}

absl::Status ReadId(const Json& row, Choice& choice) {
  const Json* id = Find(row, "id");
  if (id == nullptr) return Bad(choice.where, "no \"id\": which question of the dataset is it for?");
  if (id->is_string()) {
    choice.id = id->get<std::string>();
  } else if (id->is_number_integer()) {
    choice.id = id->dump();
  } else {
    return Bad(choice.where, "the \"id\" is no text or whole number");
  }
  return absl::OkStatus();
}

absl::Status ReadArms(const Json& row, Choice& choice) {
  const Json* arms = Find(row, "arms");
  if (arms == nullptr || !arms->is_array()) {
    return Bad(choice.where, "no list of \"arms\", such as [\"L3H5\", \"baseline\"]");
  }
  for (const Json& name : *arms) {
    if (!name.is_string()) {
      return Bad(choice.where, "\"arms\" holds something that is no name of an arm, such as \"L3H5\"",
                 Reason::kArmInvalid);
    }
    absl::StatusOr<Arm> arm = Arm::Parse(name.get_ref<const std::string&>());
    if (!arm.ok()) return Annotate(arm.status(), choice.where);
    choice.arms.push_back(*std::move(arm));
  }
  return absl::OkStatus();
}

absl::Status ReadScores(const Json& row, Choice& choice) {
  const Json* scores = Find(row, "scores");
  if (scores == nullptr) return absl::OkStatus();
  if (!scores->is_array()) return Bad(choice.where, "\"scores\" is no list of numbers");
  for (const Json& score : *scores) {
    if (!score.is_number()) return Bad(choice.where, "\"scores\" holds something that is no number");
    choice.scores.push_back(score.get<double>());
  }
  if (choice.scores.empty()) return Bad(choice.where, "\"scores\" is empty; leave it out");
  return absl::OkStatus();
}

absl::Status ReadRest(const Json& row, Choice& choice) {
  if (const Json* method = Find(row, "method"); method != nullptr) {
    if (!method->is_string()) return Bad(choice.where, "the \"method\" is no text");
    choice.method = method->get<std::string>();
  }
  if (const Json* samples = Find(row, "samples"); samples != nullptr) {
    const bool fits =
        samples->is_number_integer() && *samples >= int64_t{1} && *samples <= int64_t{INT32_MAX};
    if (!fits) return Bad(choice.where, "\"samples\" is no whole number from 1 on");
    choice.samples = samples->get<int32_t>();
  }
  return absl::OkStatus();
}

absl::StatusOr<Choice> ParseLine(absl::string_view line, std::string where) {
  Choice choice;
  choice.where = std::move(where);
  const Json row = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!row.is_object()) {
    return Bad(choice.where, "not a JSON object; a line is {\"id\": \"…\", \"arms\": [\"L3H5\", …]}");
  }
  SPRINT_RETURN_IF_ERROR(ReadId(row, choice));
  SPRINT_RETURN_IF_ERROR(ReadArms(row, choice));
  SPRINT_RETURN_IF_ERROR(ReadScores(row, choice));
  SPRINT_RETURN_IF_ERROR(ReadRest(row, choice));
  SPRINT_RETURN_IF_ERROR(CheckChoice(choice));
  return choice;
}

using Key = std::pair<std::string, std::string>;  // (method, id)

// Every method chooses for every problem.
absl::Status CheckComplete(const std::vector<Choice>& choices, absl::Span<const Problem> problems,
                           const std::map<Key, std::string>& places) {
  std::set<std::string> methods;
  for (const Choice& choice : choices) methods.insert(choice.method);
  for (const std::string& method : methods) {
    const Problem* first = nullptr;
    int64_t more = -1;
    for (const Problem& problem : problems) {
      if (places.contains({method, problem.id})) continue;
      if (first == nullptr) first = &problem;
      ++more;
    }
    if (first == nullptr) continue;
    const std::string& where = choices.front().where;
    return Bad(where.substr(0, where.rfind(':')),
               absl::StrCat("no arms for question \"", first->id, "\"",
                            more > 0 ? absl::StrCat(" and ", more, " more") : "",
                            method.empty() ? "" : absl::StrCat(" by method \"", method, "\""),
                            "; each question of the dataset needs a line"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckChoice(const Choice& choice) {
  if (choice.id.empty()) return Bad(choice.where, "the \"id\" is empty");
  if (choice.arms.empty()) {
    return Bad(choice.where, "\"arms\" is empty; name at least one, such as \"baseline\"",
               Reason::kArmInvalid);
  }
  std::set<Arm> seen;
  for (const Arm& arm : choice.arms) {
    if (!seen.insert(arm).second)
      return Bad(choice.where, absl::StrCat("the arm ", arm.Name(), " is there twice"), Reason::kArmInvalid);
  }
  if (!choice.scores.empty() && choice.scores.size() != choice.arms.size()) {
    return Bad(choice.where,
               absl::StrCat(choice.scores.size(), " scores for ", choice.arms.size(), " arms; one an arm"));
  }
  for (const double score : choice.scores) {
    if (!std::isfinite(score)) return Bad(choice.where, "a score is not finite");
  }
  if (choice.samples < 0) return Bad(choice.where, "\"samples\" is negative");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Choice>> ParseChoices(absl::string_view text, const std::string& file_name) {
  std::vector<Choice> choices;
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    SPRINT_ASSIGN_OR_RETURN(Choice choice, ParseLine(line, absl::StrCat(file_name, ":", number)));
    choices.push_back(std::move(choice));
  }
  if (choices.empty()) return Bad(file_name, "it chooses nothing: it holds no lines");
  return choices;
}

absl::StatusOr<std::vector<Choice>> ReadChoices(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseChoices(text, path);
}

absl::StatusOr<std::vector<Choice>> MatchChoices(std::vector<Choice> choices,
                                                 absl::Span<const Problem> problems,
                                                 absl::Span<const Problem> known, int32_t layers,
                                                 int32_t heads) {
  if (choices.empty()) return Bad("the choices", "there are none");
  absl::flat_hash_map<std::string, size_t> place_of;  // in the order that is wanted; beyond: passed over
  for (const Problem& problem : problems) place_of.emplace(problem.id, place_of.size());
  for (const Problem& problem : known) place_of.emplace(problem.id, SIZE_MAX);
  std::map<Key, std::string> places;
  std::vector<std::pair<size_t, Choice>> kept;
  for (Choice& choice : choices) {
    const auto place = place_of.find(choice.id);
    if (place == place_of.end())
      return Bad(choice.where, absl::StrCat("the dataset has no question \"", choice.id, "\""));
    for (const Arm& arm : choice.arms)
      SPRINT_RETURN_IF_ERROR(Annotate(arm.CheckFits(layers, heads), choice.where));
    const auto [other, is_new] = places.emplace(Key{choice.method, choice.id}, choice.where);
    if (!is_new) {
      return Bad(choice.where, absl::StrCat("question \"", choice.id, "\" was chosen for already, at ",
                                            other->second, "; a second list needs a \"method\" of its own"));
    }
    if (place->second != SIZE_MAX) kept.emplace_back(place->second, choice);
  }
  SPRINT_RETURN_IF_ERROR(CheckComplete(choices, problems, places));
  std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  choices.clear();
  for (auto& [place, choice] : kept) choices.push_back(std::move(choice));
  return choices;
}

std::string ChoiceLine(const Choice& choice) {
  Json row;
  row["id"] = choice.id;
  row["arms"] = Json::array();
  for (const Arm& arm : choice.arms) row["arms"].push_back(arm.Name());
  if (!choice.scores.empty()) row["scores"] = choice.scores;
  if (!choice.method.empty()) row["method"] = choice.method;
  if (choice.samples > 0) row["samples"] = choice.samples;
  return row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sprint
