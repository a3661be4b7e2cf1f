// What a reading connection may do: the authorizer, and the SQL functions for payloads.
#ifndef SPRINT_STORAGE_READER_GUARD_H_
#define SPRINT_STORAGE_READER_GUARD_H_

#include <string>

#include "absl/status/status.h"
#include "storage/sqlite.h"

namespace sprint {

// Refuses, at the time a statement is prepared, ATTACH, transactions, extensions and PRAGMAs that change
// something; PrepareSingleRead refuses writes. Also registers answer_text and answer_tokens.
absl::Status GuardReader(Database& database);

// INVALID_ARGUMENT unless `sql` is one statement; gives the statement. Blank input is no statement.
absl::StatusOr<Statement> PrepareSingleRead(Database& database, const std::string& sql);

}  // namespace sprint

#endif  // SPRINT_STORAGE_READER_GUARD_H_
