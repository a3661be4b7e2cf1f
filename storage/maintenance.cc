#include "storage/maintenance.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status.h"
#include "storage/counters.h"
#include "storage/file_system.h"
#include "storage/payload.h"
#include "storage/reader.h"
#include "storage/schema.h"
#include "storage/sqlite.h"

namespace sprint {
namespace {

constexpr size_t kMaxProblems = 100;
// Of a backup, between two looks at whether the writer wants the lock.
constexpr int kPagesPerStep = 2048;

// Reader::Open makes the checks of the file; the connection here is without its guard.
absl::StatusOr<std::unique_ptr<Database>> OpenExamined(const std::string& path) {
  SPRINT_RETURN_IF_ERROR(Reader::Open(path).status());
  const bool lone = access(FolderOf(path).c_str(), W_OK) != 0 && !FileExists(path + "-wal");
  return Database::Open(SqliteUri(path, lone ? "immutable=1" : "mode=ro"), path, SQLITE_OPEN_READONLY);
}

class Checker {
 public:
  explicit Checker(Database* database) : database_(database) {}

  CheckReport Run() {
    Try("pages", [this] { return CheckPages(); });
    Try("foreign keys", [this] { return CheckForeignKeys(); });
    Try("questions", [this] { return CheckQuestions(); });
    Try("outcomes", [this] { return CheckOutcomes(); });
    Try("hidden states", [this] { return CheckFeatures(); });
    Try("counters", [this] { return CheckCounters(); });
    return std::move(report_);
  }

 private:
  void Found(const std::string& problem) {
    if (report_.problems.size() < kMaxProblems) {
      report_.problems.push_back(absl::StrReplaceAll(problem, {{"\n", "; "}}));
    }
  }
  template <typename Fn>
  void Try(absl::string_view what, const Fn& check) {
    const absl::Status status = check();
    if (!status.ok()) Found(absl::StrCat(what, ": ", std::string(status.message())));
  }

  absl::Status CheckPages();
  absl::Status CheckForeignKeys();
  absl::Status CheckQuestions();
  absl::Status CheckOutcomes();
  absl::Status CheckFeatures();
  absl::Status CheckCounters();

  Database* const database_;
  CheckReport report_;
};

absl::Status Checker::CheckPages() {
  SPRINT_ASSIGN_OR_RETURN(Statement check, database_->Prepare("PRAGMA integrity_check"));
  Query query(check);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    if (query.Bytes(0) != "ok") Found(absl::StrCat("pages: ", query.Text(0)));
  }
}

absl::Status Checker::CheckForeignKeys() {
  SPRINT_ASSIGN_OR_RETURN(Statement check, database_->Prepare("PRAGMA foreign_key_check"));
  std::map<std::pair<std::string, std::string>, int64_t> dangling;  // rows, by child and parent table
  Query query(check);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) break;
    ++dangling[{query.Text(0), query.Text(2)}];
  }
  for (const auto& [tables, rows] : dangling) {
    Found(absl::StrCat(rows, " rows of ", tables.first, " name rows of ", tables.second,
                       " that are not there"));
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckQuestions() {
  SPRINT_ASSIGN_OR_RETURN(Statement select,
                          database_->Prepare("SELECT question_id, hash, tokens FROM question"));
  Query query(select);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    QuestionRecord question;
    const absl::StatusOr<std::vector<int32_t>> tokens = DecodeTokens(query.Bytes(2));
    if (tokens.ok()) question.tokens = *tokens;
    if (!tokens.ok() || question.ContentHash().Raw() != query.Bytes(1)) {
      Found(absl::StrCat("question ", query.Int(0), ": its tokens are not those of its hash"));
    }
  }
}

absl::Status Checker::CheckOutcomes() {
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare("SELECT o.run_id, o.question_id, o.arm_id, o.sample, o.token_count, "
                         "a.tokens, a.text FROM outcome o CROSS JOIN answer a ON a.answer_id = "
                         "o.answer_id"));
  Query query(select);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    ++report_.outcomes;
    const CellKey cell{RunId(query.Int(0)), QuestionId(query.Int(1)), ArmId(query.Int(2)),
                       static_cast<int32_t>(query.Int(3))};
    const absl::StatusOr<std::vector<int32_t>> tokens = DecodeTokens(query.Bytes(5));
    const absl::StatusOr<std::string> text = DecodeText(query.Bytes(6));
    if (!tokens.ok() || !text.ok()) {
      Found(absl::StrCat(ToString(cell), ": its answer is damaged"));
    } else if (static_cast<int64_t>(tokens->size()) != query.Int(4)) {
      Found(absl::StrCat(ToString(cell), ": its row says ", query.Int(4), " tokens, its answer has ",
                         tokens->size()));
    } else {
      ++report_.payloads;
    }
  }
}

absl::Status Checker::CheckFeatures() {
  SPRINT_ASSIGN_OR_RETURN(const int64_t there, database_->QueryInt("SELECT count(*) FROM sqlite_schema WHERE "
                                                                   "name = 'feature'"));
  if (there == 0) return absl::OkStatus();  // a file of an older schema
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare("SELECT f.question_id, k.layer, length(f.vector), 4 * k.width FROM feature f JOIN "
                         "feature_kind k USING (feature_kind_id) WHERE length(f.vector) <> 4 * k.width"));
  Query query(select);
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return absl::OkStatus();
    Found(absl::StrCat("question ", query.Int(0), ": its hidden state of layer ", query.Int(1), " has ",
                       query.Int(2), " bytes, not ", query.Int(3)));
  }
}

