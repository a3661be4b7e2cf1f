// A thin layer over SQLite's C interface, inside this room only: connections, prepared statements,
// transactions, and SQLite's result codes as our errors. No exceptions, no hidden state.
#ifndef SPRINT_STORAGE_SQLITE_H_
#define SPRINT_STORAGE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/hash.h"

namespace sprint {

class Database;

// How long a statement waits for another connection's lock before it gives up.
inline constexpr int kBusyTimeoutMs = 10'000;

// Bytes bound as BLOB; a plain string binds as TEXT.
struct BlobView {
  absl::string_view bytes;
};
// Binds NULL when the number is not positive: an id that names nothing.
struct NullableId {
  int64_t value;
};

// A prepared statement. Movable; lives no longer than its Database.
class Statement {
 public:
  Statement() = default;
  Statement(Database* database, sqlite3_stmt* handle) : database_(database), handle_(handle) {}
  ~Statement() { sqlite3_finalize(handle_); }
  Statement(Statement&& other) noexcept { *this = std::move(other); }
  Statement& operator=(Statement&& other) noexcept {
    std::swap(database_, other.database_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  sqlite3_stmt* handle() const { return handle_; }
  Database* database() const { return database_; }

 private:
  Database* database_ = nullptr;
  sqlite3_stmt* handle_ = nullptr;
};

// One use of a statement with its parameters; resets the statement at the end of the scope, so that
// no snapshot outlives it. Bound strings must live as long as the Query.
class Query {
 public:
  template <typename... Args>
  explicit Query(Statement& statement, const Args&... args) : statement_(statement) {
    int index = 0;
    (Bind(++index, args), ...);
    (void)index;
  }
  ~Query() {
    sqlite3_reset(statement_.handle());
    sqlite3_clear_bindings(statement_.handle());
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // True when there is a row.
  absl::StatusOr<bool> Next();
  // Runs to the end, rows ignored.
  absl::Status Run();

  // Columns of the current row, from 0.
  int64_t Int(int column) const { return sqlite3_column_int64(statement_.handle(), column); }
  double Double(int column) const { return sqlite3_column_double(statement_.handle(), column); }
  bool IsNull(int column) const { return sqlite3_column_type(statement_.handle(), column) == SQLITE_NULL; }
  absl::string_view Bytes(int column) const;  // TEXT or BLOB; valid until Next
  std::string Text(int column) const { return std::string(Bytes(column)); }

 private:
  void Bind(int index, int64_t value) { sqlite3_bind_int64(statement_.handle(), index, value); }
  void Bind(int index, int32_t value) { sqlite3_bind_int64(statement_.handle(), index, value); }
  void Bind(int index, bool value) { sqlite3_bind_int64(statement_.handle(), index, value ? 1 : 0); }
  void Bind(int index, double value) { sqlite3_bind_double(statement_.handle(), index, value); }
  void Bind(int index, absl::string_view value);
  void Bind(int index, const std::string& value) { Bind(index, absl::string_view(value)); }
  void Bind(int index, const char* value) { Bind(index, absl::string_view(value)); }
  void Bind(int index, BlobView value);
  void Bind(int index, const Hash256& value) { Bind(index, BlobView{value.Raw()}); }
  void Bind(int index, NullableId id);

  Statement& statement_;
};

// A connection. Not thread-safe, but for Interrupt.
class Database {
 public:
  // `uri` may carry SQLite's URI parameters; `path` is what messages name. `flags` are SQLITE_OPEN_*.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& uri, const std::string& path,
                                                        int flags);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One or several statements, their rows ignored.
  absl::Status Execute(const std::string& sql);
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // The first column of the first row; 0 when there is none.
  absl::StatusOr<int64_t> QueryInt(const std::string& sql);
  int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
  // Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t changes() const { return sqlite3_changes64(handle_); }

  // The error that the connection met last, as ours (see store.h for the codes).
  absl::Status LastError();
  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  std::string FirstDamage();
  sqlite3* handle_;
  std::string path_;
  bool looking_for_damage_ = false;
};

// BEGIN IMMEDIATE … COMMIT; rolled back at the end of the scope unless committed.
class Transaction {
 public:
  explicit Transaction(Database* database) : database_(database) {}
  ~Transaction() { Rollback(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  absl::Status Begin();
  absl::Status Commit();
  void Rollback();

 private:
  Database* const database_;
  bool open_ = false;
};

// `path` as a SQLite URI: "file:" with the special characters escaped, and `parameters` ("mode=ro").
std::string SqliteUri(const std::string& path, absl::string_view parameters);

}  // namespace sprint

#endif  // SPRINT_STORAGE_SQLITE_H_
