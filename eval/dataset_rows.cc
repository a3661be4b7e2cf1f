#include "eval/dataset_rows.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "eval/csv.h"

namespace sprint {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status Bad(absl::string_view where, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, Reason::kDatasetInvalid,
               absl::StrCat(where, ": ", message));
}

// An error of the reader becomes one of the dataset; one of the caller's has its reason and stays.
absl::Status AsBad(const absl::Status& status, absl::string_view where, absl::string_view between) {
  if (status.ok() || ReasonOf(status) != Reason::kUnspecified) return status;
  return Error(absl::StatusCode::kInvalidArgument, Reason::kDatasetInvalid,
               absl::StrCat(where, between, status.message()));
}

absl::Status JsonLines(absl::string_view text, const std::string& file_name, const DatasetRowFn& row) {
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view content = absl::StripAsciiWhitespace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty()) continue;
    const std::string where = absl::StrCat(file_name, ":", line);
    const absl::StatusOr<JsonRow> fields = ParseJsonRow(content);
    if (!fields.ok()) return Bad(where, fields.status().message());
    SPRINT_RETURN_IF_ERROR(row({*fields, where, absl::StrCat("line ", line), line}));
  }
  return absl::OkStatus();
}

absl::Status JsonDocument(absl::string_view text, const std::string& file_name, const DatasetRowFn& row) {
  const absl::Status status = ForEachJsonRow(text, [&](const JsonRow& fields, int64_t number) {
    const std::string place = absl::StrCat("row ", number);
    return row({fields, absl::StrCat(file_name, ": ", place), place, number});
  });
  return AsBad(status, file_name, ": ");
}

absl::Status Csv(absl::string_view text, const std::string& file_name, const DatasetRowFn& row) {
  std::vector<std::string> header;
  const absl::Status status =
      ForEachCsvRecord(text, [&](const std::vector<std::string>& record, int64_t line) -> absl::Status {
        if (header.empty()) {
          header = record;
          return absl::OkStatus();
        }
        JsonRow fields;
        for (size_t i = 0; i < header.size(); ++i) {
          fields.fields.emplace_back(header[i], JsonField{JsonField::Kind::kText, record[i]});
        }
        return row({fields, absl::StrCat(file_name, ":", line), absl::StrCat("line ", line), line});
      });
  return AsBad(status, file_name, ":");
}

// Whether the text is a document and no rows: a list, or an object that does not end on its line.
bool IsDocument(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  if (absl::StartsWith(text, "[")) return true;
  const absl::string_view first = absl::StripAsciiWhitespace(text.substr(0, text.find('\n')));
  return first == "{";
}

}  // namespace

absl::Status ForEachDatasetRow(absl::string_view text, const std::string& file_name,
                               const DatasetRowFn& row) {
  absl::ConsumePrefix(&text, kByteOrderMark);
  if (absl::EndsWithIgnoreCase(file_name, ".csv")) return Csv(text, file_name, row);
  if (!absl::EndsWithIgnoreCase(file_name, ".jsonl") && IsDocument(text))
    return JsonDocument(text, file_name, row);
  return JsonLines(text, file_name, row);
}

}  // namespace sprint