absl::StatusOr<std::vector<ArmCounters>> StoredCounters(Database& database, ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT arm_id, cells, done, judged, correct, truncated, tokens FROM "
                       "experiment_arm WHERE experiment_id = ?1 ORDER BY ordinal"));
  Query query(select, id.value());
  std::vector<ArmCounters> counters;
  for (;;) {
    SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
    if (!more) return counters;
    counters.push_back({ArmId(query.Int(0)), query.Int(1), query.Int(2), query.Int(3), query.Int(4),
                        query.Int(5), query.Int(6)});
  }
}

// In the order of `stored`; an arm without cells has zeroes.
std::vector<ArmCounters> InOrderOf(const std::vector<ArmCounters>& stored,
                                   const std::vector<ArmCounters>& counted) {
  absl::flat_hash_map<ArmId, ArmCounters> by_arm;
  for (const ArmCounters& counters : counted) by_arm[counters.arm] = counters;
  std::vector<ArmCounters> ordered;
  for (const ArmCounters& counters : stored) {
    ordered.push_back(by_arm[counters.arm]);
    ordered.back().arm = counters.arm;
  }
  return ordered;
}

// One snapshot for both sides, since a coordinator may be committing.
absl::Status Checker::CheckCounters() {
  SPRINT_RETURN_IF_ERROR(database_->Execute("BEGIN"));
  std::vector<ExperimentId> ids;
  {
    SPRINT_ASSIGN_OR_RETURN(Statement select, database_->Prepare("SELECT experiment_id FROM experiment"));
    Query query(select);
    for (;;) {
      SPRINT_ASSIGN_OR_RETURN(const bool more, query.Next());
      if (!more) break;
      ids.push_back(ExperimentId(query.Int(0)));
    }
  }
  for (const ExperimentId id : ids) {
    SPRINT_ASSIGN_OR_RETURN(const std::vector<ArmCounters> stored, StoredCounters(*database_, id));
    SPRINT_ASSIGN_OR_RETURN(const std::vector<ArmCounters> counted, RecountFromRows(*database_, id));
    const std::vector<ArmCounters> expected = InOrderOf(stored, counted);
    if (counted.size() != stored.size())
      Found(absl::StrCat("experiment ", id.value(), ": an arm has no counters"));
    for (size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] == expected[i]) continue;
      Found(absl::StrCat("experiment ", id.value(), ", arm ", stored[i].arm.value(), ": counters say ",
                         stored[i].done, " done and ", stored[i].correct, " correct, the rows ",
                         expected[i].done, " and ", expected[i].correct));
    }
  }
  return database_->Execute("COMMIT");
}

absl::Status CopyPages(Database& from, Database& to, const std::function<void(int64_t, int64_t)>& progress) {
  sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) return to.LastError();
  int code = SQLITE_OK;
  do {
    code = sqlite3_backup_step(backup, kPagesPerStep);
    const int64_t total = sqlite3_backup_pagecount(backup);
    if (progress) progress(total - sqlite3_backup_remaining(backup), total);
  } while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED);
  code = sqlite3_backup_finish(backup);
  return code == SQLITE_OK ? absl::OkStatus() : to.LastError();
}

absl::Status SyncAndRename(const std::string& temporary, const std::string& to) {
  const int fd = open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int sync_error = errno;
  if (fd >= 0) close(fd);
  if (!synced)
    return absl::UnavailableError(absl::StrCat("cannot sync ", temporary, ": ", std::strerror(sync_error)));
  // link, not rename: it fails rather than replace a file made meanwhile.
  if (link(temporary.c_str(), to.c_str()) != 0) {
    const int error = errno;
    if (error == EEXIST) return absl::AlreadyExistsError(absl::StrCat(to, " exists: name another file"));
    if (std::rename(temporary.c_str(), to.c_str()) == 0) return absl::OkStatus();  // no hard links there
    return absl::UnavailableError(absl::StrCat("cannot make ", to, ": ", std::strerror(error)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckReport> CheckDatabase(const std::string& path) {
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenExamined(path));
  return Checker(database.get()).Run();
}

absl::Status BackupDatabase(const std::string& from, const std::string& to,
                            const std::function<void(int64_t done, int64_t total)>& progress) {
  if (FileExists(to)) return absl::AlreadyExistsError(absl::StrCat(to, " exists: name another file"));
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Database> source, OpenExamined(from));
  const std::string temporary = absl::StrCat(to, ".tmp.", getpid());
  absl::Status copied;
  {
    absl::StatusOr<std::unique_ptr<Database>> target = Database::Open(
        SqliteUri(temporary, "mode=rwc"), temporary, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    copied = target.ok() ? CopyPages(*source, **target, progress) : target.status();
    // The copy's header says WAL; as a plain file it can be read anywhere.
    if (copied.ok()) copied = (*target)->Execute("PRAGMA journal_mode = DELETE");
  }
  if (copied.ok()) copied = SyncAndRename(temporary, to);
  unlink(temporary.c_str());
  return copied;
}

absl::StatusOr<std::vector<ArmCounters>> RecountCounters(const std::string& path, ExperimentId id) {
  SPRINT_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenExamined(path));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<ArmCounters> stored, StoredCounters(*database, id));
  SPRINT_ASSIGN_OR_RETURN(const std::vector<ArmCounters> counted, RecountFromRows(*database, id));
  return InOrderOf(stored, counted);
}

}  // namespace sprint
