#include "cli/rows.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/render/table.h"

namespace sprint {
namespace {

nlohmann::ordered_json JsonValue(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* blob = std::get_if<Blob>(&value)) return absl::BytesToHexString(blob->bytes);
  return {};
}

std::string JsonRow(const std::vector<std::string>& columns, const std::vector<SqlValue>& row) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (size_t i = 0; i < columns.size(); ++i) json[columns[i]] = JsonValue(row[i]);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Doubles as short as they read back equal.
std::string PlainText(const SqlValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return nlohmann::json(*real).dump();
  if (const auto* integer = std::get_if<int64_t>(&value)) return absl::StrCat(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* blob = std::get_if<Blob>(&value)) return absl::BytesToHexString(blob->bytes);
  return "";
}

class JsonWriter : public RowWriter {
 public:
  JsonWriter(bool lines, WriteFn write) : lines_(lines), write_(std::move(write)) {}
  void Row(const std::vector<std::string>& columns, const std::vector<SqlValue>& row) override {
    if (!lines_) write_(rows_++ == 0 ? "[\n" : ",\n");
    write_(JsonRow(columns, row));
    if (lines_) write_("\n");
  }
  void Finish(const std::vector<std::string>&) override {
    if (!lines_) write_(rows_ == 0 ? "[]\n" : "\n]\n");
  }

 private:
  const bool lines_;
  WriteFn write_;
  int64_t rows_ = 0;
};

class CsvWriter : public RowWriter {
 public:
  explicit CsvWriter(WriteFn write) : write_(std::move(write)) {}
  void Row(const std::vector<std::string>& columns, const std::vector<SqlValue>& row) override {
    Header(columns);
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      absl::StrAppend(&line, i == 0 ? "" : ",", Field(PlainText(row[i])));
    write_(line + "\r\n");
  }
  void Finish(const std::vector<std::string>& columns) override { Header(columns); }

 private:
  static std::string Field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
  }
  void Header(const std::vector<std::string>& columns) {
    if (started_) return;
    started_ = true;
    std::string line;
    for (size_t i = 0; i < columns.size(); ++i) absl::StrAppend(&line, i == 0 ? "" : ",", Field(columns[i]));
    write_(line + "\r\n");
  }
  WriteFn write_;
  bool started_ = false;
};

class TableWriter : public RowWriter {
 public:
  TableWriter(const Style& style, int width, WriteFn write)
      : style_(style), width_(width), write_(std::move(write)) {}
  void Row(const std::vector<std::string>&, const std::vector<SqlValue>& row) override {
    rows_.push_back(row);
  }
  void Finish(const std::vector<std::string>& columns) override {
    std::vector<TableColumn> shape;
    for (size_t i = 0; i < columns.size(); ++i) {
      shape.push_back({columns[i], IsNumeric(i) ? Align::kRight : Align::kLeft, !IsNumeric(i)});
    }
    Table table(std::move(shape));
    for (const std::vector<SqlValue>& row : rows_) {
      std::vector<TableCell> cells;
      for (const SqlValue& value : row) cells.push_back(Cell(value));
      table.AddRow(std::move(cells));
    }
    write_(table.Render(style_, width_));
  }

 private:
  bool IsNumeric(size_t column) const {
    bool any = false;
    for (const std::vector<SqlValue>& row : rows_) {
      if (std::holds_alternative<std::monostate>(row[column])) continue;
      if (!std::holds_alternative<int64_t>(row[column]) && !std::holds_alternative<double>(row[column]))
        return false;
      any = true;
    }
    return any;
  }
  static TableCell Cell(const SqlValue& value) {
    if (std::holds_alternative<std::monostate>(value)) return {"null", Tone::kDim};
    if (const auto* real = std::get_if<double>(&value)) return absl::StrFormat("%.6g", *real);
    if (const auto* blob = std::get_if<Blob>(&value)) {
      const std::string hex = absl::BytesToHexString(blob->bytes.substr(0, 8));
      return {absl::StrCat("x'", hex, blob->bytes.size() > 8 ? "…" : "", "'"), Tone::kDim};
    }
    return PlainText(value);
  }
  const Style style_;
  const int width_;
  WriteFn write_;
  std::vector<std::vector<SqlValue>> rows_;
};

}  // namespace

std::unique_ptr<RowWriter> MakeRowWriter(RowFormat format, const Style& style, int width, WriteFn write) {
  switch (format) {
    case RowFormat::kTable:
      return std::make_unique<TableWriter>(style, width, std::move(write));
    case RowFormat::kJson:
      return std::make_unique<JsonWriter>(/*lines=*/false, std::move(write));
    case RowFormat::kJsonLines:
      return std::make_unique<JsonWriter>(/*lines=*/true, std::move(write));
    case RowFormat::kCsv:
      return std::make_unique<CsvWriter>(std::move(write));
  }
  return nullptr;
}

}  // namespace sprint
