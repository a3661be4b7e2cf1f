#include "storage/reader_guard.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "storage/payload.h"

namespace sprint {
namespace {

// PRAGMAs that only read. With an argument, only those that take a name rather than a value.
constexpr std::array<absl::string_view, 13> kPlainPragmas = {
    "application_id", "collation_list", "compile_options", "data_version", "database_list",
    "encoding",       "freelist_count", "function_list",   "journal_mode", "page_count",
    "page_size",      "schema_version", "user_version"};
constexpr std::array<absl::string_view, 10> kNamePragmas = {
    "foreign_key_check", "foreign_key_list", "index_info", "index_list",  "index_xinfo",
    "integrity_check",   "quick_check",      "table_info", "table_xinfo", "table_list"};

template <size_t kSize>
bool Contains(const std::array<absl::string_view, kSize>& names, absl::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](absl::string_view known) { return absl::EqualsIgnoreCase(known, name); });
}

// Refuses what sqlite3_stmt_readonly does not count as a change: other files, transactions that would stay
// open, PRAGMAs. It cannot refuse CREATE and INSERT as such: SQLite asks for both when it declares the
// columns of a table-valued function.
int Authorize(void*, int action, const char* first, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return SQLITE_DENY;
    case SQLITE_FUNCTION:
      return absl::EqualsIgnoreCase(second, "load_extension") ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
      if (Contains(kNamePragmas, first)) return SQLITE_OK;
      return second == nullptr && Contains(kPlainPragmas, first) ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_OK;
  }
}

absl::string_view Argument(sqlite3_value* value) {
  const void* data = sqlite3_value_blob(value);
  if (data == nullptr) return {};
  return absl::string_view(static_cast<const char*>(data), static_cast<size_t>(sqlite3_value_bytes(value)));
}

void ResultText(sqlite3_context* context, absl::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void ResultError(sqlite3_context* context, const absl::Status& status) {
  const std::string message(status.message());
  sqlite3_result_error(context, message.c_str(), -1);
}

void AnswerText(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  const absl::StatusOr<std::string> text = DecodeText(Argument(arguments[0]));
  if (!text.ok()) return ResultError(context, text.status());
  ResultText(context, *text);
}

void AnswerTokens(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  const absl::StatusOr<std::vector<int32_t>> tokens = DecodeTokens(Argument(arguments[0]));
  if (!tokens.ok()) return ResultError(context, tokens.status());
  ResultText(context, absl::StrCat("[", absl::StrJoin(*tokens, ","), "]"));
}

// True when nothing but blanks, semicolons and comments is left.
bool OnlyBlanks(Database& database, const char* rest) {
  while (rest != nullptr && *rest != '\0') {
    sqlite3_stmt* next = nullptr;
    const char* tail = nullptr;
    if (sqlite3_prepare_v2(database.handle(), rest, -1, &next, &tail) != SQLITE_OK) return false;
    sqlite3_finalize(next);
    if (next != nullptr) return false;
    if (tail == rest) return true;
    rest = tail;
  }
  return true;
}

}  // namespace

absl::Status GuardReader(Database& database) {
  SPRINT_RETURN_IF_ERROR(database.Execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY"));
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  const int text = sqlite3_create_function_v2(database.handle(), "answer_text", 1, kFlags, nullptr,
                                              &AnswerText, nullptr, nullptr, nullptr);
  const int tokens = sqlite3_create_function_v2(database.handle(), "answer_tokens", 1, kFlags, nullptr,
                                                &AnswerTokens, nullptr, nullptr, nullptr);
  if (text != SQLITE_OK || tokens != SQLITE_OK) return database.LastError();
  sqlite3_set_authorizer(database.handle(), &Authorize, nullptr);
  return absl::OkStatus();
}

absl::StatusOr<Statement> PrepareSingleRead(Database& database, const std::string& sql) {
  sqlite3_stmt* handle = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &handle, &rest);
  if (code == SQLITE_AUTH) {
    return absl::InvalidArgumentError(
        absl::StrCat("this statement would change the database or the connection; queries only read (",
                     sqlite3_errmsg(database.handle()), ")"));
  }
  if (code != SQLITE_OK) return database.LastError();
  Statement statement(&database, handle);
  if (handle == nullptr) return absl::InvalidArgumentError("there is no statement in the query");
  if (sql.find('\0') != std::string::npos) return absl::InvalidArgumentError("the query has a NUL character");
  if (!OnlyBlanks(database, rest))
    return absl::InvalidArgumentError("one statement at a time: something follows the first");
  if (sqlite3_stmt_readonly(handle) == 0) {
    return absl::InvalidArgumentError("this statement would change the database; queries only read");
  }
  return statement;
}

}  // namespace sprint
