#include "storage/sqlite_store.h"

#include <sys/stat.h>

#include <climits>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "storage/file_system.h"
#include "storage/schema.h"
#include "storage/sqlite_store_impl.h"

namespace sprint {
namespace {

// The log is folded into the database each time it has grown by this many pages…
constexpr int64_t kFoldEveryFrames = 1000;
// … after every commit, and cut back to nothing, once its file is larger than this…
constexpr int64_t kLargeLogBytes = int64_t{16} << 20;
// … and by the commit itself, which so slows down, when the thread cannot keep up.
constexpr int64_t kTooLargeLogBytes = int64_t{64} << 20;

// The one name of the file, so that two links to it meet at one lock. Its folder must exist.
absl::StatusOr<std::string> CanonicalPath(const std::string& path) {
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) != nullptr) return std::string(resolved);
  const std::string folder = FolderOf(path);
  if (realpath(folder.c_str(), resolved) == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("no folder ", folder, " for the database ", path, ": make it first"));
  }
  const size_t slash = path.rfind('/');
  return absl::StrCat(resolved, "/", slash == std::string::npos ? path : path.substr(slash + 1));
}

absl::Status Configure(Database& database, const SqliteStoreOptions& options) {
  if (sqlite3_db_readonly(database.handle(), "main") == 1) {
    return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseReadOnly,
                 absl::StrCat(database.path(), " is read-only: make it writable or name another database"));
  }
  SPRINT_ASSIGN_OR_RETURN(Statement journal, database.Prepare("PRAGMA journal_mode = WAL"));
  {
    Query query(journal);
    SPRINT_ASSIGN_OR_RETURN(const bool row, query.Next());
    if (!row || query.Bytes(0) != "wal") {
      return absl::UnavailableError(
          absl::StrCat(database.path(),
                       " cannot have a write-ahead log: its file system lacks shared "
                       "memory; keep the database on a local disk"));
    }
  }
  if (options.max_pages > 0) {
    SPRINT_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA max_page_count = ", options.max_pages)));
  }
  return database.Execute(
      "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA "
      "secure_delete = OFF;"
      "PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0");
}

int NoteFrames(void* frames, sqlite3*, const char*, int in_log) {
  *static_cast<int64_t*>(frames) = in_log;
  return SQLITE_OK;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options) {
  return SqliteStore::Open(options);
}

