#include "storage/reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "storage/census.h"
#include "storage/file_system.h"
#include "storage/judged.h"
#include "storage/reader_guard.h"
#include "storage/schema.h"
#include "storage/sqlite.h"

namespace sprint {
namespace {

// While the log's file is larger than the writer wants it (sqlite_store.cc), a call waits for the
// writer to fold it in: until it is small again, has not changed for a while (no writer is at work),
// or this long.
constexpr int64_t kLargeLogBytes = int64_t{16} << 20;
constexpr absl::Duration kYieldStep = absl::Milliseconds(5);
constexpr absl::Duration kYieldUnchanged = absl::Milliseconds(150);
constexpr absl::Duration kYieldLongest = absl::Seconds(1);

int64_t FileBytes(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

class SqliteReader : public Reader {
 public:
  SqliteReader(std::unique_ptr<Database> database, std::string path)
      : database_(std::move(database)), log_path_(path + "-wal") {}

  absl::Status ForEachRow(const std::string& sql, const std::vector<SqlValue>& parameters,
                          const RowFn& row) override;
  const std::vector<std::string>& columns() const override { return columns_; }
  void Interrupt() override { sqlite3_interrupt(database_->handle()); }
  std::vector<std::pair<std::string, std::string>> Views() override;
  absl::StatusOr<SelectionCensus> Census(const Hash256& run, absl::Span<const CensusBlock> blocks) override;
  absl::StatusOr<JudgedExperiment> Judged(ExperimentId id, ReadAnswers answers,
                                          const JudgedFn& question) override;

 private:
  void Yield();

  std::unique_ptr<Database> database_;
  std::string log_path_;
  int64_t unchanging_log_ = -1;  // a size that no writer is working on
  std::vector<std::string> columns_;
};

void SqliteReader::Yield() {
  int64_t bytes = FileBytes(log_path_);
  absl::Duration unchanged = absl::ZeroDuration();
  for (absl::Duration waited; waited < kYieldLongest && bytes > kLargeLogBytes; waited += kYieldStep) {
    if (bytes == unchanging_log_) return;
    absl::SleepFor(kYieldStep);
    const int64_t now = FileBytes(log_path_);
    unchanged = now == bytes ? unchanged + kYieldStep : absl::ZeroDuration();
    bytes = now;
    if (unchanged >= kYieldUnchanged) unchanging_log_ = bytes;
  }
}

absl::Status BindAll(sqlite3_stmt* statement, const std::vector<SqlValue>& parameters) {
  const int expected = sqlite3_bind_parameter_count(statement);
  if (static_cast<int>(parameters.size()) != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("the query has ", expected, " parameters, ", parameters.size(), " were given"));
  }
  for (int i = 0; i < expected; ++i) {
    const SqlValue& value = parameters[static_cast<size_t>(i)];
    if (const auto* number = std::get_if<int64_t>(&value)) {
      sqlite3_bind_int64(statement, i + 1, *number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      sqlite3_bind_double(statement, i + 1, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      sqlite3_bind_text64(statement, i + 1, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      sqlite3_bind_blob64(statement, i + 1, blob->bytes.data(), blob->bytes.size(), SQLITE_STATIC);
    }
  }
  return absl::OkStatus();
}

SqlValue ColumnValue(const Query& query, sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return query.Int(column);
    case SQLITE_FLOAT:
      return query.Double(column);
    case SQLITE_TEXT:
      return query.Text(column);
    case SQLITE_BLOB:
      return Blob{query.Text(column)};
    default:
      return std::monostate();
  }
}

absl::Status SqliteReader::ForEachRow(const std::string& sql, const std::vector<SqlValue>& parameters,
                                      const RowFn& row) {
  Yield();
  columns_.clear();
  SPRINT_ASSIGN_OR_RETURN(Statement statement, PrepareSingleRead(*database_, sql));
  const int width = sqlite3_column_count(statement.handle());
  for (int i = 0; i < width; ++i) columns_.push_back(sqlite3_column_name(statement.handle(), i));
  SPRINT_RETURN_IF_ERROR(BindAll(statement.handle(), parameters));
  Query query(statement);  // resets the statement at the end, which ends its snapshot
  std::vector<SqlValue> values(static_cast<size_t>(width));
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    for (int i = 0; i < width; ++i)
      values[static_cast<size_t>(i)] = ColumnValue(query, statement.handle(), i);
    if (!row(columns_, values)) return absl::OkStatus();
  }
}

std::vector<std::pair<std::string, std::string>> SqliteReader::Views() {
  std::vector<std::pair<std::string, std::string>> views;
  for (const ViewDescription& view : DocumentedViews()) views.emplace_back(view.name, view.what);
  return views;
}

absl::StatusOr<SelectionCensus> SqliteReader::Census(const Hash256& run,
                                                     absl::Span<const CensusBlock> blocks) {
  Yield();
  return TakeCensus(*database_, run, blocks);
}

absl::StatusOr<JudgedExperiment> SqliteReader::Judged(ExperimentId id, ReadAnswers answers,
                                                      const JudgedFn& question) {
  Yield();
  return ReadJudged(*database_, id, answers, question);
}

// A database with its log needs memory shared with its writer, made beside it. In a folder where
// nothing can be made, a database whose log is folded in can be read as it is.
absl::StatusOr<std::unique_ptr<Database>> OpenForReading(const std::string& path) {
  const bool lone = FileBytes(path + "-wal") == 0 && access(FolderOf(path).c_str(), W_OK) != 0;
  SPRINT_ASSIGN_OR_RETURN(
      std::unique_ptr<Database> database,
      Database::Open(SqliteUri(path, lone ? "immutable=1" : "mode=ro"), path, SQLITE_OPEN_READONLY));
  const absl::Status readable = database->QueryInt("PRAGMA schema_version").status();
  if (readable.ok()) return database;
  const int code = sqlite3_errcode(database->handle());
  if (code == SQLITE_CANTOPEN && access(FolderOf(path).c_str(), W_OK) != 0) {
    return Error(
        absl::StatusCode::kFailedPrecondition, Reason::kDatabaseReadOnly,
        absl::StrCat(path, " has a log that is not folded in, and its folder is read-only: copy ", path,
                     " and ", path, "-wal to a folder that can be written, and read them there"));
  }
  return readable;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Reader>> Reader::Open(const std::string& path) {
  if (!FileExists(path)) {
    return absl::NotFoundError(absl::StrCat("there is no database ", path, ": `sprint launch` makes one"));
  }
  if (IsDirectory(path)) return absl::NotFoundError(absl::StrCat(path, " is a folder: name a file in it"));
  SPRINT_RETURN_IF_ERROR(CheckFileSystem(path, {}));
  SPRINT_RETURN_IF_ERROR(CheckFileHeader(path));
  SPRINT_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, OpenForReading(path));
  SPRINT_ASSIGN_OR_RETURN(const FileKind kind, ExamineSchema(*database));
  if (kind == FileKind::kEmpty) {
    return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseForeign,
                 absl::StrCat(path, " is empty: `sprint launch` fills it"));
  }
  SPRINT_RETURN_IF_ERROR(GuardReader(*database));
  return std::unique_ptr<Reader>(std::make_unique<SqliteReader>(std::move(database), path));
}

absl::StatusOr<ExperimentId> FindExperiment(Reader& reader, const std::string& name_or_id) {
  ExperimentId found;
  const Reader::RowFn take = [&found](const std::vector<std::string>&, const std::vector<SqlValue>& row) {
    found = ExperimentId(std::get<int64_t>(row[0]));
    return false;
  };
  if (name_or_id.empty()) {
    SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
        "SELECT experiment_id FROM experiment ORDER BY experiment_id DESC LIMIT 1", {}, take));
  }
  int64_t number = 0;
  if (absl::SimpleAtoi(name_or_id, &number)) {
    SPRINT_RETURN_IF_ERROR(
        reader.ForEachRow("SELECT experiment_id FROM experiment WHERE experiment_id = ?1", {number}, take));
  }
  if (!found.valid()) {
    SPRINT_RETURN_IF_ERROR(reader.ForEachRow(
        "SELECT experiment_id FROM experiment WHERE name = ?1 ORDER BY experiment_id DESC LIMIT 1",
        {name_or_id}, take));
  }
  if (found.valid()) return found;
  std::vector<std::string> names;
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow("SELECT DISTINCT name FROM experiment ORDER BY experiment_id DESC LIMIT 10", {},
                        [&names](const std::vector<std::string>&, const std::vector<SqlValue>& row) {
                          names.push_back(std::get<std::string>(row[0]));
                          return true;
                        }));
  return Error(absl::StatusCode::kNotFound, Reason::kExperimentUnknown,
               names.empty() ? "the database has no experiment yet: `sprint launch` makes one"
                             : absl::StrCat("no experiment is called or numbered \"", name_or_id,
                                            "\"; there are: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::vector<ExperimentSummary>> ListExperiments(Reader& reader) {
  std::vector<ExperimentSummary> all;
  SPRINT_RETURN_IF_ERROR(
      reader.ForEachRow("SELECT e.experiment_id, e.name, e.state, e.priority, p.cells, p.done, "
                        "p.quarantined, p.correct, p.tokens "
                        "FROM experiment e LEFT JOIN v_progress p ON p.experiment_id = e.experiment_id ORDER "
                        "BY e.experiment_id",
                        {}, [&](const std::vector<std::string>&, const std::vector<SqlValue>& row) {
                          ExperimentSummary& summary = all.emplace_back();
                          summary.id = ExperimentId(IntegerOf(row[0]));
                          summary.name = TextOf(row[1]);
                          summary.state = static_cast<ExperimentState>(IntegerOf(row[2]));
                          summary.priority = static_cast<int32_t>(IntegerOf(row[3]));
                          summary.cells = IntegerOf(row[4]);
                          summary.done = IntegerOf(row[5]);
                          summary.quarantined = IntegerOf(row[6]);
                          summary.correct = IntegerOf(row[7]);
                          summary.tokens = IntegerOf(row[8]);
                          return true;
                        }));
  return all;
}

}  // namespace sprint
