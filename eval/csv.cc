#include "eval/csv.h"

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

absl::Status Bad(int64_t line, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(line, ": ", message));
}

class CsvReader {
 public:
  explicit CsvReader(absl::string_view text) : text_(text) {}

  bool AtEnd() const { return at_ >= text_.size(); }
  int64_t line() const { return line_; }

  // One record; empty for an empty line.
  absl::Status Record(std::vector<std::string>& fields) {
    fields.clear();
    if (TakeLineEnd()) return absl::OkStatus();
    for (;;) {
      std::string& field = fields.emplace_back();
      const absl::Status status = Peek() == '"' ? Quoted(field) : Bare(field);
      if (!status.ok()) return status;
      if (Peek() == ',') {
        ++at_;
        continue;
      }
      if (AtEnd() || TakeLineEnd()) return absl::OkStatus();
      return Bad(line_, "a closing quote is followed by more than a comma; a quote in a field is doubled");
    }
  }

 private:
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool TakeLineEnd() {
    const bool carriage = Peek() == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n';
    if (!carriage && Peek() != '\n') return false;
    at_ += carriage ? 2 : 1;
    ++line_;
    return true;
  }
  absl::Status Quoted(std::string& field) {
    const int64_t begin = line_;
    for (++at_; !AtEnd(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          return absl::OkStatus();
        }
        ++at_;
      }
      if (c == '\n') ++line_;
      field.push_back(c);
    }
    return Bad(begin, "a quote is not closed");
  }
  absl::Status Bare(std::string& field) {
    for (; !AtEnd() && text_[at_] != ',' && text_[at_] != '\n'; ++at_) {
      const char c = text_[at_];
      if (c == '"') return Bad(line_, "a quote stands inside a field that is not quoted");
      if (c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') break;
      field.push_back(c);
    }
    return absl::OkStatus();
  }

  absl::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace

absl::Status ForEachCsvRecord(
    absl::string_view text,
    const std::function<absl::Status(const std::vector<std::string>& fields, int64_t line)>& row) {
  CsvReader reader(text);
  std::vector<std::string> fields;
  size_t columns = 0;
  while (!reader.AtEnd()) {
    const int64_t line = reader.line();
    absl::Status status = reader.Record(fields);
    if (!status.ok()) return status;
    if (fields.empty()) continue;
    if (columns == 0) columns = fields.size();
    if (fields.size() != columns) {
      return Bad(line, absl::StrCat("has ", fields.size(), " fields, the header has ", columns));
    }
    status = row(fields, line);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sprint