absl::StatusOr<std::unique_ptr<Store>> SqliteStore::Open(const SqliteStoreOptions& options) {
  SPRINT_ASSIGN_OR_RETURN(const std::string path, CanonicalPath(options.path));
  SPRINT_RETURN_IF_ERROR(CheckFileSystem(path, options.file_system_type));
  if (!options.create && !FileExists(path)) {
    return absl::NotFoundError(absl::StrCat("there is no database ", path, ": `sprint launch` makes one"));
  }
  if (IsDirectory(path)) return absl::NotFoundError(absl::StrCat(path, " is a folder: name a file in it"));
  SPRINT_RETURN_IF_ERROR(CheckFileHeader(path));

  std::unique_ptr<SqliteStore> store(new SqliteStore());
  store->path_ = path;
  SPRINT_ASSIGN_OR_RETURN(store->lock_, OwnerLock::Take(path));
  SPRINT_ASSIGN_OR_RETURN(store->database_, Database::Open(SqliteUri(path, "mode=rwc"), path,
                                                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  Database& database = *store->database_;
  SPRINT_RETURN_IF_ERROR(ExamineSchema(database).status());
  SPRINT_RETURN_IF_ERROR(Configure(database, options));
  SPRINT_RETURN_IF_ERROR(Migrate(database));
  sqlite3_wal_hook(database.handle(), &NoteFrames, &store->frames_);
  SPRINT_RETURN_IF_ERROR(store->PrepareStatements());
  SPRINT_RETURN_IF_ERROR(store->TakeEpoch());
  if (options.fold_in_background) {
    SPRINT_ASSIGN_OR_RETURN(store->folder_, LogFolder::Start(path));
  }
  return std::unique_ptr<Store>(std::move(store));
}

absl::Status SqliteStore::PrepareStatements() {
  const std::pair<Statement*, const char*> all[] = {
      {&statements_.epoch, "SELECT value FROM meta WHERE key = 'epoch'"},
      {&statements_.insert_answer, "INSERT INTO answer (tokens, text, logprobs_hash) VALUES (?1, ?2, ?3)"},
      {&statements_.insert_outcome,
       "INSERT INTO outcome VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"},
      {&statements_.insert_verdict,
       "INSERT OR REPLACE INTO verdict VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
      {&statements_.verdicts_of_cell,
       "SELECT gold_id, judge_version, correct FROM verdict "
       "WHERE run_id = ?1 AND question_id = ?2 AND arm_id = ?3 AND sample = ?4"},
      {&statements_.move_counters,
       "UPDATE experiment_arm SET done = done + ?3, judged = judged + ?4, correct = correct + ?5, "
       "truncated = truncated + ?6, tokens = tokens + ?7 WHERE experiment_id = ?1 AND arm_id = ?2"},
      {&statements_.upsert_failure, "INSERT OR REPLACE INTO failure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      {&statements_.clear_failure,
       "DELETE FROM failure WHERE run_id = ?1 AND question_id = ?2 AND arm_id = ?3 AND sample = ?4"},
      {&statements_.set_state, "UPDATE experiment SET state = ?2 WHERE experiment_id = ?1"},
      {&statements_.insert_alarm,
       "INSERT INTO alarm (run_id, question_id, arm_id, sample, worker_id, numerics_id, tokens, text, at) "
       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
      {&statements_.find_feature_kind,
       "SELECT k.feature_kind_id, k.width FROM run r CROSS JOIN feature_kind k ON k.weights_hash = "
       "r.weights_hash "
       "AND k.dtype = r.dtype AND k.layer = ?2 WHERE r.run_id = ?1"},
      {&statements_.insert_feature_kind,
       "INSERT INTO feature_kind (weights_hash, dtype, layer, width) SELECT weights_hash, dtype, ?2, ?3 FROM "
       "run "
       "WHERE run_id = ?1"},
      {&statements_.insert_feature, "INSERT INTO feature VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"},
      {&statements_.find_worker, "SELECT worker_id FROM worker WHERE instance = ?1"},
      {&statements_.insert_worker,
       "INSERT INTO worker (instance, name, device, software, first_seen) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&statements_.find_numerics, "SELECT numerics_id FROM numerics WHERE description = ?1"},
      {&statements_.insert_numerics, "INSERT INTO numerics (description) VALUES (?1)"},
      {&statements_.find_answer,
       "SELECT a.tokens, o.numerics_id FROM outcome o CROSS JOIN answer a ON a.answer_id = o.answer_id "
       "WHERE o.run_id = ?1 AND o.question_id = ?2 AND o.arm_id = ?3 AND o.sample = ?4"},
  };
  for (const auto& [statement, sql] : all) {
    SPRINT_ASSIGN_OR_RETURN(*statement, database_->Prepare(sql));
  }
  SPRINT_ASSIGN_OR_RETURN(index_, SelectionIndex::Create(database_.get()));
  return absl::OkStatus();
}

absl::Status SqliteStore::TakeEpoch() {
  Transaction transaction(database_.get());
  SPRINT_RETURN_IF_ERROR(transaction.Begin());
  SPRINT_RETURN_IF_ERROR(database_->Execute("UPDATE meta SET value = value + 1 WHERE key = 'epoch'"));
  SPRINT_ASSIGN_OR_RETURN(epoch_, database_->QueryInt("SELECT value FROM meta WHERE key = 'epoch'"));
  SPRINT_RETURN_IF_ERROR(transaction.Commit());
  SPRINT_ASSIGN_OR_RETURN(Statement key,
                          database_->Prepare("SELECT value FROM meta WHERE key = 'grant_key'"));
  Query query(key);
  SPRINT_ASSIGN_OR_RETURN(const bool found, query.Next());
  if (!found || epoch_ <= 0) {
    return Error(absl::StatusCode::kDataLoss, Reason::kDatabaseCorrupt,
                 absl::StrCat(path_, " is damaged (no grant key or epoch in meta): restore a backup"));
  }
  grant_key_ = query.Text(0);
  return absl::OkStatus();
}

absl::Status SqliteStore::Write(const std::function<absl::Status()>& write) {
  Transaction transaction(database_.get());
  SPRINT_RETURN_IF_ERROR(transaction.Begin());
  {
    Query epoch(statements_.epoch);
    SPRINT_ASSIGN_OR_RETURN(const bool found, epoch.Next());
    if (!found || epoch.Int(0) != epoch_) {
      return Error(absl::StatusCode::kFailedPrecondition, Reason::kDatabaseFenced,
                   absl::StrCat(path_, " has another owner since (epoch ", found ? epoch.Int(0) : 0,
                                ", ours was ", epoch_, "): this process must stop"));
    }
  }
  SPRINT_RETURN_IF_ERROR(write());
  SPRINT_RETURN_IF_ERROR(transaction.Commit());
  KeepLogShort();
  return absl::OkStatus();
}

// What is committed is durable in the log already: an error here only leaves the log longer, and the
// next commit that has no room says so.
void SqliteStore::KeepLogShort() {
  const int64_t bytes = wal_status().bytes;
  const bool large = bytes > kLargeLogBytes;
  if (frames_ < frames_folded_) frames_folded_ = 0;  // the log began anew
  const bool grown = frames_ - frames_folded_ >= kFoldEveryFrames;
  if (!large && !grown) return;
  if (folder_ != nullptr && !(grown && bytes > kTooLargeLogBytes)) {
    folder_->Request(large);
  } else {
    held_back_ = FoldLog(*database_, large);
  }
  frames_folded_ = grown ? frames_ : frames_folded_;
}

WalStatus SqliteStore::wal_status() const {
  WalStatus status;
  struct stat info;
  if (stat((path_ + "-wal").c_str(), &info) == 0) status.bytes = info.st_size;
  status.held_back = folder_ != nullptr ? folder_->held_back() : held_back_;
  return status;
}

absl::StatusOr<WorkerId> SqliteStore::InternWorker(const WorkerRecord& worker) {
  {
    Query find(statements_.find_worker, worker.instance);
    SPRINT_ASSIGN_OR_RETURN(const bool found, find.Next());
    if (found) return WorkerId(find.Int(0));
  }
  SPRINT_RETURN_IF_ERROR(Write([&] {
    return Query(statements_.insert_worker, worker.instance, worker.name, worker.device, worker.software,
                 absl::ToUnixMicros(worker.first_seen))
        .Run();
  }));
  return WorkerId(database_->last_insert_id());
}

absl::StatusOr<NumericsId> SqliteStore::InternNumerics(const std::string& description) {
  {
    Query find(statements_.find_numerics, description);
    SPRINT_ASSIGN_OR_RETURN(const bool found, find.Next());
    if (found) return NumericsId(find.Int(0));
  }
  SPRINT_RETURN_IF_ERROR(Write([&] { return Query(statements_.insert_numerics, description).Run(); }));
  return NumericsId(database_->last_insert_id());
}

absl::StatusOr<Store::DurableAnswer> SqliteStore::FindAnswer(const CellKey& cell) {
  Query find(statements_.find_answer, cell.run.value(), cell.question.value(), cell.arm.value(), cell.sample);
  SPRINT_ASSIGN_OR_RETURN(const bool found, find.Next());
  if (!found) return absl::NotFoundError(absl::StrCat(ToString(cell), " has no outcome in ", path_));
  DurableAnswer answer;
  SPRINT_ASSIGN_OR_RETURN(answer.tokens, DecodeTokens(find.Bytes(0)));
  answer.numerics = NumericsId(find.Int(1));
  return answer;
}

}  // namespace sprint
