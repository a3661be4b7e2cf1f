#include "eval/judge_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "eval/json_row.h"

namespace sprint {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status Bad(absl::string_view where, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kDatasetInvalid,
               absl::StrCat(where, ": ", message));
}

std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<JudgeTask> TaskOf(const JsonRow& row, absl::string_view where) {
  const JsonField* field = row.Find("task");
  if (field == nullptr) return JudgeTask::kExtractEquiv;
  if (field->kind == JsonField::Kind::kText) {
    if (field->text == "equiv") return JudgeTask::kEquiv;
    if (field->text == "extract") return JudgeTask::kExtract;
    if (field->text == "extract+equiv") return JudgeTask::kExtractEquiv;
  }
  return Bad(where, absl::StrCat("the task ", Quoted(field->text),
                                 " is not known; known are \"equiv\", \"extract\" and \"extract+equiv\""));
}

// A text that the row must have.
absl::StatusOr<std::string> TextOf(const JsonRow& row, const std::string& name, absl::string_view where) {
  const JsonField* field = row.Find(name);
  if (field == nullptr) {
    return Bad(where, absl::StrCat("no field \"", name, "\"; the row has: ", row.Names()));
  }
  if (!field->is_scalar()) return Bad(where, absl::StrCat("\"", name, "\" is no text or number"));
  return field->text;
}

absl::StatusOr<JudgeRow> ToJudgeRow(const JsonRow& row, absl::string_view where) {
  JudgeRow out;
  const JsonField* id = row.Find("id");
  if (id == nullptr || id->kind == JsonField::Kind::kNull) {
    out.id = "null";
  } else if (!id->is_scalar()) {
    return Bad(where, "\"id\" is no text or number");
  } else {
    out.id = id->kind == JsonField::Kind::kText ? Quoted(id->text) : id->text;
  }
  SPRINT_ASSIGN_OR_RETURN(out.task, TaskOf(row, where));
  SPRINT_ASSIGN_OR_RETURN(out.pred, TextOf(row, "pred", where));
  const JsonField* gold = row.Find("gold");
  const bool none = gold == nullptr || gold->kind == JsonField::Kind::kNull;
  if (none && out.task == JudgeTask::kExtract) return out;
  SPRINT_ASSIGN_OR_RETURN(out.gold, TextOf(row, "gold", where));
  return out;
}

}  // namespace

absl::StatusOr<std::vector<JudgeRow>> ParseJudgeRows(absl::string_view text, const std::string& file_name) {
  std::vector<JudgeRow> rows;
  absl::ConsumePrefix(&text, kByteOrderMark);
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view content = absl::StripAsciiWhitespace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty()) continue;
    const std::string where = absl::StrCat(file_name, ":", line);
    const absl::StatusOr<JsonRow> parsed = ParseJsonRow(content);
    if (!parsed.ok()) return Bad(where, parsed.status().message());
    SPRINT_ASSIGN_OR_RETURN(JudgeRow row, ToJudgeRow(*parsed, where));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return Bad(file_name, "the file holds no rows");
  return rows;
}

Verdict JudgeRowAlone(const JudgeRow& row) {
  if (row.task == JudgeTask::kEquiv) {
    Verdict verdict;
    verdict.extraction = {row.pred, "given", 0, row.pred.size()};
    verdict.correct = AnswersAgree(row.gold.value_or(""), row.pred, &verdict.reason);
    return verdict;
  }
  if (row.gold.has_value()) return Judge(row.pred, *row.gold);
  Verdict verdict;
  verdict.extraction = ExtractAnswer(row.pred);
  verdict.reason = verdict.extraction.answer.empty() ? NothingExtracted(verdict.extraction)
                                                     : "extracted; there is no gold answer to compare with";
  return verdict;
}

std::string WriteJudged(const JudgeRow& row, const Verdict& verdict) {
  const std::string& answer = verdict.extraction.answer;
  return absl::StrCat("{\"id\": ", row.id, ", \"verdict\": ",
                      !row.gold.has_value() ? "null"
                      : verdict.correct     ? "true"
                                            : "false",
                      ", \"extracted\": ", answer.empty() ? "null" : Quoted(answer),
                      ", \"rule\": ", Quoted(verdict.extraction.rule),
                      ", \"reason\": ", Quoted(verdict.reason), "}");
}

}  // namespace sprint
