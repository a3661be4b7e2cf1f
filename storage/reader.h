// Read-only access to a database, beside a live coordinator and without ever blocking it.
#ifndef SPRINT_STORAGE_READER_H_
#define SPRINT_STORAGE_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/hash.h"

namespace sprint {

// A value of a result row. Blobs come as Blob.
struct Blob {
  std::string bytes;
};
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, Blob>;

// What exists already of a selection, by content hashes: for `launch --dry-run`.
struct SelectionCensus {
  int64_t existing = 0;                  // rows
  double mean_tokens = 0;                // generated, of the run's outcomes; 0 when there are none
  double tokens_per_second = 0;          // measured over the run's outcomes' workers; 0 when unknown
};

// Not thread-safe; open one per thread. Statements run with PRAGMA query_only. A statement that
// runs long has its snapshot renewed between calls to ForEachRow, never within one; the WAL's growth
// under foreign readers is what the coordinator reports.
class Reader {
 public:
  // Errors as OpenSqliteStore's, without ownership. A database on a read-only file opens too.
  static absl::StatusOr<std::unique_ptr<Reader>> Open(const std::string& path);
  virtual ~Reader() = default;

  // Runs one SELECT (or WITH, EXPLAIN, PRAGMA that reads). `row` gets the column names with each row
  // and returns false to stop. INVALID_ARGUMENT with SQLite's message for SQL that is wrong, for more
  // than one statement, or for one that would write.
  using RowFn = std::function<bool(const std::vector<std::string>& columns, const std::vector<SqlValue>& row)>;
  virtual absl::Status ForEachRow(const std::string& sql, const std::vector<SqlValue>& parameters,
                                  const RowFn& row) = 0;
  // The columns of the last statement, also when it had no rows.
  virtual const std::vector<std::string>& columns() const = 0;

  // The documented views: (name, what it shows).
  virtual std::vector<std::pair<std::string, std::string>> Views() = 0;

  virtual absl::StatusOr<SelectionCensus> Census(const Hash256& run, absl::Span<const Hash256> questions,
                                                 absl::Span<const Hash256> arms, int32_t samples) = 0;
};

// SQL functions that the reader adds: answer_text(blob) and answer_tokens(blob) decode the payload of
// `answer` (zstd) to text and to a JSON list.

}  // namespace sprint

#endif  // SPRINT_STORAGE_READER_H_
