#include "eval/dataset.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "eval/json_row.h"

namespace sprint {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status Bad(absl::string_view where, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kDatasetInvalid,
               absl::StrCat(where, ": ", message));
}

absl::StatusOr<JsonRow> ParseRow(absl::string_view line, absl::string_view where) {
  absl::StatusOr<JsonRow> row = ParseJsonRow(line);
  if (!row.ok()) return Bad(where, row.status().message());
  return row;
}

// The text of a field that a row may lack.
std::string Optional(const JsonRow& row, const std::string& field) {
  const JsonField* value = row.Find(field);
  return value == nullptr ? std::string() : value->text;
}

// The text of a field that a row must have.
absl::StatusOr<std::string> Required(const JsonRow& row, const std::string& field, absl::string_view role,
                                     absl::string_view where) {
  const JsonField* value = row.Find(field);
  if (value == nullptr) {
    return Bad(where, absl::StrCat("no field \"", field, "\" for the ", role, "; the row has: ", row.Names(),
                                   "; name another with dataset.", role, "_field"));
  }
  if (!value->is_scalar()) {
    return Bad(where, absl::StrCat("the ", role, " (field \"", field, "\") is no text or number"));
  }
  if (absl::StripAsciiWhitespace(value->text).empty()) {
    return Bad(where, absl::StrCat("the ", role, " (field \"", field, "\") is empty"));
  }
  return value->text;
}

absl::StatusOr<Problem> ToProblem(const JsonRow& row, const DatasetFields& fields, int64_t line,
                                  absl::string_view where) {
  Problem problem;
  problem.id = Optional(row, fields.id);
  SPRINT_ASSIGN_OR_RETURN(problem.question, Required(row, fields.question, "question", where));
  SPRINT_ASSIGN_OR_RETURN(problem.gold, Required(row, fields.answer, "answer", where));
  problem.subject = Optional(row, fields.subject);
  problem.level = Optional(row, fields.level);
  if (problem.id.empty()) problem.id = absl::StrCat(line);
  return problem;
}

absl::StatusOr<std::vector<Problem>> ReadRows(absl::string_view text, const std::string& file_name,
                                              const DatasetFields& fields) {
  std::vector<Problem> problems;
  std::map<std::string, int64_t> line_of;
  if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view content = absl::StripAsciiWhitespace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty()) continue;
    const std::string where = absl::StrCat(file_name, ":", line);
    SPRINT_ASSIGN_OR_RETURN(const JsonRow row, ParseRow(content, where));
    SPRINT_ASSIGN_OR_RETURN(Problem problem, ToProblem(row, fields, line, where));
    const auto [it, is_new] = line_of.emplace(problem.id, line);
    if (!is_new) {
      return Bad(where,
                 absl::StrCat("the id \"", problem.id, "\" is line ", it->second, "'s too; ids are unique"));
    }
    problems.push_back(std::move(problem));
  }
  if (problems.empty()) return Bad(file_name, "the dataset holds no rows");
  return problems;
}

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

}  // namespace

absl::StatusOr<std::vector<Problem>> ParseDataset(absl::string_view text, const std::string& file_name,
                                                  const DatasetOptions& options) {
  if (options.offset < 0 || options.limit < 0) return Bad(file_name, "offset and limit cannot be negative");
  SPRINT_ASSIGN_OR_RETURN(std::vector<Problem> problems, ReadRows(text, file_name, options.fields));
  SPRINT_ASSIGN_OR_RETURN(problems, KeepIds(std::move(problems), options.ids, file_name));
  const int64_t rows = static_cast<int64_t>(problems.size());
  if (options.offset >= rows) {
    return Bad(file_name, absl::StrCat("offset ", options.offset, " leaves none of ", rows, " rows"));
  }
  problems.erase(problems.begin(), problems.begin() + options.offset);
  if (options.limit > 0 && options.limit < rows - options.offset) problems.resize(options.limit);
  return problems;
}

absl::StatusOr<std::vector<Problem>> ReadDataset(const std::string& path, const DatasetOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseDataset(text, path, options);
}

}  // namespace sprint
