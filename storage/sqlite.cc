#include "storage/sqlite.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"

namespace sprint {
namespace {

// Beyond this size the pages are not searched for the damaged one when an error is met.
constexpr int64_t kMaxDamageSearchBytes = int64_t{256} << 20;

bool NoRoom(int code, int system_error) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN) return false;
  return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
}

// The operating system's reason for an I/O error. SQLite keeps the last errno of each file, and may lose
// the connection's while it rolls back.
int SystemError(sqlite3* handle) {
  int error = sqlite3_system_errno(handle);
  if (error == 0) sqlite3_file_control(handle, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
  sqlite3_file* log = nullptr;
  if (error == 0 && sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
      log != nullptr && log->pMethods != nullptr) {
    log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
  }
  return error;
}

absl::Status ConstraintError(int extended, const std::string& path, const std::string& message) {
  const std::string line = absl::StrCat(path, ": ", message);
  if (extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_UNIQUE) {
    return absl::AlreadyExistsError(line);
  }
  return absl::InvalidArgumentError(line);
}

}  // namespace

absl::StatusOr<bool> Query::Next() {
  switch (sqlite3_step(statement_.handle())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return statement_.database()->LastError();
  }
}

absl::Status Query::Run() {
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, Next());
    if (!more) return absl::OkStatus();
  }
}

absl::string_view Query::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.handle(), column);
  const int size = sqlite3_column_bytes(statement_.handle(), column);
  return data == nullptr ? absl::string_view()
                         : absl::string_view(static_cast<const char*>(data), static_cast<size_t>(size));
}

void Query::Bind(int index, absl::string_view value) {
  sqlite3_bind_text64(statement_.handle(), index, value.empty() ? "" : value.data(), value.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
}

void Query::Bind(int index, BlobView value) {
  if (value.bytes.empty()) {
    sqlite3_bind_zeroblob(statement_.handle(), index, 0);
  } else {
    sqlite3_bind_blob64(statement_.handle(), index, value.bytes.data(), value.bytes.size(), SQLITE_STATIC);
  }
}

void Query::Bind(int index, NullableId id) {
  if (id.value > 0) {
    sqlite3_bind_int64(statement_.handle(), index, id.value);
  } else {
    sqlite3_bind_null(statement_.handle(), index);
  }
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& uri, const std::string& path,
                                                         int flags) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(uri.c_str(), &handle, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  if (handle == nullptr) return absl::ResourceExhaustedError(absl::StrCat("no memory to open ", path));
  std::unique_ptr<Database> database(new Database(handle, path));
  sqlite3_extended_result_codes(handle, 1);
  if (code != SQLITE_OK) return database->LastError();
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

Database::~Database() { sqlite3_close_v2(handle_); }

absl::Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return LastError();
  return absl::OkStatus();
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return LastError();
  return Statement(this, statement);
}

absl::StatusOr<int64_t> Database::QueryInt(const std::string& sql) {
  SPRINT_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  Query query(statement);
  SPRINT_ASSIGN_OR_RETURN(const bool found, query.Next());
  return found ? query.Int(0) : 0;
}

// What quick_check says of the first damaged page; empty when it says nothing, or would take long.
std::string Database::FirstDamage() {
  if (looking_for_damage_) return "";
  looking_for_damage_ = true;
  std::string found;
  const absl::StatusOr<int64_t> bytes =
      QueryInt("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
  if (bytes.ok() && *bytes <= kMaxDamageSearchBytes) {
    absl::StatusOr<Statement> statement = Prepare("PRAGMA quick_check(1)");
    if (statement.ok()) {
      Query query(*statement);
      const absl::StatusOr<bool> row = query.Next();
      if (row.ok() && *row && query.Bytes(0) != "ok") found = query.Text(0);
    }
  }
  looking_for_damage_ = false;
  return absl::StrReplaceAll(found, {{"*** in database main ***\n", ""}, {"\n", "; "}});
}

absl::Status Database::LastError() {
  const int code = sqlite3_extended_errcode(handle_);
  const int system_error =
      (code & 0xff) == SQLITE_IOERR ? SystemError(handle_) : sqlite3_system_errno(handle_);
  std::string message = sqlite3_errmsg(handle_);
  if (NoRoom(code, system_error)) {
    return Error(
        absl::StatusCode::kResourceExhausted, Reason::kDatabaseFull,
        absl::StrCat("no room to write ", path_,
                     ": nothing of this change was kept, all earlier ones are; free space on its disk"));
  }
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: {
      const std::string damage = FirstDamage();
      return Error(
          absl::StatusCode::kDataLoss, Reason::kDatabaseCorrupt,
          absl::StrCat(path_, " is damaged (", damage.empty() ? message : damage,
                       "): restore a backup, or see what is left with `sprint db check ", path_, "`"));
    }
    case SQLITE_READONLY:
      return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseReadOnly,
                   absl::StrCat(path_,
                                " cannot be written: the file, its folder or its disk is read-only; make it "
                                "writable or name another database"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(path_, " is locked by another connection for longer than ",
                                                 kBusyTimeoutMs / 1000, " s: end the program that holds it"));
    case SQLITE_CONSTRAINT:
      return ConstraintError(code, path_, message);
    case SQLITE_INTERRUPT:
      return absl::CancelledError(absl::StrCat(path_, ": the query was interrupted"));
    case SQLITE_NOMEM:
      return Error(absl::StatusCode::kResourceExhausted, Reason::kOutOfMemory,
                   absl::StrCat("no memory for a query of ", path_));
    case SQLITE_ERROR:
    case SQLITE_AUTH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return absl::InvalidArgumentError(absl::StrCat(path_, ": ", message));
    default:
      break;
  }
  if (system_error != 0) absl::StrAppend(&message, ", ", std::strerror(system_error));
  return absl::UnavailableError(absl::StrCat("cannot read or write ", path_, ": ", message));
}

absl::Status Transaction::Begin() {
  SPRINT_RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
  open_ = true;
  return absl::OkStatus();
}

absl::Status Transaction::Commit() {
  SPRINT_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  open_ = false;
  return absl::OkStatus();
}

void Transaction::Rollback() {
  // Some errors (a full disk) have rolled back already.
  if (open_ && sqlite3_get_autocommit(database_->handle()) == 0) {
    sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  open_ = false;
}

std::string SqliteUri(const std::string& path, absl::string_view parameters) {
  return absl::StrCat("file:", absl::StrReplaceAll(path, {{"%", "%25"}, {"?", "%3f"}, {"#", "%23"}}), "?",
                      parameters);
}

}  // namespace sprint
