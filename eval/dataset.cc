#include "eval/dataset.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "eval/dataset_rows.h"

namespace sprint {
namespace {

absl::Status Bad(absl::string_view where, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kDatasetInvalid,
               absl::StrCat(where, ": ", message));
}

// The text of one field, or of a text with fields in braces; nullopt when the row lacks one of them or
// it is no scalar.
std::optional<std::string> ValueOf(const JsonRow& row, absl::string_view spec) {
  if (!absl::StrContains(spec, "{")) {
    const JsonField* field = row.Find(std::string(spec));
    return field != nullptr && field->is_scalar() ? std::optional<std::string>(field->text) : std::nullopt;
  }
  std::string out;
  while (!spec.empty()) {
    const size_t open = std::min(spec.find('{'), spec.size());
    absl::StrAppend(&out, spec.substr(0, open));
    spec.remove_prefix(open);
    if (spec.empty()) break;
    const size_t close = spec.find('}');
    if (close == absl::string_view::npos) return std::nullopt;
    const std::optional<std::string> value = ValueOf(row, spec.substr(1, close - 1));
    if (!value) return std::nullopt;
    absl::StrAppend(&out, *value);
    spec.remove_prefix(close + 1);
  }
  return out;
}

// The first of the alternatives that the row has.
std::optional<std::string> FirstOf(const JsonRow& row, const std::string& field) {
  for (const absl::string_view spec : absl::StrSplit(field, '|')) {
    if (std::optional<std::string> value = ValueOf(row, spec)) return value;
  }
  return std::nullopt;
}

// The text of a field that a row must have.
absl::StatusOr<std::string> Required(const JsonRow& row, const std::string& field, absl::string_view role,
                                     absl::string_view where) {
  std::optional<std::string> value = FirstOf(row, field);
  if (!value) {
    if (row.Find(field) != nullptr) {
      return Bad(where, absl::StrCat("the ", role, " (field \"", field, "\") is no text or number"));
    }
    return Bad(where, absl::StrCat("no field \"", field, "\" for the ", role, "; the row has: ", row.Names(),
                                   "; name another with dataset.", role, "_field"));
  }
  if (absl::StripAsciiWhitespace(*value).empty()) {
    return Bad(where, absl::StrCat("the ", role, " (field \"", field, "\") is empty"));
  }
  return *std::move(value);
}

// Gathers rows as problems; ids are unique over all files that it gets.
class Problems {
 public:
  explicit Problems(const DatasetFields& fields) : fields_(fields) {}

  // `id`: of a row without one; empty: its number.
  absl::Status Add(const DatasetRow& row, const std::string& id) {
    Problem problem;
    problem.id = FirstOf(row.fields, fields_.id).value_or("");
    SPRINT_ASSIGN_OR_RETURN(problem.question, Required(row.fields, fields_.question, "question", row.where));
    SPRINT_ASSIGN_OR_RETURN(problem.gold, Required(row.fields, fields_.answer, "answer", row.where));
    problem.subject = FirstOf(row.fields, fields_.subject).value_or("");
    problem.level = FirstOf(row.fields, fields_.level).value_or("");
    if (problem.id.empty()) problem.id = id.empty() ? absl::StrCat(row.number) : id;
    const auto [it, is_new] = place_of_.emplace(problem.id, row.place);
    if (!is_new) {
      return Bad(row.where,
                 absl::StrCat("the id \"", problem.id, "\" is ", it->second, "'s too; ids are unique"));
    }
    problems_.push_back(std::move(problem));
    return absl::OkStatus();
  }
  std::vector<Problem> Take() { return std::move(problems_); }

 private:
  const DatasetFields& fields_;
  std::vector<Problem> problems_;
  std::map<std::string, std::string> place_of_;
};

absl::StatusOr<std::vector<Problem>> KeepIds(std::vector<Problem> problems,
                                             const std::vector<std::string>& ids,
                                             const std::string& file_name) {
  if (ids.empty()) return problems;
  std::set<std::string> wanted(ids.begin(), ids.end());
  std::vector<Problem> kept;
  for (Problem& problem : problems) {
    if (wanted.erase(problem.id) > 0) kept.push_back(std::move(problem));
  }
  if (wanted.empty()) return kept;
  return Bad(file_name,
             absl::StrCat("no row has the id \"", *wanted.begin(), "\"",
                          wanted.size() > 1 ? absl::StrCat(" (and ", wanted.size() - 1, " more)") : ""));
}

absl::StatusOr<std::vector<Problem>> Select(std::vector<Problem> problems, const std::string& file_name,
                                            const DatasetOptions& options) {
  if (problems.empty()) return Bad(file_name, "the dataset holds no rows");
  SPRINT_ASSIGN_OR_RETURN(problems, KeepIds(std::move(problems), options.ids, file_name));
  const int64_t rows = static_cast<int64_t>(problems.size());
  if (options.offset >= rows) {
    return Bad(file_name, absl::StrCat("offset ", options.offset, " leaves none of ", rows, " rows"));
  }
  problems.erase(problems.begin(), problems.begin() + options.offset);
  if (options.limit > 0 && options.limit < rows - options.offset) problems.resize(options.limit);
  return problems;
}

absl::Status CheckOptions(const std::string& file_name, const DatasetOptions& options) {
  if (options.offset >= 0 && options.limit >= 0) return absl::OkStatus();
  return Bad(file_name, "offset and limit cannot be negative");
}

// The .json files under a folder, by their paths in it.
absl::StatusOr<std::vector<std::string>> JsonFiles(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::recursive_directory_iterator walk(folder, error);
  for (; !error && walk != std::filesystem::recursive_directory_iterator(); walk.increment(error)) {
    if (walk->path().extension() == ".json") {
      files.push_back(walk->path().lexically_relative(folder).generic_string());
    }
  }
  if (error) return absl::UnavailableError(absl::StrCat("cannot read ", folder, ": ", error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<std::vector<Problem>> ReadFolder(const std::string& folder, const DatasetOptions& options) {
  SPRINT_RETURN_IF_ERROR(CheckOptions(folder, options));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> files, JsonFiles(folder));
  Problems problems(options.fields);
  for (const std::string& file : files) {
    const std::string path = absl::StrCat(folder, "/", file);
    SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    const std::string id = file.substr(0, file.size() - 5);
    SPRINT_RETURN_IF_ERROR(ForEachDatasetRow(text, path, [&](const DatasetRow& row) {
      return problems.Add(row, row.number == 1 ? id : absl::StrCat(id, "#", row.number));
    }));
  }
  return Select(problems.Take(), folder, options);
}

}  // namespace

absl::StatusOr<std::vector<Problem>> ParseDataset(absl::string_view text, const std::string& file_name,
                                                  const DatasetOptions& options) {
  SPRINT_RETURN_IF_ERROR(CheckOptions(file_name, options));
  Problems problems(options.fields);
  SPRINT_RETURN_IF_ERROR(
      ForEachDatasetRow(text, file_name, [&](const DatasetRow& row) { return problems.Add(row, ""); }));
  return Select(problems.Take(), file_name, options);
}

absl::StatusOr<std::vector<Problem>> ReadDataset(const std::string& path, const DatasetOptions& options) {
  if (IsDirectory(path)) return ReadFolder(path, options);
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseDataset(text, path, options);
}

}  // namespace sprint
