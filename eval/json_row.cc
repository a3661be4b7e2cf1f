#include "eval/json_row.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace sprint {
namespace {

using Kind = JsonField::Kind;

// Takes the parser's events, so that a number keeps the digits it was written with and what is nested
// costs no memory. A row is an object at one depth; its scalars are its fields.
class RowHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  using RowFn = std::function<absl::Status(const JsonRow&)>;
  // `depth`: how many lists and objects stand around a row.
  RowHandler(size_t depth, const RowFn& done) : row_depth_(depth), done_(done) {}

  const absl::Status& status() const { return status_; }
  size_t error_at() const { return error_at_; }
  bool broken() const { return broken_; }
  int64_t rows() const { return rows_; }

  bool null() override { return Put({Kind::kNull, ""}); }
  bool boolean(bool value) override { return Put({Kind::kBool, value ? "true" : "false"}); }
  bool number_integer(int64_t value) override { return Put({Kind::kNumber, absl::StrCat(value)}); }
  bool number_unsigned(uint64_t value) override { return Put({Kind::kNumber, absl::StrCat(value)}); }
  bool number_float(double, const std::string& written) override { return Put({Kind::kNumber, written}); }
  bool string(std::string& value) override { return Put({Kind::kText, value}); }
  bool binary(binary_t&) override { return false; }  // JSON text has none
  bool start_object(size_t) override {
    if (!Put({Kind::kNested, ""})) return false;
    if (depth_ == row_depth_) {
      row_ = {};
      in_row_ = true;
    }
    ++depth_;
    return true;
  }
  bool start_array(size_t) override {
    const bool fine = Put({Kind::kNested, ""});
    ++depth_;
    return fine;
  }
  bool end_object() override {
    --depth_;
    if (depth_ != row_depth_) return true;
    in_row_ = false;
    ++rows_;
    return Check(done_(row_));
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(std::string& name) override {
    if (depth_ == row_depth_ + 1) name_ = name;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    broken_ = true;
    error_at_ = position;
    return false;
  }

 private:
  bool Put(JsonField field) {
    if (depth_ != row_depth_ + 1 || !in_row_) return true;
    if (row_.Find(name_) != nullptr) {
      return Check(absl::InvalidArgumentError(absl::StrCat("the field \"", name_, "\" is given twice")));
    }
    row_.fields.emplace_back(name_, std::move(field));
    return true;
  }
  bool Check(absl::Status status) {
    status_ = std::move(status);
    return status_.ok();
  }

  const size_t row_depth_;
  const RowFn& done_;
  JsonRow row_;
  std::string name_;
  absl::Status status_;
  size_t error_at_ = 0;
  size_t depth_ = 0;
  int64_t rows_ = 0;
  bool in_row_ = false;
  bool broken_ = false;
};

// OK or the handler's error; `broken` when the text is no JSON.
bool Walk(absl::string_view text, RowHandler& handler) {
  try {
    return nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  } catch (const std::exception&) {  // the library's, for a text it cannot decode
    return false;
  }
}

// "3, column 7" of a byte's place.
std::string Place(absl::string_view text, size_t at) {
  const absl::string_view before = text.substr(0, at);
  const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  const size_t begin = before.rfind('\n');
  const size_t column = at - (begin == absl::string_view::npos ? 0 : begin + 1);
  return absl::StrCat(line, ", column ", column);
}

}  // namespace

const JsonField* JsonRow::Find(const std::string& name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

std::string JsonRow::Names() const {
  std::string names;
  for (const auto& [field, value] : fields) absl::StrAppend(&names, names.empty() ? "" : ", ", field);
  return names.empty() ? "none" : names;
}

absl::StatusOr<JsonRow> ParseJsonRow(absl::string_view text) {
  JsonRow found;
  const RowHandler::RowFn keep = [&found](const JsonRow& row) {
    found = row;
    return absl::OkStatus();
  };
  RowHandler handler(0, keep);
  if (!Walk(text, handler)) {
    if (!handler.status().ok()) return handler.status();
    return absl::InvalidArgumentError(
        handler.broken() ? absl::StrCat("not JSON at column ", handler.error_at()) : "not JSON");
  }
  if (handler.rows() == 0) return absl::InvalidArgumentError("a row is a JSON object, one a line");
  return found;
}

absl::Status ForEachJsonRow(absl::string_view document,
                            const std::function<absl::Status(const JsonRow& row, int64_t number)>& row) {
  const size_t first = std::min(document.find_first_not_of(" \t\r\n"), document.size());
  const bool is_list = first < document.size() && document[first] == '[';
  // The objects of a list at depth 1; of {"data": […]} at depth 2; else the document itself.
  std::vector<size_t> depths = {1};
  if (!is_list) depths = {2, 0};
  for (const size_t depth : depths) {
    int64_t number = 0;
    const RowHandler::RowFn take = [&](const JsonRow& found) { return row(found, ++number); };
    RowHandler handler(depth, take);
    if (!Walk(document, handler)) {
      if (!handler.status().ok()) return handler.status();
      return absl::InvalidArgumentError(
          absl::StrCat("not JSON at line ", Place(document, handler.error_at())));
    }
    if (handler.rows() > 0) return absl::OkStatus();
  }
  return absl::InvalidArgumentError("holds no objects; a list of them is expected");
}

}  // namespace sprint
