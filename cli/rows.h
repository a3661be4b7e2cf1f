// Result rows of a query, written as a table, JSON, JSON lines or CSV.
#ifndef SPRINT_CLI_ROWS_H_
#define SPRINT_CLI_ROWS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cli/terminal.h"
#include "storage/reader.h"

namespace sprint {

enum class RowFormat { kTable, kJson, kJsonLines, kCsv };

// Takes rows one by one and writes them through `write`; all but the table hold one row at a time.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  virtual void Row(const std::vector<std::string>& columns, const std::vector<SqlValue>& row) = 0;
  // Once, after the last row; `columns` also when there was none.
  virtual void Finish(const std::vector<std::string>& columns) = 0;
};

using WriteFn = std::function<void(absl::string_view)>;
// JSON: NULL is null, a blob is hex text. CSV (RFC 4180): NULL is an empty field, a blob hex text.
std::unique_ptr<RowWriter> MakeRowWriter(RowFormat format, const Style& style, int width, WriteFn write);

}  // namespace sprint

#endif  // SPRINT_CLI_ROWS_H_
